# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the benchmark of backups under load. Functions over data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import page as pages
from bench.gaps import percentile
from bench.page import grid

METHOD = (Path(__file__).parent / "backup_load.md").read_text().strip()
AGE, SLOWER = 2.0, 1.3
ALMOST_ALL = 0.99


@dataclass(frozen=True)
class Pair:
    """What a writer saw, in seconds for each write: in quiet, and while a backup was taken, for ``seconds`` each."""

    quiet: Sequence[float]
    busy: Sequence[float]
    seconds: float

    @property
    def ratio(self) -> float:
        return percentile(self.busy, ALMOST_ALL) / percentile(self.quiet, ALMOST_ALL)


@dataclass(frozen=True)
class Found:
    """``archived`` and ``stored`` are ages in seconds at ``writes`` a second; ``rate`` is in MiB a second, of a backup."""

    archived: Sequence[float]
    stored: Sequence[float]
    writes: float
    pairs: Sequence[Pair]
    rate: int

    @property
    def age(self) -> float:
        return percentile(self.archived, ALMOST_ALL)

    @property
    def ratio(self) -> float:
        return median(pair.ratio for pair in self.pairs)


def table(found: Found) -> str:
    ages: list[tuple[str, ...]] = [("age of the newest write", "p50", "p99", "longest")]
    for title, values in (("archived, in memory or stored", found.archived), ("in the repository", found.stored)):
        if values:
            shown = [f"{percentile(values, share):.2f} s" for share in (0.5, ALMOST_ALL, 1.0)]
            ages.append((title, *shown))
    rows = [("pair", "backup took", "p99 in quiet", "p99 meanwhile", "ratio")]
    for number, pair in enumerate(found.pairs, 1):
        quiet, busy = (f"{percentile(values, ALMOST_ALL) * 1000:.1f} ms" for values in (pair.quiet, pair.busy))
        rows.append((str(number), f"{pair.seconds:.0f} s", quiet, busy, f"{pair.ratio:.2f}"))
    return f"{grid(ages)}\n\n{grid(rows)}"


def page(date: str, facts: Mapping[str, str], found: Found, previous: str) -> str:
    goals = [
        (f"age of the newest archived write, p99, at {found.writes:.0f} writes a second: at most {AGE:g} s", found.age, AGE),
        (
            f"p99 of a writer during a backup, median of {len(found.pairs)}: at most {SLOWER:g} times quiet",
            found.ratio,
            SLOWER,
        ),
    ]
    told = [f"* {text}, is {value:.2f}: {'met' if value <= most else 'missed'}." for text, value, most in goals]
    return pages.page(
        "Backups under load",
        f"Written by `make bench-backup-load` on {date}; the backup read at most {found.rate} MiB a second.",
        [table(found), "\n".join(told)],
        facts,
        METHOD,
        met=all(value <= most for _text, value, most in goals),
        previous=previous,
    )
