# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A setting that needs a restart rolls through the set while a client writes; it stays declared in what follows."""

from __future__ import annotations

import pytest
from scenario import load, playbook

from lab import access, inventory
from lab.fleet import Fleet

CHANGE = {"mongodb_server_config": {"net": {"maxIncomingConnections": 5000}}}


def limits(fleet: Fleet) -> dict[str, int]:
    found = {}
    for host in access.members(fleet):
        with access.client(fleet, host) as client:
            parsed = client.admin.command("getCmdLineOpts")["parsed"]
        found[host.name] = parsed["net"].get("maxIncomingConnections")
    return found


def test_no_write_fails_while_the_change_rolls(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    load.settle(fleet)
    inventory.declare(fleet, **CHANGE)
    with load.write_load(fleet, "vault-c") as account:
        playbook.converge(fleet)
    assert limits(fleet) == {"db-a": 5000, "db-b": 5000, "db-c": 5000}
    assert account.errors == []
    assert len(account.acknowledged) > 100
    assert set(account.acknowledged) <= load.stored(fleet)
    with capsys.disabled():
        print(f"\nrolling change: {len(account.acknowledged)} writes, longest gap {account.longest_gap:.2f} s")


def test_it_rolls_once(fleet: Fleet) -> None:
    load.settle(fleet)
    assert playbook.converge(fleet, "--tags", "server").changed == {host.name: 0 for host in fleet.hosts}
