# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which job runs when: the gate, then a lane for each core, and everything else into whatever is free."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ci import processes
from ci.budget import UNKNOWN, Cost
from ci.jobs import Job, Kind

SLACK = 0.5  # of a core by which more is started than there are, since nobody is busy all the time
MORE_FILLERS = 1  # than there are cores: what a job keeps busy was found beside others, so that many seem to be idle


@dataclass(frozen=True)
class Outcome:
    job: Job
    status: int
    """0 where all went well."""
    seconds: float
    processor: float
    """Seconds of the job's own processes, without those of a fleet's hosts."""


@dataclass(frozen=True)
class Running:
    job: Job
    process: subprocess.Popen[bytes]
    began: float


def startable(
    jobs: Iterable[Job], running: Iterable[Job], ended: Mapping[str, int], cost: Mapping[str, Cost], cores: int
) -> list[Job]:
    """Of the jobs that have not begun those that begin now, the longest first.

    ``ended`` is the status of each job that has ended. Gate and preparations begin at once, as many lanes as there are cores,
    and of the fillers one, and more as long as there is room for what they keep busy, but never many.
    """

    def cores_of(job: Job) -> float:
        return cost.get(job.name, UNKNOWN).cores

    now: list[Job] = []
    busy = list(running)
    ready = [job for job in jobs if all(ended.get(need) == 0 for need in job.needs)]
    for job in sorted(ready, key=lambda job: (job.kind is Kind.FILLER, -cost.get(job.name, UNKNOWN).seconds)):
        alike = [other for other in busy if other.kind is job.kind]
        crowded = sum(map(cores_of, busy)) + cores_of(job) > cores + SLACK
        enough = crowded or len(alike) >= cores + MORE_FILLERS
        if (job.kind is Kind.LANE and len(alike) >= cores) or (job.kind is Kind.FILLER and alike and enough):
            continue
        now.append(job)
        busy.append(job)
    return now


def hopeless(jobs: Iterable[Job], ended: Mapping[str, int]) -> list[Job]:
    """Those that never begin, since a job that they need went wrong."""
    return [job for job in jobs if any(ended.get(need, 0) != 0 for need in job.needs)]


def run(jobs: list[Job], cost: Mapping[str, Cost], logs: Path) -> tuple[list[Outcome], list[Job], int]:
    """Run the jobs, each with a log of its name in ``logs``.

    Returns what became of them in the order of their end, those that never began, and how many bytes were free on the disk of the
    logs when that was least, as was found whenever a job ended. An interruption ends all that was started.
    """
    cores = len(os.sched_getaffinity(0))
    waiting, running, outcomes = list(jobs), dict[int, Running](), list[Outcome]()
    free = shutil.disk_usage(logs).free
    try:
        while True:
            ended = {outcome.job.name: outcome.status for outcome in outcomes}
            for job in startable(waiting, [item.job for item in running.values()], ended, cost, cores):
                process = processes.start(job.command, logs / f"{job.name}.log", nice=job.kind is Kind.FILLER)
                running[process.pid] = Running(job, process, time.monotonic())
                waiting.remove(job)
                say(f"{job.name} begins")
            if not running:
                return outcomes, hopeless(waiting, ended), free
            outcomes.append(_next(running))
            free = min(free, shutil.disk_usage(logs).free)
            outcome = outcomes[-1]
            told = "ends well" if outcome.status == 0 else f"FAILS with {outcome.status}"
            say(f"{outcome.job.name} {told} after {outcome.seconds:.0f} s")
    finally:
        processes.end(item.process for item in running.values())


def _next(running: dict[int, Running]) -> Outcome:
    """Wait for the next that ends, and count what it and all its descendants used."""
    pid, status, usage = os.wait4(-1, 0)
    item = running.pop(pid)
    item.process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(item.job, item.process.returncode, time.monotonic() - item.began, usage.ru_utime + usage.ru_stime)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
