# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the survey of a host tells, of a real host and of real environments, and that it waits for no program for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._host import survey
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.state import HostState, file_differs, unit_runs
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import conf


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    info = site(tmp_path / "venv") / "pymongo-4.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: PyMongo\nVersion: 4.9\n")
    (info / "RECORD").write_text("pymongo/__init__.py,,\n")
    return tmp_path / "venv"


def site(venv: Path) -> Path:
    (folder,) = (venv / "lib").glob("python*/site-packages")
    return folder


def found(venv: Path) -> Any:
    return survey.distributions(str(venv))


def test_a_whole_environment(venv: Path) -> None:
    assert found(venv) == {"pymongo": "4.9"}
    shutil.rmtree(site(venv) / "pymongo-4.9.dist-info")
    assert found(venv) == {}


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda venv: (venv / "bin" / "python").unlink(),
        lambda venv: (venv / "pyvenv.cfg").unlink(),
        lambda venv: shutil.rmtree(site(venv)),
        lambda venv: (site(venv) / "pymongo-4.9.dist-info" / "RECORD").unlink(),
        lambda venv: (site(venv) / "~ymongo-4.8.dist-info").mkdir(),
    ],
    ids=["none", "no program", "no configuration", "of another Python", "half installed", "half upgraded"],
)
def test_what_is_not_whole_is_made_anew(venv: Path, damage: Any) -> None:
    damage(venv)
    assert found(venv) is None


def test_pip_runs_from_the_wheel_that_was_found(venv: Path) -> None:
    wheel = survey.pip_wheel()
    done = subprocess.run([venv / "bin" / "python", f"{wheel}/pip", "--version"], capture_output=True, text=True, check=True)
    assert f"from {wheel}/pip" in done.stdout


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("net:\n  port: 27017\n  tls:\n    mode: requireTLS\n", "requireTLS"),
        ("net:\n    tls:\n        CAFile: /x\n        mode: 'allowTLS'\nsecurity:\n    mode: other\n", "allowTLS"),
        ("operationProfiling:\n  mode: all\nnet:\n  port: 1\n", None),
        ("net:\n  tls:\n    CAFile: /x\n  mode: wrong\n", None),
        ("net.tls.mode: preferTLS # a dotted path\n", "preferTLS"),
    ],
)
def test_what_a_server_is_configured_with(text: str, mode: str | None) -> None:
    assert conf.option(text, "net.tls.mode") == mode


def test_what_the_server_was_started_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / "mongod.conf", tmp_path / "ca.pem"]
    for file in files:
        file.write_text("before")
    record = tmp_path / "record"
    monkeypatch.setattr(survey, "STARTED_WITH", str(record))
    assert not survey.as_started()
    record.write_text(subprocess.run(["sha256sum", *files], check=True, capture_output=True, text=True).stdout)
    assert survey.as_started()
    files[1].write_text("after")
    assert not survey.as_started()
    files[1].unlink()
    assert not survey.as_started()


SYSTEMCTL = """
for unit in "$@"; do case $unit in *.service|*.timer)
    printf 'Id=%s\\nActiveState=inactive\\nUnitFileState=\\nNeedDaemonReload=no\\n\\n' "$unit";; esac; done
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder before all others in PATH, with the two programs of the system that the survey asks."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(survey, "DPKG_STATUS", tmp_path)
    write(folder / "systemctl", SYSTEMCTL)
    write(folder / "dpkg-query", "exit 0\n")
    return folder


def write(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def surveyed(venv: Path) -> HostState:
    return survey.survey(
        {
            "db_path": "/var/lib/mongodb",
            "writes": ["/var/log/mongodb"],
            "user": "root",
            "group": "root",
            "venv": str(venv),
            "sysctls": ["vm.swappiness"],
            "packages": [],
        }
    )


def test_the_whole_survey(venv: Path, programs: Path) -> None:
    first, second = surveyed(venv), surveyed(venv)
    assert set(first) == HostState.__required_keys__
    assert first["taken_at"] < second["taken_at"]
    assert first["units"]["mongod.service"] == {"ActiveState": "inactive", "UnitFileState": "", "NeedDaemonReload": "no"}
    assert first["time_services"] == []
    assert first["venv"]["distributions"] == {"pymongo": "4.9"}


def test_units_of_the_collection_are_known_by_their_files(venv: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "stronghold-later.timer").touch()
    (programs / "other.timer").touch()
    monkeypatch.setattr(survey, "SYSTEMD", programs)
    assert set(surveyed(venv)["units"]) == {"mongod.service", "firewalld.service", "stronghold-later.timer"}


@pytest.mark.parametrize("program", ["systemctl", "dpkg-query", "rpm"])
def test_a_program_that_hangs_is_not_waited_for(
    program: str, venv: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "rpm":
        monkeypatch.setattr(survey, "DPKG_STATUS", programs / "none")
    write(programs / program, "exec sleep 60\n")
    monkeypatch.setattr(survey, "TIMEOUT", 0.5)
    with pytest.raises(StrongholdError, match=f"could not read the state of the host because {program} did not end within 0.5 s"):
        surveyed(venv)


def test_nor_is_the_python_of_the_environment(venv: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (venv / "bin" / "python").unlink()
    write(venv / "bin" / "python", "exec sleep 60\n")
    monkeypatch.setattr(survey, "TIMEOUT", 0.5)
    with pytest.raises(StrongholdError, match="because python did not end within"):
        surveyed(venv)


def test_a_package_database_that_cannot_be_read_is_not_taken_for_an_empty_one(venv: Path, programs: Path) -> None:
    write(programs / "dpkg-query", "echo 'the database is locked' >&2; exit 2\n")
    with pytest.raises(StrongholdError, match="dpkg-query says 'the database is locked'"):
        surveyed(venv)


def test_what_differs(venv: Path, programs: Path) -> None:
    found = surveyed(venv)
    found["files"] = {"/etc/a": {"content": "text", "mode": "0644", "uid": 0}}
    found["units"] = {"a.timer": {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}}
    assert not file_differs(found, "/etc/a", "text")
    assert file_differs(found, "/etc/a", "other")
    assert file_differs(found, "/etc/b", "text")
    for change in ({"mode": "0666"}, {"uid": 1}):
        assert file_differs({**found, "files": {"/etc/a": {**found["files"]["/etc/a"], **change}}}, "/etc/a", "text")
    assert unit_runs(found, "a.timer")
    assert not unit_runs(found, "b.timer")
    for change in ({"ActiveState": "failed"}, {"UnitFileState": "disabled"}, {"NeedDaemonReload": "yes"}):
        assert not unit_runs({**found, "units": {"a.timer": {**found["units"]["a.timer"], **change}}}, "a.timer")
