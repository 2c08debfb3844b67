# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-side program: what is in it, and how it ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import bundle, program

CANARY = "canary-7f3a-password"


def contents(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_equal_sources_make_equal_bytes() -> None:
    assert bundle.build("/opt/python") == bundle.build("/opt/python")
    assert bundle.build("/opt/python") != bundle.build("/opt/other")


def test_it_begins_with_its_interpreter_alone_with_its_own_libraries() -> None:
    assert bundle.build("/opt/python").splitlines()[0] == b"#!/opt/python -I"


def test_it_holds_the_sources_that_it_needs_as_they_are_and_no_others() -> None:
    files = contents(bundle.build(sys.executable))
    utils = "ansible_collections/stronghold/mongodb/plugins/module_utils"
    held = {name[len(utils) + 1 :] for name, source in files.items() if name.startswith(utils) and source}
    assert {
        "_program/program.py",
        "_accounts/expiry.py",
        "_accounts/sessions.py",
        "_mongod/connection.py",
        "_base/errors.py",
    } <= held
    assert {"_program/allowlist.py", "_allowlist/plan.py", "_allowlist/netlink.py"} <= held
    assert not held & {"_base/file_plan.py", "_base/module.py", "_program/bundle.py", "_accounts/users.py"}
    root = Path(bundle.__file__).parents[1]
    assert [name for name in held if files[f"{utils}/{name}"] != (root / name).read_text()] == []


def test_every_folder_in_it_is_a_package() -> None:
    files = contents(bundle.build(sys.executable))
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    assert {f"{folder}/__init__.py" for folder in folders} <= set(files)


def test_a_module_without_its_source_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "ENTRY", "itertools")
    with pytest.raises(StrongholdError, match="the source of itertools is not at hand"):
        bundle.build(sys.executable)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A command of the test's own: what it was given, and what it does next."""
    behaviour: list[Any] = []

    def run(settings: Any, tell: Any) -> Any:
        behaviour.append(settings)
        return behaviour[0](tell)

    monkeypatch.setattr(program, "COMMANDS", {"expiry": lambda: run})
    return behaviour


def run(tmp_path: Path, text: str = "{}") -> int:
    (tmp_path / "c.json").write_text(text)
    return program.main(["expiry", "--config", str(tmp_path / "c.json")])


def test_quiet_when_there_was_nothing_to_do(tmp_path: Path, command: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    command.append(lambda tell: [])
    assert run(tmp_path, '{"login": {"port": 1}}') == 0
    assert capfd.readouterr() == ("", "")
    assert command[1] == {"login": {"port": 1}}


def test_what_it_did_and_what_failed_are_told_apart(
    tmp_path: Path, command: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    def work(tell: Any) -> list[StrongholdError]:
        tell("removed x")
        return [StrongholdError("h", "do a", "b", "c"), StrongholdError("h", "do d", "e", "f")]

    command.append(work)
    assert run(tmp_path) == 1
    assert capfd.readouterr() == ("removed x\n", "h: could not do a because b; c.\nh: could not do d because e; f.\n")


@pytest.mark.parametrize("error", [StrongholdError("h", "do a", "b", "c"), ZeroDivisionError("odd")])
def test_every_error_is_one_sentence(
    tmp_path: Path, command: list[Any], capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    def work(_tell: Any) -> Any:
        raise error

    command.append(work)
    assert run(tmp_path) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "could not" in said.err


@pytest.mark.parametrize("text", ["", "[", CANARY, "[]", json.dumps({"login": {"password": CANARY, "sort": 1}}), "{}"])
def test_settings_that_cannot_be_used_are_one_sentence_without_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    assert run(tmp_path, text) == 1
    said = capfd.readouterr()
    assert said.err.count("\n") == 1
    assert CANARY not in said.out + said.err


def test_settings_that_are_missing_are_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.main(["expiry", "--config", "/nonexistent"]) == 1
    assert "could not read /nonexistent" in capfd.readouterr().err


def test_what_runs_twice_a_minute_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    file = tmp_path / "stronghold"
    file.write_bytes(bundle.build(sys.executable))
    load = f"import sys; sys.path.insert(0, {str(file)!r}); from {bundle.ENTRY} import COMMANDS; COMMANDS[{{!r}}]()"
    unneeded = {"pymongo", "cryptography", "xml", "urllib.request", f"{bundle.UTILS}._allowlist.firewalld_plan"}
    script = f"{load.format('allowlist')}; print(sorted({unneeded!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-I", "-c", script], text=True).strip() == "[]"
