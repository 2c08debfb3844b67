# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A newer release of the series is installed and rolled through the set; what runs afterwards is what is installed."""

from __future__ import annotations

from scenario import load, playbook

from lab import access
from lab.fleet import Fleet

NEWER = {"mongodb_cluster_version": "6.0.27"}


def running(fleet: Fleet) -> set[str]:
    found = set()
    for host in access.members(fleet):
        with access.client(fleet, host) as client:
            found.add(client.admin.command("buildInfo")["version"])
    return found


def test_a_newer_release_is_installed_and_running(fleet: Fleet) -> None:
    assert running(fleet) == {"6.0.5"}
    load.settle(fleet)
    playbook.converge(fleet, variables=NEWER)
    assert running(fleet) == {"6.0.27"}
    assert playbook.converge(fleet, "--tags", "install,server", variables=NEWER).changed == {host.name: 0 for host in fleet.hosts}


def test_a_step_back_is_refused(fleet: Fleet) -> None:
    refused = playbook.run(fleet)
    assert refused.rc != 0
    assert "6.0.27 is installed and 6.0.5 is older" in refused.output
    assert running(fleet) == {"6.0.27"}
