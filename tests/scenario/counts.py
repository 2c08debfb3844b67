# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a playbook run is made of, whatever machine it runs on: its tasks, the processes forked for them, and the visits to hosts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

CALLBACKS = Path(__file__).with_name("callbacks")
LOG = "STRONGHOLD_COUNTS"


@dataclass(frozen=True)
class Counts:
    """By role, and by the empty name for what stands in the playbook."""

    playbook: str
    tasks: Counter[str] = field(default_factory=Counter)
    """As Ansible prints them: once each, on however many hosts."""
    processes: Counter[str] = field(default_factory=Counter)
    """One for each task and host, also where the task is then skipped."""
    visits: Counter[str] = field(default_factory=Counter)
    """Those of the processes that went to their host."""

    def __str__(self) -> str:
        lines = [f"{'':20} tasks processes visits"]
        rows = [*((role or "the playbook", role) for role in sorted({*self.tasks, *self.processes}))]
        lines += [f"{title:20} {self.tasks[role]:5} {self.processes[role]:9} {self.visits[role]:6}" for title, role in rows]
        return "\n".join([*lines, f"{'sum':20} {self.tasks.total():5} {self.processes.total():9} {self.visits.total():6}"])


def environment(log: Path) -> dict[str, str]:
    """With it every run of Ansible notes what it does at the end of ``log``."""
    return {"ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS), LOG: str(log)}


def read(log: Path) -> list[Counts]:
    """One for each playbook run, in the order in which they began."""
    runs: dict[int, Counts] = {}
    for event in map(json.loads, log.read_text().splitlines()):
        if event["event"] == "run":
            runs[event["run"]] = Counts(event["playbook"])
        else:
            kinds = {"task": "tasks", "process": "processes", "visit": "visits"}
            getattr(runs[event["run"]], kinds[event["event"]])[event["role"]] += 1
    return list(runs.values())
