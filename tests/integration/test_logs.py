# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logs of a real mongod, rotated by logrotate as the timer on a host has it done."""

from __future__ import annotations

import collections
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.harness import Mongod, until

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import log_files
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.logs import LogSettings, accepted, keep

PORT = ports.first(__file__)
MIB = 1 << 20
ACCEPTED = 22943  # id of the line that a server logs for each connection, with the number of it
LOUD = ("-vvv",)

pytestmark = pytest.mark.skipif(not shutil.which("logrotate", path="/usr/sbin:/usr/bin"), reason="needs logrotate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir(mode=0o750)
    return tmp_path / "logs"


@contextmanager
def running(home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mongod]:
    server = Mongod(home / "m", PORT, options=["--logRotate", "reopen", *LOUD], log_file=folder / "mongod.log")
    server.start()
    assert server.process
    stand_in(home, monkeypatch, server.process.pid)
    try:
        yield server
    finally:
        server.stop(kill=True)


def stand_in(home: Path, monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    """For systemd, which does not run here: it tells the process of the unit."""
    (home / "bin").mkdir(exist_ok=True)
    program = home / "bin" / "systemctl"
    program.write_text(f"#!/bin/sh\necho {pid}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def settings(folder: Path, **options: Any) -> LogSettings:
    log = {"path": str(folder / "mongod.log"), "max_mb": 1, "keep": 30, "days": 30}
    return accepted({"user": "root", "group": "root", "logs": [{**log, **options}], "paths": [str(folder)]})


def connect(times: int) -> None:
    for _ in range(times):
        with suppress(ConnectionResetError):
            socket.create_connection(("127.0.0.1", PORT), 10).close()


def numbers(folder: Path) -> list[int]:
    """Of the connections in the log and in all that it was before."""
    found = []
    for path in folder.glob("mongod.log*"):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            entries = [json.loads(line) for line in lines if f'"id":{ACCEPTED},' in line]
        found += [entry["attr"]["connectionId"] for entry in entries]
    return found


def test_each_line_of_a_busy_server_is_in_one_file(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with running(tmp_path, folder, monkeypatch) as server:
        done = threading.Event()

        def write() -> None:
            while not done.is_set():
                connect(10)

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        while len(told) < 4:
            assert keep(settings(folder), told.append) == []
            assert server.process
            assert server.process.poll() is None, "the rotation ended the server"
        done.set()
        for writer in writers:
            writer.join()
        server.stop()
    names = sorted(path.name for path in folder.glob("mongod.log*"))
    assert names == ["mongod.log", "mongod.log.1", *(f"mongod.log.{number}.gz" for number in range(2, 5))]
    assert {path.stat().st_mode & 0o077 for path in folder.glob("mongod.log*")} == {0}
    counted = collections.Counter(numbers(folder))
    assert len(counted) > 1000
    assert sorted(counted) == list(range(1, max(counted) + 1)), "lines are missing"
    assert set(counted.values()) == {1}, "lines are there twice"


def test_a_small_file_system_does_not_fill(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0750", "tmpfs", folder], check=True)
    try:
        with running(tmp_path, folder, monkeypatch) as server:
            told: list[str] = []
            size = os.statvfs(folder).f_blocks * os.statvfs(folder).f_frsize
            while len(told) * MIB <= size:
                connect(20)
                assert keep(settings(folder, keep=1), told.append) == []
                assert server.process
                assert server.process.poll() is None
            assert len(list(folder.glob("mongod.log*"))) == 2
            assert server.client().admin.command("ping")["ok"] == 1
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_rotation_that_was_interrupted_is_finished(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with running(tmp_path, folder, monkeypatch) as server:
        assert server.process
        former = folder / "mongod.log.1"
        server.log_file.rename(former)
        server.process.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(log_files, "_REOPENING", 0.2)
        (failure,) = keep(settings(folder), told.append)
        assert f"it still writes to {former}" in str(failure)
        server.process.send_signal(signal.SIGCONT)
        monkeypatch.setattr(log_files, "_REOPENING", 20)
        assert keep(settings(folder), told.append) == []
        assert server.log_file.exists()
        connect(1)
        until(lambda: f'"id":{ACCEPTED},' in server.log_file.read_text())
        server.stop()
    assert numbers(folder) == [1]


def test_a_server_that_has_just_started_is_told_later(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGUSR1 ends a process that does not wait for it yet."""
    monkeypatch.setattr(log_files, "_REOPENING", 0.2)
    with (folder / "mongod.log.1").open("w") as former, subprocess.Popen(["sleep", "60"], stdout=former) as starting:
        stand_in(tmp_path, monkeypatch, starting.pid)
        assert len(keep(settings(folder), print)) == 1
        assert starting.poll() is None
        starting.kill()


def test_how_much_room_is_left_is_told(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    (data / "journal").symlink_to(tmp_path / "elsewhere")
    stand_in(tmp_path, monkeypatch, 0)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "elsewhere"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    try:
        (folder / "filler").write_bytes(bytes(MIB))
        found = accepted(
            {"user": "root", "group": "root", "paths": [str(data), str(folder)], "metrics_file": str(tmp_path / "storage.prom")}
        )
        assert keep(found, print) == []
    finally:
        subprocess.run(["umount", "--lazy", tmp_path / "elsewhere", folder], check=True)
    text = (tmp_path / "storage.prom").read_text()
    assert f'mongodb_storage_size_bytes{{path="{data}/journal"}} {MIB}\n' in text
    assert f'mongodb_storage_free_bytes{{path="{folder}"}} {MIB}\n' in text
    assert f'mongodb_storage_free_bytes{{path="{data}"}} ' in text
