# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of one job: started in a group of their own, ended with all that came of them, each by its id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

NICE = 10
# Seconds that a job has to put things back after each signal: SIGINT, which pytest takes as the end of its tests, then SIGTERM.
PATIENCE = {signal.SIGINT: 60.0, signal.SIGTERM: 10.0}


def start(command: Sequence[str], log: Path, *, nice: bool) -> subprocess.Popen[bytes]:
    """Run ``command`` with its output in ``log``."""
    words = ["nice", "-n", str(NICE), *command] if nice else list(command)
    # Neither a terminal's colours, nor what the make that started us keeps for its own.
    kept = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    with log.open("wb") as output:
        process = subprocess.Popen(
            words,
            env={**kept, "PY_COLORS": "0", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Where the kernel schedules sessions as groups, a process is nice to others of its session alone, and the group to all.
    group = Path(f"/proc/{process.pid}/autogroup")
    with contextlib.suppress(OSError):
        if nice and group.exists():
            group.write_text(str(NICE))
    return process


def end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End them and all their descendants, gently at first."""
    leaders = list(processes)
    known = {pid: born for leader in leaders for pid, born in _family(leader.pid).items()}
    for number, patience in PATIENCE.items():
        for leader in leaders:
            if leader.poll() is None:
                os.killpg(leader.pid, number)
        deadline = time.monotonic() + patience
        while [leader for leader in leaders if leader.poll() is None] and time.monotonic() < deadline:
            known.update({pid: born for leader in leaders for pid, born in _family(leader.pid).items()})
            time.sleep(0.2)
    for pid, born in known.items():
        if _birth(pid) == born:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for leader in leaders:
        leader.wait()


def _family(pid: int) -> dict[int, str]:
    """A process and its descendants, whatever group they are in: id -> instant of birth, which tells it from a later one."""
    born = _birth(pid)
    if born is None:
        return {}
    found = {pid: born}
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found.update(_family(int(child)))
    return found


def _birth(pid: int) -> str | None:
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state == "Z" else rest[18]
