# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a first converge is killed, and what must be there once it has been run again."""

from __future__ import annotations

from lab.fleet import Fleet
from scenario import load, playbook

# Task -> seconds after its beginning at which everything is killed.
KILLS = {
    "Install the missing packages (Debian family)": 1.0,
    "Make the managed Python environment": 1.0,
    "Admit members, backup hosts and declared sources, and nobody else": 0.4,
    "Issue certificates that are missing, different or near their end": 0.8,
    "Install the packages (Debian family)": 1.0,
    "Write mongod.conf, its key file and its confinement": 0.4,
    "Have an administrator before the server listens": 0.8,
    "Start mongod where it does not run": 0.3,
    "Bring the replica set into its declared shape": 1.0,
    "Have the declared accounts": 0.5,
}


def insist_on_a_whole_cluster(fleet: Fleet) -> None:
    assert sorted(load.settle(fleet).values()) == ["primary", "secondary", "secondary"]
    assert playbook.converge(fleet).changed == {host.name: 0 for host in fleet.hosts}
