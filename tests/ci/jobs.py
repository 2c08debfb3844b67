# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs of `make test`, as a table. What each is expected to cost stands in budget.yml."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


class Kind(enum.Enum):
    GATE = "gate"
    """At once; what goes wrong in it ends the rest before it has begun."""
    PREPARATION = "preparation"
    """Beside the gate: downloads and builds what several jobs use."""
    LANE = "lane"
    """A fleet's story, one to a core: CPU bound, and it measures times."""
    FILLER = "filler"
    """Into whatever core is free, of lower priority than the lanes."""


@dataclass(frozen=True)
class Job:
    name: str
    kind: Kind
    command: Sequence[str]
    needs: Sequence[str] = ()
    """Jobs that must have gone well before."""


GATE = ("style", "types", "units")
LAB = "lab"
STORIES = ("triad", "solo", "mixed")


def make(target: str) -> tuple[str, ...]:
    return ("make", "--no-print-directory", target)


def table() -> list[Job]:
    gate = [
        Job("style", Kind.GATE, make("lint-style")),
        Job("types", Kind.GATE, make("lint-types")),
        Job("units", Kind.GATE, ("pytest", "--numprocesses", "2", "tests/unit", "tests/ci")),
    ]
    preparations = [Job(LAB, Kind.PREPARATION, ("python", "-m", "lab.prepare"))]
    lanes = [Job(story, Kind.LANE, ("tests/scenario/run", story), (*GATE, LAB)) for story in STORIES]
    fillers = [
        Job("sanity-oldest", Kind.FILLER, ("tests/sanity/run", "oldest"), GATE),
        Job("sanity-newest", Kind.FILLER, ("tests/sanity/run", "newest"), GATE),
        Job("ansible-lint", Kind.FILLER, make("lint-ansible"), GATE),
        Job("documents", Kind.FILLER, make("lint-documents"), GATE),
        Job("importer", Kind.FILLER, make("importer"), GATE),
    ]
    files = sorted((PROJECT / "tests/integration").glob("test_*.py"))
    integration = [
        Job(
            f"integration-{file.stem.removeprefix('test_')}",
            Kind.FILLER,
            ("pytest", str(file.relative_to(PROJECT))),
            (*GATE, LAB),
        )
        for file in files
    ]
    return [*gate, *preparations, *lanes, *fillers, *integration]
