# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Last, since nothing is left of the story's cluster: each of the ten kills on a fleet of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from scenario import interrupted, playbook

from lab import access, inventory
from lab import fleet as fleets
from lab.fleet import Fleet


@pytest.mark.long
@pytest.mark.parametrize("task", interrupted.KILLS)
def test_killed_once_it_finishes(fleet: Fleet, tmp_path: Path, task: str) -> None:
    declaration = yaml.safe_load((Path(__file__).parents[1] / "fleet.yml").read_text())
    fleets.down(fleet.name)
    fresh = fleets.up(declaration)
    inventory.write(fresh)
    assert playbook.run_and_kill(fresh, task, interrupted.KILLS[task], tmp_path / "output")
    playbook.converge(fresh)
    access.issue_operator(fresh)
    interrupted.insist_on_a_whole_cluster(fresh)
