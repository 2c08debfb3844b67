# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run with nothing to do costs no more tasks, processes and visits than is agreed."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario import budget, counts, playbook

from lab.fleet import Fleet


def test_an_unchanged_run_stays_within_its_budget(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in counts.environment(tmp_path / "counts").items():
        monkeypatch.setenv(name, value)
    run = playbook.converge(fleet)
    assert run.changed == {host.name: 0 for host in fleet.hosts}
    (spent,) = counts.read(tmp_path / "counts")
    print(spent)
    assert spent.visits.total() >= len(fleet.hosts), "no visit was counted, not even the survey"
    assert budget.exceeded(spent) == []
