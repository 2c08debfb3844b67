# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command, run by a real shell with a program in apt-get's place that notes its words and answers as told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._host.apt import install_command

STAND_IN = """#!/bin/sh
for word in "$@"; do last=$word; done
case " $* " in *" update "*) kind=update ;; *) kind=install ;; esac
case " $* " in *"sourcelist="*) kind=one-source ;; esac
count=$(($(grep -c "^$kind" {home}/log) + 1))
echo "$kind $last" >>{home}/log
[ -e {home}/fails-$kind-$count ] || exit 0
cat {home}/fails-$kind-$count >&2
exit 100
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "log").touch()
    for name, text in {"apt-get": STAND_IN.format(home=tmp_path), "sleep": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(home: Path, source: str = "", **failures: str) -> tuple[int, list[str], str]:
    for when, words in failures.items():
        (home / f"fails-{when.replace('_', '-')}").write_text(words)
    done = subprocess.run(
        install_command(["a", "b=1.*"], source),
        env={**os.environ, "PATH": f"{home}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [line.split()[0] for line in (home / "log").read_text().splitlines()], done.stderr


def test_all_sources_are_updated_before_the_installation(home: Path) -> None:
    assert run(home)[:2] == (0, ["update", "install"])


def test_one_source_is_enough_where_the_installation_succeeds(home: Path) -> None:
    assert run(home, "/etc/apt/sources.list.d/x.sources")[:2] == (0, ["one-source", "install"])


def test_lists_that_are_too_old_are_updated_and_the_installation_is_tried_again(home: Path) -> None:
    assert run(home, "/x.sources", install_1="E: 404\n")[:2] == (0, ["one-source", "install", "update", "install"])


def test_what_fails_twice_has_failed(home: Path) -> None:
    code, _left, words = run(home, "/x.sources", install_1="E: first\n", install_2="E: second\n")
    assert (code, "E: second" in words) == (100, True)


@pytest.mark.parametrize("source", ["", "/x.sources"])
def test_an_update_that_fails_ends_it_with_the_reason(home: Path, source: str) -> None:
    kind = "one-source" if source else "update"
    code, calls, words = run(home, source, **{f"{kind}_1": "E: Failed to fetch http://m\n"})
    assert (code, calls, words) == (1, [kind], "E: Failed to fetch http://m\n")


def test_another_package_manager_is_waited_for(home: Path) -> None:
    busy = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n"
    assert run(home, update_1=busy, update_2=busy)[:2] == (0, ["update", "update", "update", "install"])


def test_it_is_not_waited_for_without_end(home: Path) -> None:
    busy = "E: Could not get lock /var/lib/apt/lists/lock\n"
    code, calls, words = run(home, **{f"update_{number}": busy for number in range(1, 9)})
    assert (code, calls, words) == (1, ["update"] * 5, busy)


def test_names_and_versions_arrive_as_they_are(home: Path) -> None:
    run(home)
    assert (home / "log").read_text().splitlines()[-1] == "install b=1.*"
