# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that is given its input: it never takes a part of it for all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.feed import feed
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import Program

AT = {"host": "vault-a", "attempt": "keep it"}
MUCH = bytes(range(256)) * 8192


def sh(script: str) -> Program:
    return Program(["sh", "-c", script])


def test_it_gets_all_and_its_words_are_kept(tmp_path: Path) -> None:
    with feed(sh(f"cat >{tmp_path}/got; echo done; echo mind >&2"), idle=10, **AT) as fed:
        fed.write(MUCH)
        fed.write(b"end")
    assert (tmp_path / "got").read_bytes() == MUCH + b"end"
    assert (fed.output.text, fed.output.complaint) == ("done\n", "mind")


def test_a_block_that_fails_kills_it_before_its_input_ends(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), feed(sh(f"cat >/dev/null; touch {tmp_path}/saved"), idle=10, **AT) as fed:
        fed.write(MUCH)
        fed.write(bytes([1 // 0]))
    time.sleep(0.3)
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("script", ["echo full >&2; exit 3", "head -c 100 >/dev/null; echo full >&2; exit 3"])
def test_its_own_failure_is_told_and_not_the_broken_pipe(script: str) -> None:
    told = "vault-a: could not keep it because sh says 'full'"
    with pytest.raises(StrongholdError, match=told), feed(sh(script), idle=10, **AT) as fed:
        for _part in range(20):
            fed.write(MUCH)


def test_its_failure_after_all_was_written_is_one() -> None:
    with (
        pytest.raises(StrongholdError, match="because sh says 'full'"),
        feed(sh("cat >/dev/null; echo full >&2; exit 3"), idle=10, **AT),
    ):
        pass


@pytest.mark.parametrize(("script", "what"), [("sleep 60", "took nothing"), ("exec 0<&-; sleep 60", "did not end")])
def test_one_that_hangs_is_not_waited_for(script: str, what: str) -> None:
    began = time.monotonic()
    with pytest.raises(StrongholdError, match=f"because sh {what} within 0.5 s"), feed(sh(script), idle=0.5, **AT) as fed:
        time.sleep(0.2)
        fed.write(MUCH)
    assert time.monotonic() - began < 5


def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(StrongholdError, match="no-such is not installed"), feed(Program(["no-such"]), idle=1, **AT):
        pass
