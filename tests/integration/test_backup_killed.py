# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program, restic or the server is killed during a backup: none is listed that is not whole, and the next one succeeds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration import ports
from integration.backups import PASSWORD, set_of_one
from integration.harness import ROOT, Mongod, until

from lab import binaries
from lab.repetitions import ALL

PORT = ports.first(__file__)
ENTRY = """\
from pathlib import Path
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import program
locks._ROOTS = Path({home!r}, "locks")
program.run()
"""
ROUNDS = 20 if ALL else 2
VICTIMS = ("program", "restic", "mongod")


@dataclass
class Host:
    """A backup host below ``home``, of a set of one; ``seconds`` is what an undisturbed run takes."""

    home: Path
    server: Mongod
    seconds: float = 0.0

    def begin(self, *words: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-c",
            ENTRY.format(home=str(self.home)),
            "backup",
            *words,
            "--config",
            str(self.home / "backup.json"),
        ]
        path = f"{binaries.restic().parent}:{os.environ['PATH']}"
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / ".tree"), "STATE_DIRECTORY": str(self.home), "PATH": path},
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        with self.begin(*words) as process:
            told, failed = process.communicate(timeout=120)
        return process.returncode, told, failed

    def listed(self) -> list[str]:
        """Names of the backups that are whole; none may be there that is not."""
        code, told, failed = self.run("list", "--json")
        assert (code, failed) == (0, "")
        return [one["id"] for one in json.loads(told)]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    home = tmp_path_factory.mktemp("host")
    with set_of_one(tmp_path_factory.mktemp("set"), PORT) as server:
        with server.client() as client:
            for name in ("shop", "crm"):
                client[name].orders.insert_many([{"_id": number, "text": os.urandom(400).hex()} for number in range(8_000)])
        settings = {
            "login": {"host": "127.0.0.1", "port": PORT, "tls": False, "timeout": 2},
            "members": [server.address],
            "repository": str(home / "bases"),
            "password": PASSWORD,
        }
        (home / "backup.json").write_text(json.dumps(settings))
        made = Host(home, server)
        assert made.run("run")[0] == 0  # makes the repository, and verifies
        begun = time.monotonic()
        assert made.run("run")[0] == 0
        made.seconds = time.monotonic() - begun
        yield made


def below(pid: int) -> list[int]:
    """All that a process has started that still runs, which may be gone."""
    try:
        children = [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]
    except OSError:
        return []
    return [found for child in children for found in (child, *below(child))]


def is_over(pid: int) -> bool:
    """Also of one for which nobody has asked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_whatever_is_killed_leaves_no_half_backup(host: Host, victim: str, turn: int) -> None:
    share = (turn + (VICTIMS.index(victim) + 1) / (len(VICTIMS) + 1)) / ROUNDS
    before = host.listed()
    with host.begin("run") as process:
        time.sleep(host.seconds * share)
        started = below(process.pid)
        pids = {"program": [process.pid], "restic": started, "mongod": [host.server.process.pid]}  # type: ignore[union-attr]
        for pid in pids[victim]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=120)
    until(lambda: all(map(is_over, started)), 60)  # a restic without its program may still save what it has got
    if victim == "mongod":
        host.server.stop(kill=True)
        host.server.start()
        with host.server.client() as client:
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
    after = host.listed()
    assert after[: len(before)] == before
    assert len(after) <= len(before) + 1
    code, told, failed = host.run("run")
    assert (code, failed) == (0, ""), told
    assert len(host.listed()) == len(after) + 1
    code, told, failed = host.run("verify")
    assert (code, failed) == (0, ""), told
