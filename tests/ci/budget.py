# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What jobs are expected to cost, beside what they did: times for people to read, counts that must hold.

    python -m ci.budget STORY COUNTS

compares what the story of a fleet did, as scenario.counts wrote it to the file COUNTS, and fails where it is above its budget.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from scenario import counts

from ci.jobs import PROJECT
from lab import fleet

FILE = Path(__file__).with_name("budget.yml")
HOSTS_USED = re.compile(r"^budget: \w+: hosts used (\d+)", re.MULTILINE)
REMEDY = (
    "fold what is new into a run that is there, give it --tags or a playbook of its own, or mark it long; "
    f"where it is worth its time, raise the budget in {FILE.relative_to(PROJECT)} in the same commit and say why"
)


@dataclass(frozen=True)
class Cost:
    """Of a job on a quiet machine: wall seconds, and processor seconds with those of a fleet's hosts."""

    seconds: float
    processor: float

    @property
    def cores(self) -> float:
        """How many the job keeps busy; 0 for one that was over within half a second."""
        return self.processor / self.seconds if self.seconds else 0


UNKNOWN = Cost(30, 15)


def costs() -> dict[str, Cost]:
    return {name: Cost(**cost) for name, cost in yaml.safe_load(FILE.read_text())["jobs"].items()}


def agreed(story: str) -> dict[str, int]:
    """The counts of a story that are not exceeded: hosts, runs, tasks and visits."""
    return dict(yaml.safe_load(FILE.read_text())["stories"][story])


def found(story: str, log: Path) -> dict[str, int]:
    """What a story did: hosts of its fleet, playbook runs, their tasks, and visits to hosts."""
    runs = counts.read(log)
    declaration = yaml.safe_load((PROJECT / "extensions/molecule" / story / "fleet.yml").read_text())
    return {
        "hosts": len(declaration["hosts"]),
        "runs": len(runs),
        "tasks": sum(run.tasks.total() for run in runs),
        "visits": sum(run.visits.total() for run in runs),
    }


def hosts_used(log: str) -> float:
    """Processor seconds of a story's hosts, from what its job said."""
    return sum(float(seconds) for seconds in HOSTS_USED.findall(log))


def excess(story: str, limits: Mapping[str, int], did: Mapping[str, int]) -> list[str]:
    """A sentence for each count that is above its limit."""
    return [
        f"{story}: {did[name]} {name} are {did[name] - limit} more than are agreed; {REMEDY}."
        for name, limit in limits.items()
        if did[name] > limit
    ]


def main() -> None:
    story, log = sys.argv[1], Path(sys.argv[2])
    limits, did = agreed(story), found(story, log)
    print(f"budget: {story}: hosts used {fleet.processor_seconds(fleet.load(story)):.0f} processor seconds since their last boot")
    for name, limit in limits.items():
        print(f"budget: {story}: {did[name]} {name} of {limit}")
    sys.exit("\n".join(excess(story, limits, did)) or None)


if __name__ == "__main__":
    main()
