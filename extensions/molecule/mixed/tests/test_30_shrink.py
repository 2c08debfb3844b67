# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Most of the voters leave in one run, learn that they left, are shut out afterwards, and may come back, fresh and hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from pymongo.errors import OperationFailure
from scenario import load, playbook
from testinfra.host import Host

from lab import access
from lab.fleet import Fleet, ssh

NEWER = {"mongodb_cluster_version": "6.0.27"}
ALONE = {**NEWER, "mongodb_cluster_allow": ["zone_loss"]}
STAYS, LEAVES = "south-1", ("north-1", "west-1")
NOT_A_MEMBER = 93  # InvalidReplicaSetConfig: in no configuration that it knows; src/mongo/base/error_codes.yml
FRESH = "north-1"
HIDDEN = {"hidden": True, "votes": 0}


@contextmanager
def declared(fleet: Fleet, members: Mapping[str, Mapping[str, Any] | None]) -> Iterator[None]:
    """The inventory with more said of some members, or without those that are None; afterwards it is as before."""
    file = fleet.home / "inventory" / "hosts.yml"
    whole = file.read_text()
    inventory = yaml.safe_load(whole)
    group = inventory["all"]["children"]["mongodb"]["hosts"]
    for name, variables in members.items():
        former = group.pop(name)
        if variables is not None:
            group[name] = {**former, **variables}
    file.write_text(yaml.safe_dump(inventory))
    try:
        yield
    finally:
        file.write_text(whole)


@pytest.fixture(scope="class")
def shrunk(fleet: Fleet) -> Iterator[playbook.Run]:
    """What the run did that found two of three members gone from the inventory."""
    load.settle(fleet)
    with declared(fleet, dict.fromkeys(LEAVES)):
        yield playbook.converge(fleet, variables=ALONE)


def connects(host: Host, fleet: Fleet) -> bool:
    address = fleet.host(STAYS).address
    return bool(host.run(f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{access.port(fleet)}'").rc == 0)


@pytest.mark.usefixtures("shrunk")
class TestShrunk:
    def test_the_one_that_stays_leads_alone(self, shrunk: playbook.Run, fleet: Fleet) -> None:
        assert shrunk.changed == {STAYS: shrunk.changed[STAYS]}
        with access.client(fleet, fleet.host(STAYS)) as client:
            assert [member["host"] for member in client.admin.command("replSetGetConfig")["config"]["members"]] == [
                f"{STAYS}:{access.port(fleet)}"
            ]
            assert client.admin.command("hello")["isWritablePrimary"]

    @pytest.mark.parametrize("name", LEAVES)
    def test_those_that_left_know_it_and_are_shut_out(self, hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
        with access.client(fleet, fleet.host(name)) as client:
            assert client.admin.command("hello").get("isWritablePrimary") is False
            with pytest.raises(OperationFailure) as told:
                client.admin.command("replSetGetStatus")
        assert told.value.code == NOT_A_MEMBER
        assert not connects(hosts[name], fleet)
        assert not hosts[STAYS].file("/etc/hosts").contains(name)

    def test_the_next_run_changes_nothing(self, fleet: Fleet) -> None:
        assert playbook.converge(fleet, variables=ALONE).changed == {STAYS: 0}


def shape(fleet: Fleet) -> dict[str, tuple[bool, int, float]]:
    """Member -> whether it is hidden, its votes, its priority."""
    with access.client(fleet, fleet.host(STAYS)) as client:
        config = client.admin.command("replSetGetConfig")["config"]
    return {item["host"].split(":")[0]: (item["hidden"], item["votes"], item["priority"]) for item in config["members"]}


def test_they_come_back_one_of_them_fresh_and_hidden(hosts: dict[str, Host], fleet: Fleet) -> None:
    """What was left on the host was disposed of, so that it is a host like any that is added."""
    ssh(fleet, FRESH, f"systemctl disable --now mongod && rm -r {fleet.vars['mongodb_cluster_db_path']} /etc/stronghold")
    with access.client(fleet, fleet.host(STAYS)) as client:
        client.growth.records.insert_one({"_id": "before"})
    with declared(fleet, {FRESH: {"mongodb_cluster_member": HIDDEN}}):
        playbook.converge(fleet, variables={**ALONE, "mongodb_cluster_allow": ["even_votes", "zone_loss"]})
    assert shape(fleet) == {STAYS: (False, 1, 3), FRESH: (True, 0, 0), "west-1": (False, 1, 1)}
    assert sorted(load.settle(fleet)) == sorted([STAYS, *LEAVES])
    with access.client(fleet, fleet.host(FRESH)) as client:
        assert client.admin.command("hello")["hidden"]
        assert [document["_id"] for document in client.growth.records.find()] == ["before"]
    assert all(connects(hosts[name], fleet) for name in LEAVES)
    assert all(hosts[name].service("mongod").is_enabled for name in LEAVES)


def test_the_hidden_one_becomes_a_member_like_the_others(fleet: Fleet) -> None:
    run = playbook.converge(fleet, "--tags", "host,firewall,replica_set", variables=NEWER)
    assert sum(run.changed.values()) == 1
    assert shape(fleet) == {STAYS: (False, 1, 3), FRESH: (False, 1, 2), "west-1": (False, 1, 1)}
