# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that takes too long is told of in a sentence, not as a defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import connections
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import conf_check


def program(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_connections_that_cannot_be_listed_in_time_hinder_and_fail_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "ss", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(connections, "_TIMEOUT", 0.2)
    assert connections.cut([27017], {4: [], 6: []}) == "ss did not end within 0.2 s"


def test_a_configuration_that_mongod_does_not_read_in_time_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf_check, "_READING", 0.2)
    check = conf_check.read_by_mongod(program(tmp_path, "mongod", "exec sleep 60"), tmp_path / "mongod.conf")
    with pytest.raises(StrongholdError, match=r"could not replace \S+/mongod.conf because mongod did not end within 0.2 s; see"):
        check("net: {}")


def test_what_mongod_says_of_a_configuration_names_the_file_that_it_becomes(tmp_path: Path) -> None:
    mongod = program(tmp_path, "mongod", 'echo "Unrecognized option in $3" >&2; exit 2')
    with pytest.raises(StrongholdError) as refused:
        conf_check.read_by_mongod(mongod, Path("/etc/mongod.conf"))("net: {}")
    assert (refused.value.reason, refused.value.remedy) == (
        "mongod refuses it: Unrecognized option in /etc/mongod.conf",
        "correct the option; nothing was changed",
    )
