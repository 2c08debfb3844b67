# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the survey of a host tells of its Python environment, whole or left half-made by a kill; on real environments."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SURVEY = runpy.run_path(str(Path(__file__).resolve().parents[2] / "roles" / "mongodb_host" / "files" / "survey.py"))


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
    return SURVEY["distributions"](SURVEY["start"](str(venv / "bin" / "python"), "-I", "-c", SURVEY["INSTALLED"]))


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
    wheel = SURVEY["pip_wheel"]()
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
def test_what_a_server_is_configured_with(text: str, mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SURVEY["configured"].__globals__, "read", lambda _path: text)
    assert SURVEY["configured"]("net.tls.mode") == mode


def test_what_the_server_was_started_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / "mongod.conf", tmp_path / "ca.pem"]
    for file in files:
        file.write_text("before")
    record = tmp_path / "record"
    monkeypatch.setitem(SURVEY["as_started"].__globals__, "STARTED_WITH", str(record))
    assert not SURVEY["as_started"]()
    record.write_text(subprocess.run(["sha256sum", *files], check=True, capture_output=True, text=True).stdout)
    assert SURVEY["as_started"]()
    files[1].write_text("after")
    assert not SURVEY["as_started"]()
    files[1].unlink()
    assert not SURVEY["as_started"]()
