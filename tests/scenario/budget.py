# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an unchanged run may cost, by role: the table in docs/architecture.md, for three members and a backup host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scenario.counts import Counts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
ROW = re.compile(r"^\| `?([\w ]+?)`? *\| *(\d+) *\| *(\d+) *\| *(\d+) *\|", re.MULTILINE)
PLAYBOOK = "the playbook"


@dataclass(frozen=True)
class Share:
    tasks: int
    processes: int
    visits: int


def agreed() -> dict[str, Share]:
    """By role, and by PLAYBOOK for what stands in the playbook itself."""
    _before, _heading, after = PAGE.read_text(encoding="utf-8").partition("## What a run may cost\n")
    section = after.partition("\n## ")[0]
    return {row[1]: Share(int(row[2]), int(row[3]), int(row[4])) for row in ROW.finditer(section)}


def exceeded(counts: Counts) -> list[str]:
    """What of a run is above what is agreed, in words."""
    budget = agreed()
    none = Share(0, 0, 0)
    found = []
    for role in sorted({*counts.tasks, *counts.processes, *counts.visits}):
        name = role or PLAYBOOK
        for what, spent in (("tasks", counts.tasks), ("processes", counts.processes), ("visits", counts.visits)):
            most = getattr(budget.get(name, none), what)
            if spent[role] > most:
                found.append(f"{name}: {spent[role]} {what}, {most} are agreed")
    return found
