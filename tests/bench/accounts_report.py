# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of bench-accounts as text. Functions over data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import page as pages
from bench.page import grid

METHOD = (Path(__file__).parent / "accounts.md").read_text().strip()
TITLES = ("created", "unchanged")
FLOOR_GOALS = (1.5, 3.0)
PEER_GOAL = 250
GOAL_COUNT = 1000


@dataclass(frozen=True)
class Measured:
    """Seconds for ``count`` users, each a pair: creation, unchanged re-run. ``peer`` is None where it was not run."""

    count: int
    ours: tuple[float, float]
    floor: tuple[float, float]
    peer: tuple[float, float] | None


@dataclass(frozen=True)
class Goal:
    text: str
    met: bool


def goals(measured: Sequence[Measured]) -> list[Goal]:
    """The goals, which are set for the larger number of users."""
    large = next(one for one in measured if one.count == GOAL_COUNT)
    found = [
        Goal(f"{large.count:,} {title}: at most {limit} times the floor, is {ours / floor:.2f}", ours <= limit * floor)
        for title, ours, floor, limit in zip(TITLES, large.ours, large.floor, FLOOR_GOALS)
    ]
    theirs = _peer(measured, large)
    if theirs:
        factor = theirs[1] / large.ours[1]
        text = f"{large.count:,} unchanged: at least {PEER_GOAL} times faster than the loop, is {factor:.0f}"
        found.append(Goal(text, factor >= PEER_GOAL))
    return found


def table(measured: Sequence[Measured]) -> str:
    rows = [("users", "", "PyMongo alone", "stronghold.mongodb", "over the floor", "community.mongodb", "times slower")]
    for one in measured:
        theirs = _peer(measured, one)
        for index, title in enumerate(TITLES):
            ours, floor = one.ours[index], one.floor[index]
            shown = ("", "")
            if theirs:
                mark = "" if one.peer else " (extrapolated)"
                shown = (f"{theirs[index]:.1f} s{mark}", f"{theirs[index] / ours:.0f}")
            rows.append((f"{one.count:,}", title, f"{floor:.2f} s", f"{ours:.2f} s", f"{ours / floor:.2f}", *shown))
    told = "\n".join(f"* {goal.text}: {'met' if goal.met else 'missed'}." for goal in goals(measured))
    return f"{grid(rows)}\n\n{told}"


def versions(ours: Mapping[str, str], peer: Mapping[str, str], pymongo: str, server: str) -> dict[str, str]:
    listed = {
        title: ", ".join(f"{name} {version}" for name, version in named.items())
        for title, named in (("stronghold.mongodb", ours), ("community.mongodb", peer))
    }
    return {**{f"Run by {title}": text for title, text in listed.items()}, "PyMongo": pymongo, "MongoDB": server}


def page(date: str, facts: Mapping[str, str], measured: Sequence[Measured], previous: str) -> str:
    return pages.page(
        "Many accounts, created and unchanged",
        f"Written by `make bench-accounts` on {date}; one run.",
        [table(measured)],
        facts,
        METHOD,
        met=all(goal.met for goal in goals(measured)),
        previous=previous,
    )


def _peer(measured: Sequence[Measured], one: Measured) -> tuple[float, float] | None:
    """The peer's seconds: measured, or in proportion to the number that was."""
    known = one if one.peer else next((other for other in measured if other.peer), None)
    if known is None or known.peer is None:
        return None
    factor = one.count / known.count
    return known.peer[0] * factor, known.peer[1] * factor
