# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which job begins when, and that an interruption leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ci import budget, processes, schedule
from ci.budget import Cost
from ci.jobs import Job, Kind, table

COST = {"long": Cost(300, 270), "short": Cost(100, 90), "waits": Cost(100, 40), "busy": Cost(90, 90), "more": Cost(80, 20)}
GATE = Job("gate", Kind.GATE, ["true"])
LANES = [Job(name, Kind.LANE, ["true"], ["gate"]) for name in ("short", "long", "other")]
FILLERS = [Job(name, Kind.FILLER, ["true"], ["gate"]) for name in ("busy", "waits", "more")]


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def begin(waiting: list[Job], running: list[Job], ended: dict[str, int], cores: int = 2) -> list[str]:
    return names(schedule.startable(waiting, running, ended, COST, cores))


def test_before_the_gate_has_ended_nothing_that_needs_it_begins() -> None:
    assert begin([GATE, *LANES, *FILLERS], [], {}) == ["gate"]
    assert begin([*LANES, *FILLERS], [GATE], {}) == []


def test_a_lane_for_each_core_the_longest_first_and_fillers_as_there_is_room() -> None:
    assert begin([*LANES, *FILLERS], [], {"gate": 0}) == ["long", "short", "waits", "more"]
    assert begin([*LANES, *FILLERS], [], {"gate": 0}, cores=1) == ["long", "waits"]


def test_one_filler_begins_however_busy_the_lanes_are() -> None:
    assert begin([FILLERS[0]], LANES[:2], {"gate": 0}) == ["busy"]
    assert begin([FILLERS[0]], [*LANES[:2], FILLERS[1]], {"gate": 0}) == []
    assert begin([FILLERS[0]], [FILLERS[1]], {"gate": 0}) == ["busy"]


def test_fillers_that_seem_to_be_idle_do_not_all_begin_at_once() -> None:
    idle = [Job(name, Kind.FILLER, ["true"]) for name in "abcdef"]
    cost = {job.name: Cost(100, 1) for job in idle}
    assert names(schedule.startable(idle, [], {}, cost, 2)) == ["a", "b", "c"]


def test_what_needs_a_job_that_failed_never_begins() -> None:
    assert begin([*LANES, *FILLERS], [], {"gate": 1}) == []
    assert names(schedule.hopeless([*LANES, GATE], {"gate": 1})) == names(LANES)
    assert schedule.hopeless(LANES, {"gate": 0}) == []


def test_the_table_names_each_job_once_and_needs_none_that_is_not_there() -> None:
    found = names(table())
    assert len(found) == len(set(found))
    assert {need for job in table() for need in job.needs} <= set(found)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_with_the_costs_that_are_written_down_each_job_of_the_table_begins(cores: int) -> None:
    waiting, ended = table(), dict[str, int]()
    while waiting:
        now = schedule.startable(waiting, [], ended, budget.costs(), cores)
        assert now
        waiting = [job for job in waiting if job not in now]
        ended |= {job.name: 0 for job in now}


def test_all_run_though_one_fails_each_with_its_log(tmp_path: Path) -> None:
    jobs = [
        Job("bad", Kind.GATE, ["sh", "-c", "echo said; exit 3"]),
        Job("good", Kind.FILLER, ["sh", "-c", "nice; sleep 0.2; cat /proc/self/autogroup || true"]),
        Job("after", Kind.LANE, ["true"], ["good"]),
        Job("never", Kind.LANE, ["true"], ["bad"]),
    ]
    outcomes, never, _free = schedule.run(jobs, {}, tmp_path)
    assert {outcome.job.name: outcome.status for outcome in outcomes} == {"bad": 3, "good": 0, "after": 0}
    assert names(never) == ["never"]
    assert (tmp_path / "bad.log").read_text() == "said\n"
    nice, *group = (tmp_path / "good.log").read_text().splitlines()
    assert int(nice) == min(19, os.nice(0) + processes.NICE)
    if Path("/proc/self/autogroup").exists():
        assert group[0].endswith(f" nice {processes.NICE}")


CHILDREN = """
import subprocess, sys, time
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("gentle", [True, False], ids=["that ends when asked", "that does not listen"])
def test_an_end_takes_descendants_in_other_groups_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gentle: bool) -> None:
    deaf = "" if gentle else "import signal; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)"
    monkeypatch.setattr(processes, "PATIENCE", {signal.SIGINT: 2.0, signal.SIGTERM: 1.0})
    log = tmp_path / "log"
    process = processes.start([sys.executable, "-c", deaf + CHILDREN], log, nice=False)
    deadline = time.monotonic() + 20
    while not log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(log.read_text().split()[0])
    bystander = subprocess.Popen(["sleep", "300"])
    try:
        processes.end([process])
        assert process.returncode
        while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split(")")[1][:3]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
