# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-side program: what is in it, and how it ends."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from programs import TREE

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import bundle, program
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.registry import COMMANDS

CANARY = "canary-7f3a-password"


def contents(data: bytes, ending: str = ".py") -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode("latin-1") for name in archive.namelist() if name.endswith(ending)}


def test_equal_sources_have_an_equal_digest_whatever_python_asks() -> None:
    ask = f"from {bundle.__name__} import digest; print(digest())"
    tree = {"PYTHONPATH": str(TREE), "PYTHONHASHSEED": "1"}
    told = subprocess.check_output([sys.executable, "-OO", "-c", ask], text=True, env={**os.environ, **tree}).strip()
    assert told == bundle.digest()


@pytest.mark.parametrize("name", [bundle.ENTRY, f"{bundle.UTILS}._base.errors", bundle.__name__])
def test_another_source_has_another_digest(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before, read = bundle.digest(), bundle._source
    monkeypatch.setattr(bundle, "_source", lambda asked: read(asked) + ("\n" if asked == name else ""))
    assert bundle.digest() != before


def test_it_runs_its_bytecode_and_another_python_its_sources(tmp_path: Path) -> None:
    file = tmp_path / "stronghold"
    file.write_bytes(bundle.build(sys.executable))
    entry = f"{bundle.ENTRY.replace('.', '/')}.py"
    assert set(contents(file.read_bytes(), ".pyc")) == {f"{name}c" for name in contents(file.read_bytes())}
    show = f"from {bundle.ENTRY} import main; print(main.__code__.co_filename)"
    words = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(file)!r}); {show}"]
    assert subprocess.check_output(words, text=True).strip() == entry  # as compiled by ``build``
    file.write_bytes(file.read_bytes().replace(importlib.util.MAGIC_NUMBER, b"\0\0\r\n"))
    assert subprocess.check_output(words, text=True).strip() == f"{file}/{entry}"
    assert subprocess.run([sys.executable, "-I", file, "--help"], capture_output=True, check=True).stdout.startswith(
        b"usage: stronghold"
    )


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
    assert {"_watch/certificates.py", "_watch/renewal.py"} <= held
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

    monkeypatch.setattr(program, "COMMANDS", {"expiry": Command("expiry", run, lambda found: found)})
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


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_door_alone_loads_no_library(tmp_path: Path, name: str) -> None:
    assert (
        loaded(tmp_path, f"from {bundle.UTILS}._program.registry import COMMANDS; COMMANDS[{name!r}].require_libraries()") == []
    )


def test_what_runs_twice_a_minute_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """Run up to where it would begin: the one at its lock, the other at a port where nothing listens."""
    at_its_lock = f"import {bundle.UTILS}._allowlist.store as store; del store.alone"
    assert loaded(tmp_path, f"{at_its_lock}; {run_by_itself('allowlist', {})}") == []
    login = {"host": "127.0.0.1", "port": 1, "timeout": 1, "tls": False}
    of_the_driver = loaded(tmp_path, "import pymongo")  # with some versions of Python it loads cryptography itself
    assert loaded(tmp_path, run_by_itself("expiry", {"login": login})) == of_the_driver


def run_by_itself(command: str, settings: dict[str, Any]) -> str:
    return f"import {bundle.ENTRY} as program; program._read = lambda _path: {settings!r}; program.main([{command!r}])"


def loaded(tmp_path: Path, script: str) -> list[str]:
    """Which of the libraries Python has loaded after a script in the program."""
    file = tmp_path / "stronghold"
    file.write_bytes(bundle.build(sys.executable))
    unneeded = {"pymongo", "cryptography", "xml", "urllib.request", f"{bundle.UTILS}._allowlist.firewalld_plan"}
    show = f"print(*sorted({unneeded!r} & set(sys.modules)))"
    words = f"import sys; sys.path.insert(0, {str(file)!r}); {script}; {show}"
    return subprocess.check_output([sys.executable, "-I", "-c", words], text=True).split()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_known_by_its_file(name: str) -> None:
    assert COMMANDS[name].name == name
    assert (Path(bundle.__file__).parent / f"{name}.py").exists()


def test_a_library_that_is_missing_is_one_sentence() -> None:
    command = Command("x", lambda _settings, _tell: [], lambda found: found, libraries=("NoSuchThing",))
    with pytest.raises(
        StrongholdError, match=r"could not run x because .* has no NoSuchThing; apply stronghold\.mongodb\.mongodb_host"
    ):
        command.require_libraries()
