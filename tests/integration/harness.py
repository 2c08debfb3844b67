# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real mongods on loopback, and modules run as Ansible runs them: a fresh process with JSON arguments."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo
from integration import ports

from lab.binaries import mongod_tree

ROOT = Path(__file__).resolve().parents[2]
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def dies_with_us() -> None:
    """In a child before it becomes another program: it is killed with the thread that started it, as when pytest is."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Mongod:
    """One mongod process on loopback with its data under ``home``; ``options`` are command-line words."""

    home: Path
    port: int
    version: str = "6.0.27"
    options: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    bind: str = "127.0.0.1"
    log_file: Path = Path()

    def __post_init__(self) -> None:
        if self.log_file == Path():
            self.log_file = self.home / "log"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.home / "data").mkdir(parents=True, exist_ok=True)
        command = [
            str(mongod_tree(self.version) / "bin" / "mongod"),
            *("--dbpath", str(self.home / "data"), "--port", str(self.port), "--bind_ip", self.bind),
            *("--logpath", str(self.log_file), "--logappend", "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"),
            *self.options,
        ]
        before = len(self.log())
        lasting = threading.current_thread() is threading.main_thread()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=dies_with_us if lasting else None,  # noqa: PLW1509  which is one system call
        )
        deadline = time.monotonic() + 30
        while "Waiting for connections" not in (told := self.log()[before:]):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mongod on {self.port} did not start: {told[-2000:]}\n{ports.held(self.port)}")
            time.sleep(0.05)

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def stop(self, *, kill: bool = False) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(timeout=60)

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        return pymongo.MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=5000, **options)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for it, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@contextlib.contextmanager
def mongods(home: Path, count: int = 1, version: str = "6.0.27", *options: str, port: int) -> Iterator[list[Mongod]]:
    """``count`` running mongods on consecutive ports, stopped at the end."""
    servers = [Mongod(home / f"m{index}", port + index, version, list(options)) for index in range(count)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop(kill=True)


def run_module(
    name: str, /, *, check: bool = False, diff: bool = True, within: Sequence[str] = (), **arguments: Any
) -> dict[str, Any]:
    """Run one module of the collection and return its result; ``rc`` is added when it failed.

    ``within`` are words put before the command, such as those of nsenter(1).
    """
    payload = {**arguments, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}  # noqa: S108
    done = subprocess.run(
        [*within, sys.executable, "-m", f"ansible_collections.stronghold.mongodb.plugins.modules.{name}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": payload}),
        env={**os.environ, "PYTHONPATH": str(ROOT / ".tree")},
        cwd="/",
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )
    try:
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise AssertionError(f"{name} printed no result:\n{done.stdout}\n{done.stderr}") from None
    if done.returncode:
        result["rc"] = done.returncode
    return result


LOG = "log-of-the-host"
_RECORDER = """import syslog
def record(*words):
    with open({path!r}, "a") as stream:
        stream.write(str(words[-1]))
syslog.syslog = record
"""


def logging_to(folder: Path) -> list[str]:
    """For ``within`` of ``run_module``: what the module logs on its host is then in the file ``LOG`` of ``folder``."""
    (folder / "sitecustomize.py").write_text(_RECORDER.format(path=str(folder / LOG)))
    return ["env", f"PYTHONPATH={folder}:{ROOT / '.tree'}"]


def unchanged(result: dict[str, Any]) -> bool:
    return not result.get("failed") and result["changed"] is False


def one_sentence(result: dict[str, Any]) -> str:
    assert result["failed"]
    assert result["msg"].count("\n") == 0
    assert "Traceback" not in json.dumps(result)
    assert {"host", "attempt", "reason", "remedy"} <= set(result)
    return str(result["msg"])
