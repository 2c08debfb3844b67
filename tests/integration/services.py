# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers as services: a stand-in for systemctl that really stops and starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration.harness import Mongod, run_module, until

# Units are folders of $STAND_IN_UNITS with: command (JSON), inputs (JSON, files to record), pid, record; calls logs every call.
SYSTEMCTL = """#!{python}
import hashlib, json, os, pathlib, signal, subprocess, sys, time

units = pathlib.Path(os.environ["STAND_IN_UNITS"])
with (units / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
verb = sys.argv[1]
if verb == "daemon-reload":
    for flag in units.glob("*/reload"):
        flag.unlink()
    sys.exit(0)
unit = units / sys.argv[-1]


def running():
    try:
        pid = int((unit / "pid").read_text())
        state = pathlib.Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return 0
    return 0 if state == "Z" else pid


if verb == "is-active":
    sys.exit(0 if running() else 3)
if verb == "show" and "--property=MainPID" in sys.argv:
    print(running())
    sys.exit(0)
if verb == "show":
    print("yes" if (unit / "reload").exists() else "no")
    sys.exit(0)
if verb == "restart" and running():
    os.kill(running(), signal.SIGTERM)
    while running():
        time.sleep(0.05)
record = "".join(
    f"{{hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest()}}  {{name}}\\n"
    for name in json.loads((unit / "inputs").read_text())
)
if not (unit / "frozen").exists():
    (unit / "record").write_text(record)
with (unit / "output").open("a") as output:
    server = subprocess.Popen(
        json.loads((unit / "command").read_text()), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
(unit / "pid").write_text(str(server.pid))
"""
JOURNALCTL = """#!/bin/sh
while [ "$1" != "-u" ]; do shift; done
tail -n 5 "$STAND_IN_UNITS/$2/output"
"""


# Waits until nobody holds the other end of its input, also where that was killed; then ends the servers of the folder $1.
KEEPER = """
cat
for file in "$1"/*/pid; do
    if grep -q '^mongod$' "/proc/$(cat "$file")/comm"; then kill -9 "$(cat "$file")"; fi
done
"""


@dataclass
class Unit:
    """One server as a service; ``config`` is a file that the service records."""

    folder: Path
    server: Mongod

    @property
    def config(self) -> Path:
        return self.folder / "mongod.conf"

    @property
    def record(self) -> Path:
        return self.folder / "record"

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def restart_module(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        options = {
            "login_host": "127.0.0.1",
            "login_port": self.server.port,
            "tls": False,
            "service": self.folder.name,
            "started_with": str(self.record),
            "timeout": 60,
            **arguments,
        }
        return run_module("mongodb_restart", check=check, **options)

    def hello(self) -> dict[str, Any]:
        with self.server.client() as client:
            document: dict[str, Any] = client.admin.command("hello")
            return document

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: not answers(self))


def answers(unit: Unit) -> bool:
    try:
        with pymongo.MongoClient("127.0.0.1", unit.server.port, serverSelectionTimeoutMS=300, directConnection=True) as client:
            client.admin.command("ping")
            return True
    except pymongo.errors.PyMongoError:
        return False


@contextmanager
def stand_ins(home: Path) -> Iterator[None]:
    """While it lasts, modules take the folders of ``home`` for the units of this host."""
    programs = home / "bin"
    programs.mkdir()
    for name, text in (("systemctl", SYSTEMCTL.format(python=sys.executable)), ("journalctl", JOURNALCTL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    keeper = subprocess.Popen(
        ["sh", "-c", KEEPER, "keeper", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with keeper, pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        environment.setenv("STAND_IN_UNITS", str(home))
        yield
