# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A setting that needs a restart rolls through the set while a client writes; the set's settings and another leader come with it.

What is declared here stays declared in what follows.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pymongo.write_concern import WriteConcern
from scenario import load, playbook

from lab import access, inventory
from lab.fleet import Fleet

LEADS = "db-b"
CHANGE = {
    "mongodb_server_config": {"net": {"maxIncomingConnections": 5000}},
    "mongodb_cluster_zones": ["b", "a", "c"],
    "mongodb_replica_set_settings": {"electionTimeoutMillis": 4000, "getLastErrorModes": {"everyZone": {"zone": 3}}},
}


def limits(fleet: Fleet) -> dict[str, int]:
    found = {}
    for host in access.members(fleet):
        with access.client(fleet, host) as client:
            parsed = client.admin.command("getCmdLineOpts")["parsed"]
        found[host.name] = parsed["net"].get("maxIncomingConnections")
    return found


def test_no_write_fails_while_the_change_rolls_though_two_run_it_at_once(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load.settle(fleet)[LEADS] == "secondary"
    inventory.declare(fleet, **CHANGE)
    with load.write_load(fleet, "vault-c") as account, ThreadPoolExecutor() as pool:
        runs = [pool.submit(playbook.converge, fleet) for _ in range(2)]
    for run in runs:
        run.result()
    assert limits(fleet) == {"db-a": 5000, "db-b": 5000, "db-c": 5000}
    assert account.errors == []
    assert len(account.acknowledged) > 100
    assert set(account.acknowledged) <= load.stored(fleet)
    with capsys.disabled():
        print(f"\nrolling change: {len(account.acknowledged)} writes, longest gap {account.longest_gap:.2f} s")


def test_the_preferred_zone_leads_within_seconds(fleet: Fleet) -> None:
    deadline = time.monotonic() + 30
    while load.primary(fleet).name != LEADS:
        assert time.monotonic() < deadline, load.states(fleet)
        time.sleep(0.5)
    with access.client(fleet, fleet.host(LEADS)) as client:
        config = client.admin.command("replSetGetConfig")["config"]
    assert {member["host"]: member["priority"] for member in config["members"]} == {
        "db-a:27017": 2,
        "db-b:27017": 3,
        "db-c:27017": 1,
    }


def test_the_settings_of_the_set_are_in_force(fleet: Fleet) -> None:
    with access.client(fleet, fleet.host(LEADS)) as client:
        settings = client.admin.command("replSetGetConfig")["config"]["settings"]
        every = client.test.get_collection("zones", write_concern=WriteConcern(w="everyZone", wtimeout=10000))
        assert every.insert_one({}).acknowledged
        client.drop_database("test")
    assert settings["electionTimeoutMillis"] == 4000
    assert settings["getLastErrorModes"] == {"acrossZones": {"zone": 2}, "everyZone": {"zone": 3}}


def test_it_rolls_once(fleet: Fleet) -> None:
    load.settle(fleet)
    assert playbook.converge(fleet, "--tags", "server,replica_set").changed == {host.name: 0 for host in fleet.hosts}
