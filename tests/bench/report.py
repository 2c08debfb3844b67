# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result as text: a table for the terminal, and the page under docs/benchmarks. Functions over data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import page as pages
from bench.page import grid
from bench.sides import Cost, Measurement

METHOD = (Path(__file__).parent / "method.md").read_text().strip()
# The highest ratios of ours to the peer's.
FIRST, AGAIN = 0.8, 1 / 3


@dataclass(frozen=True)
class Line:
    """One measured thing in seconds, and the goal: the highest ratio of ours to the peer's time."""

    title: str
    ours: float
    peer: float
    goal: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    @property
    def met(self) -> bool:
        return self.ratio <= self.goal


def lines(ours: Sequence[Measurement], peer: Sequence[Measurement]) -> list[Line]:
    def line(title: str, goal: float, seconds: Callable[[Measurement], float]) -> Line:
        return Line(title, median(map(seconds, ours)), median(map(seconds, peer)), goal)

    return [
        line("First converge", FIRST, lambda one: one.first.wall),
        line("First converge, processor time", FIRST, lambda one: one.first.processor),
        line("Unchanged re-run", AGAIN, lambda one: one.again.wall),
        line("Unchanged re-run, processor time", AGAIN, lambda one: one.again.processor),
    ]


def table(results: Sequence[Line]) -> str:
    rows = [
        ("", "stronghold.mongodb", "community.mongodb", "ratio", "goal", ""),
        *(
            (
                *(line.title, f"{line.ours:.1f} s", f"{line.peer:.1f} s", f"{line.ratio:.2f}", f"at most {line.goal:.2f}"),
                "met" if line.met else "missed",
            )
            for line in results
        ),
    ]
    return grid(rows)


def page(
    date: str,
    previous: str,
    *,
    machine: Mapping[str, str],
    versions: Mapping[str, Mapping[str, str]],
    ours: Sequence[Measurement],
    peer: Sequence[Measurement],
) -> str:
    results = lines(ours, peer)
    servers = sorted({one.server for one in (*ours, *peer)})
    facts = {**machine, **{f"Run by {title}": _listed(named) for title, named in versions.items()}, "MongoDB": ", ".join(servers)}
    return pages.page(
        "First converge and unchanged re-run",
        f"Written by `make bench-converge` on {date}; {_count(len(ours))} of each side.",
        [table(results), _details("stronghold.mongodb", ours) + "\n" + _details("community.mongodb", peer)],
        facts,
        METHOD,
        met=all(line.met for line in results),
        previous=previous,
    )


def _count(runs: int) -> str:
    return "one run" if runs == 1 else f"medians of {runs} runs"


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _details(title: str, runs: Sequence[Measurement]) -> str:
    told = "; ".join(
        f"{_cost(one.first)} ({one.changed_first} changed), then {_cost(one.again)} ({one.changed_again} changed)" for one in runs
    )
    return f"* {title}, seconds, of these processor seconds of the controller and of all hosts together: {told}."


def _cost(cost: Cost) -> str:
    return f"{cost.wall:.1f}, {cost.controller:.1f}, {cost.hosts:.1f}"
