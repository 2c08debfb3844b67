# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Most of the voters leave in one run, learn that they left, are shut out afterwards, and may come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from pymongo.errors import OperationFailure
from scenario import load, playbook
from testinfra.host import Host

from lab import access
from lab.fleet import Fleet

NEWER = {"mongodb_cluster_version": "6.0.27"}
ALONE = {**NEWER, "mongodb_cluster_allow": ["zone_loss"]}
STAYS, LEAVES = "south-1", ("north-1", "west-1")
REMOVED = 10  # MemberState, src/mongo/db/repl/member_state.h
INVALID_REPLICA_SET_CONFIG = 93  # src/mongo/base/error_codes.yml


@pytest.fixture(scope="class")
def shrunk(fleet: Fleet) -> Iterator[playbook.Run]:
    """What the run did that found two of three members gone from the inventory."""
    load.settle(fleet)
    file = fleet.home / "inventory" / "hosts.yml"
    whole = file.read_text()
    inventory = yaml.safe_load(whole)
    for name in LEAVES:
        del inventory["all"]["children"]["mongodb"]["hosts"][name]
    file.write_text(yaml.safe_dump(inventory))
    try:
        yield playbook.converge(fleet, variables=ALONE)
    finally:
        file.write_text(whole)


def connects(host: Host, fleet: Fleet) -> bool:
    address = fleet.host(STAYS).address
    return bool(host.run(f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/27017'").rc == 0)


@pytest.mark.usefixtures("shrunk")
class TestShrunk:
    def test_the_one_that_stays_leads_alone(self, shrunk: playbook.Run, fleet: Fleet) -> None:
        assert shrunk.changed == {STAYS: shrunk.changed[STAYS]}
        with access.client(fleet, fleet.host(STAYS)) as client:
            assert [member["host"] for member in client.admin.command("replSetGetConfig")["config"]["members"]] == [
                f"{STAYS}:27017"
            ]
            assert client.admin.command("hello")["isWritablePrimary"]

    @pytest.mark.parametrize("name", LEAVES)
    def test_those_that_left_know_it_and_are_shut_out(self, hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
        with access.client(fleet, fleet.host(name)) as client:
            assert client.admin.command("hello").get("isWritablePrimary") is False
            with pytest.raises(OperationFailure) as told:
                client.admin.command("replSetGetStatus")
        assert told.value.code == INVALID_REPLICA_SET_CONFIG
        assert told.value.details is not None
        assert told.value.details["state"] == REMOVED
        assert not connects(hosts[name], fleet)
        assert not hosts[STAYS].file("/etc/hosts").contains(name)

    def test_the_next_run_changes_nothing(self, fleet: Fleet) -> None:
        assert playbook.converge(fleet, variables=ALONE).changed == {STAYS: 0}


def test_they_come_back(hosts: dict[str, Host], fleet: Fleet) -> None:
    playbook.converge(fleet, variables=NEWER)
    assert sorted(load.settle(fleet)) == sorted([STAYS, *LEAVES])
    assert all(connects(hosts[name], fleet) for name in LEAVES)
    again = playbook.converge(fleet, "--tags", "host,firewall,replica_set", variables=NEWER)
    assert again.changed == {host.name: 0 for host in fleet.hosts}
