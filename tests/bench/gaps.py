# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gaps between acknowledged writes: how they are spread, and the page that tells of them. Functions over data."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import page as pages
from bench.page import grid

METHOD = (Path(__file__).parent / "rotation.md").read_text().strip()
NORMAL = 0.999


@dataclass(frozen=True)
class Phase:
    """What one writer saw. ``moments`` are those of its acknowledgements, and ``taken_up`` those at which a server took
    certificates up, both in seconds since its begin; ``lost`` counts writes that were acknowledged and are not there."""

    title: str
    moments: Sequence[float]
    errors: int = 0
    lost: int = 0
    taken_up: Sequence[float] = field(default_factory=tuple)

    @property
    def seconds(self) -> float:
        return self.moments[-1] - self.moments[0]

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.moments, self.moments[1:])]

    @property
    def longest(self) -> float:
        return max(self.gaps)

    def at_rotation(self) -> list[float]:
        """The gap in which each server took its certificates up: the write that was under way then."""
        found = []
        for moment in self.taken_up:
            index = bisect.bisect_right(self.moments, moment)
            if 0 < index < len(self.moments):
                found.append(self.moments[index] - self.moments[index - 1])
        return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def longest_per_window(phase: Phase, seconds: float) -> list[float]:
    """The longest gap in each whole window of this length, one after the other; one that spans two belongs to the second."""
    start = phase.moments[0]
    count = max(1, int(phase.seconds / seconds))
    found = [0.0] * count
    for before, after in zip(phase.moments, phase.moments[1:]):
        index = int((after - start) / seconds)
        if index < count:
            found[index] = max(found[index], after - before)
    return found


@dataclass(frozen=True)
class Found:
    normal: Phase
    control: Phase
    rotations: Sequence[Phase]
    replacement: Phase


def goals(found: Found) -> list[tuple[str, bool]]:
    usual = percentile(found.normal.gaps, NORMAL)
    longest = max(one.longest for one in found.rotations)
    at_rotation = max(gap for one in found.rotations for gap in one.at_rotation())
    lost = sum(one.errors + one.lost for one in (*found.rotations, found.replacement))
    return [
        (
            f"No gap in a rotation above the writer's normal p99.9 of {_ms(usual)}: the longest is {_ms(longest)}",
            longest <= usual,
        ),
        (
            f"The same of the writes under way when a server took its certificates up: the longest is {_ms(at_rotation)}",
            at_rotation <= usual,
        ),
        (f"No error and no lost write: {lost}", lost == 0),
    ]


def table(found: Found) -> str:
    normal = found.normal
    compared = "in equal windows of quiet"
    head = ("", "seconds", "writes", "p50", "p99", "p99.9", "longest", compared, "when taken up", "errors", "lost")
    rows: list[tuple[str, ...]] = [head]
    for one in (normal, found.control, *found.rotations, found.replacement):
        windows = longest_per_window(normal, one.seconds)
        compared = f"{_ms(median(windows))}, at most {_ms(max(windows))}" if one is not normal else ""
        taken = one.at_rotation()
        rows.append(
            (
                one.title,
                f"{one.seconds:.0f}",
                f"{len(one.moments):,}",
                *(_ms(percentile(one.gaps, share)) for share in (0.5, 0.99, NORMAL)),
                _ms(one.longest),
                compared,
                f"{_ms(max(taken))} ({len(taken)})" if taken else "",
                str(one.errors),
                str(one.lost),
            )
        )
    return grid(rows)


def page(date: str, facts: Mapping[str, str], found: Found, previous: str) -> str:
    reached = goals(found)
    told = "\n".join(f"* {text}: {'met' if met else 'missed'}." for text, met in reached)
    return pages.page(
        "Gaps between writes while certificates are rotated",
        f"Written by `make bench-rotation` on {date}; {len(found.rotations)} rotations.",
        [table(found), told],
        facts,
        METHOD,
        met=all(met for _text, met in reached),
        previous=previous,
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
