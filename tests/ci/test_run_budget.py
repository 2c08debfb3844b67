# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of what a run may cost is read as it stands, and what is above it is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from scenario import budget, counts
from scenario.counts import Counts

ROLES = {path.name for path in (Path(__file__).resolve().parents[2] / "roles").iterdir()}


def test_every_role_has_a_share() -> None:
    assert set(budget.agreed()) == {*ROLES, budget.PLAYBOOK}


def test_what_is_above_it_is_told() -> None:
    share = budget.agreed()["mongodb_host"]
    as_agreed = Counts(
        "site", Counter(mongodb_host=share.tasks), Counter(mongodb_host=share.processes), Counter(mongodb_host=share.visits)
    )
    assert budget.exceeded(as_agreed) == []
    as_agreed.visits["mongodb_host"] += 1
    as_agreed.tasks["elsewhere"] += 1
    assert budget.exceeded(as_agreed) == [
        "elsewhere: 1 tasks, 0 are agreed",
        f"mongodb_host: {share.visits + 1} visits, {share.visits} are agreed",
    ]


def test_runs_of_one_log_are_told_apart(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [
        '{"run": 1, "event": "run", "playbook": "site"}',
        '{"run": 1, "event": "task", "role": "", "task": "a"}',
        '{"run": 2, "event": "run", "playbook": "accounts"}',
        '{"run": 1, "event": "process", "role": "", "task": "a", "host": "x"}',
        '{"run": 1, "event": "visit", "role": "", "task": "a", "host": "x"}',
    ]
    log.write_text("\n".join(lines))
    first, second = counts.read(log)
    assert (first.playbook, first.tasks.total(), first.processes.total(), first.visits.total()) == ("site", 1, 1, 1)
    assert (second.playbook, second.tasks.total()) == ("accounts", 0)
