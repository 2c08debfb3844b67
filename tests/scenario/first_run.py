# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every story begins with: bare hosts, of which nothing is changed before it is asked for, and all of it then."""

from __future__ import annotations

from lab import access
from lab.fleet import Fleet
from scenario import hosts, playbook


def predict(fleet: Fleet) -> None:
    """Check mode says of each host of the cluster that it would be changed, and changes none."""
    names = [host.name for host in fleet.hosts if host.group in {"mongodb", "mongodb_backup"}]
    with hosts.untouched(fleet, *names):
        run = playbook.converge(fleet, "--check", "--diff")
    assert all(run.changed[name] > 0 for name in names)


def converge(fleet: Fleet) -> None:
    """A run does it all, and the next one finds nothing to do."""
    playbook.converge(fleet)
    access.issue_operator(fleet)
    assert sum(playbook.converge(fleet).changed.values()) == 0
