# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the backup benchmark. Functions over data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import page as pages
from bench.page import grid

METHOD = (Path(__file__).parent / "backup.md").read_text().strip()
TITLES = {
    "nowhere": "ours, into nowhere",
    "first": "ours, first",
    "unchanged": "ours, nothing changed",
    "appended": "ours, 1 % appended",
    "scattered": "ours, 1 % scattered",
    "gzip": "mongodump --gzip",
    "restic": "mongodump, into restic",
    "copy": "cp of the files",
}


@dataclass(frozen=True)
class Cost:
    """``cpu`` are seconds of processor time of all that was started, ``stored`` the bytes that were added."""

    seconds: float
    cpu: float
    stored: int


@dataclass(frozen=True)
class Measured:
    """``data`` are the bytes of all documents, of about ``document`` bytes each; costs by the names of ``TITLES``."""

    document: int
    data: int
    costs: Mapping[str, Cost]


@dataclass(frozen=True)
class Tenth:
    """Seconds in which all of ten databases are fetched from a repository, and one of them, which is ``share`` of their bytes."""

    all: float
    one: float
    share: float


@dataclass(frozen=True)
class Goal:
    text: str
    found: float
    least: float

    @property
    def met(self) -> bool:
        return self.found >= self.least


def goals(measured: Sequence[Measured], tenth: Tenth) -> list[Goal]:
    """What is to be at most so much is told as its inverse."""
    found = [
        Goal(
            "one database of ten fetched, its share of the time for all against its own",
            tenth.all * tenth.share / tenth.one,
            1 / 1.5,
        )
    ]
    for one in measured:
        cost = one.costs
        size = _bytes(one.document)
        found += [
            Goal(f"{size}: first, against mongodump into restic", cost["restic"].seconds / cost["first"].seconds, 1.0),
            Goal(f"{size}: first, against mongodump --gzip", cost["gzip"].seconds / cost["first"].seconds, 2.0),
            Goal(f"{size}: nothing changed, against mongodump --gzip", cost["gzip"].seconds / cost["unchanged"].seconds, 4.0),
            Goal(f"{size}: 1 % appended, against mongodump --gzip", cost["gzip"].seconds / cost["appended"].seconds, 4.0),
            Goal(f"{size}: 1 % scattered, against the first", cost["first"].seconds / cost["scattered"].seconds, 1.0),
        ]
    smallest = min(measured, key=lambda one: one.document)
    speed = smallest.data / smallest.costs["nowhere"].seconds / 1e6
    found.append(Goal(f"{_bytes(smallest.document)}: MB/s before restic, over all of a run", speed, 300.0))
    return found


def table(measured: Sequence[Measured]) -> str:
    rows = [("documents", "", "time", "MB/s", "CPU", "stored")]
    for one in measured:
        for name, title in TITLES.items():
            cost = one.costs[name]
            stored = "-" if name == "nowhere" else f"{cost.stored / 2**20:.1f} MiB"
            speed = f"{one.data / cost.seconds / 1e6:.0f}"
            rows.append((_bytes(one.document), title, f"{cost.seconds:.1f} s", speed, f"{cost.cpu:.1f} s", stored))
    return grid(rows)


def fetched(tenth: Tenth) -> str:
    rows = [
        ("fetched from the repository", "time"),
        ("ten databases, one after the other", f"{tenth.all:.1f} s"),
        (f"one of them, {tenth.share:.1%} of their bytes", f"{tenth.one:.1f} s"),
    ]
    return grid(rows)


def page(date: str, facts: Mapping[str, str], measured: Sequence[Measured], tenth: Tenth, previous: str) -> str:
    found = goals(measured, tenth)
    told = [
        f"* {goal.text}: at least {goal.least:.2g}, is {goal.found:.2f}: {'met' if goal.met else 'missed'}." for goal in found
    ]
    written = f"Written by `make bench-backup` on {date}; one run, {measured[0].data / 2**30:.1f} GiB of documents each."
    return pages.page(
        "Backups, first and second",
        written,
        [table(measured), fetched(tenth), "\n".join(told)],
        facts,
        METHOD,
        met=all(goal.met for goal in found),
        previous=previous,
    )


def _bytes(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size // 1024} KB"
