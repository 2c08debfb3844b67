# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line: ``python -m ci [JOB...]`` runs all jobs, or those that are named."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping

from ci import budget, schedule, summary
from ci.budget import UNKNOWN, Cost
from ci.jobs import PROJECT, STORIES, Job, table
from ci.schedule import Outcome
from ci.summary import Tally

LOGS = PROJECT / "tests/output/ci"
END_OF_A_LOG = 60  # lines
TELLING = 6  # lines of each other one that failed
INTERRUPTED = 130


def chosen(names: list[str]) -> list[Job]:
    """The jobs of these names, which then need nothing but each other; all without a name."""
    jobs = {job.name: job for job in table()}
    if unknown := [name for name in names if name not in jobs]:
        sys.exit(f"ci: there is no job {', '.join(unknown)}; there are {', '.join(jobs)}")
    wanted = names or list(jobs)
    return [
        Job(job.name, job.kind, job.command, [need for need in job.needs if need in wanted])
        for job in jobs.values()
        if job.name in wanted
    ]


def text(job: Job) -> str:
    return (LOGS / f"{job.name}.log").read_text(errors="replace")


def tests_of(outcome: Outcome) -> Tally:
    """What pytest counted; a job that failed without a failed test counts as one."""
    told = summary.read(text(outcome.job))
    return Tally(told.passed, told.failed or int(outcome.status != 0))


def processor(outcome: Outcome) -> float:
    """Seconds of the job's processes and of its fleet's hosts."""
    return outcome.processor + budget.hosts_used(text(outcome.job))


def report_costs(outcomes: list[Outcome], cost: Mapping[str, Cost]) -> None:
    print(f"\n{'job':32} {'seconds':>8} {'expected':>9} {'processor':>10} {'expected':>9}")
    for outcome in outcomes:
        expected = cost.get(outcome.job.name, UNKNOWN)
        row = f"{outcome.seconds:8.0f} {expected.seconds:9.0f} {processor(outcome):10.0f} {expected.processor:9.0f}"
        print(f"{outcome.job.name:32} {row}{'' if outcome.status == 0 else '  FAILED'}")


def report_counts(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.job.name in STORIES:
            print(*(line for line in text(outcome.job).splitlines() if line.startswith("budget: ")), sep="\n")


def report_failures(outcomes: list[Outcome], never: list[Job]) -> None:
    failed = [outcome.job for outcome in outcomes if outcome.status]
    if not failed:
        return
    print(f"\n{failed[0].name} failed first; the end of {LOGS / failed[0].name}.log:\n")
    print(*(f"    {line}" for line in text(failed[0]).splitlines()[-END_OF_A_LOG:]), sep="\n")
    for job in failed[1:]:
        print(f"\n{job.name}:", *summary.telling(text(job), TELLING), sep="\n    ")
    print(f"\nfailed: {', '.join(job.name for job in failed)}; their logs are in {LOGS}")
    if never:
        print(f"never begun, since they need what failed: {', '.join(job.name for job in never)}")


def ended(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests/ci/run", description="All tests, side by side.")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="run these alone")
    jobs, cost = chosen(parser.parse_args().jobs), budget.costs()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    os.chdir(PROJECT)
    begin = time.monotonic()
    print(f"logs: {LOGS}")
    try:
        outcomes, never, least_free = schedule.run(jobs, cost, LOGS)
    except KeyboardInterrupt:
        print("\ninterrupted; all that was running was ended")
        sys.exit(INTERRUPTED)
    report_costs(outcomes, cost)
    report_counts(outcomes)
    minutes = (time.monotonic() - begin) / 60
    print(f"{minutes:.1f} minutes, {sum(map(processor, outcomes)) / 60:.1f} of a processor, {least_free >> 30} GiB free at least")
    report_failures(outcomes, never)
    total = sum(map(tests_of, outcomes), Tally())
    print(f"\n{total.passed} passed, {total.failed} failed", flush=True)
    sys.exit(bool(total.failed or never))


if __name__ == "__main__":
    main()
