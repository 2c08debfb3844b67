# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/disaster.md by the letter: a disk is lost, a disk is full, a host is gone, a majority is lost, a host comes anew."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern
from scenario import load, playbook

from lab import access
from lab import fleet as fleets
from lab.fleet import Fleet, ssh

STRUCK, OTHER, LAST = "db-b", "db-a", "db-c"  # the first leads, and would be the one to initiate a set
DATA = "/var/lib/mongodb"
DISK_MB, ENOUGH_MB = 700, 300
STATUS = str(Path(__file__).parents[4] / "examples" / "status.yml")
SHORT = "--timeout=3"  # for a host that does not answer on port 22


def write(fleet: Fleet, number: int) -> None:
    """One more document, acknowledged by a majority."""
    with access.client(fleet, load.primary(fleet)) as client:
        client.night.get_collection("records", write_concern=WriteConcern("majority", 30000)).insert_one({"_id": number})


def holds(fleet: Fleet, name: str, numbers: list[int]) -> bool:
    """Whether one member has come to have these, read from it alone."""
    deadline = time.monotonic() + 30
    while True:
        with access.client(fleet, fleet.host(name)) as client:
            found = [document["_id"] for document in client.night.records.find()]
        if set(numbers) <= set(found) or time.monotonic() > deadline:
            return set(numbers) <= set(found)
        time.sleep(0.5)


def shown(run: playbook.Run) -> dict[str, dict[str, Any]]:
    """Host -> what the playbook of status said of the set as that host sees it."""
    found = {}
    for part in run.output.split("\nok: [")[1:]:
        name, separator, rest = part.partition("] => {")
        if separator:
            found[name] = json.JSONDecoder().raw_decode("{" + rest)[0]["msg"]
    return found


def await_serving(fleet: Fleet, name: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while load.states(fleet)[name] not in ("primary", "secondary"):
        assert time.monotonic() < deadline, load.states(fleet)
        time.sleep(0.5)


def await_missed(fleet: Fleet, by: str, name: str) -> None:
    """Until a member has noticed that another does not answer."""
    deadline = time.monotonic() + 30
    with access.client(fleet, fleet.host(by)) as client:
        while True:
            members = client.admin.command("replSetGetStatus")["members"]
            if [member["health"] for member in members if member["name"].startswith(f"{name}:")] == [0]:
                return
            assert time.monotonic() < deadline, members
            time.sleep(0.5)


@pytest.fixture(scope="module", autouse=True)
def records(fleet: Fleet) -> Iterator[None]:
    load.settle(fleet)
    with access.client(fleet, load.primary(fleet)) as client:
        client.drop_database("night")
    write(fleet, 1)
    yield
    with access.client(fleet, load.primary(fleet)) as client:
        client.drop_database("night")


def test_the_status_of_a_whole_set(fleet: Fleet) -> None:
    run = playbook.run(fleet, playbook=STATUS)
    assert run.rc == 0, run.output[-3000:]
    assert set(shown(run)) == {STRUCK, OTHER, LAST}
    for seen in shown(run).values():
        assert (seen["primary"], seen["majority"], seen["may_be_lost"]) == (f"{STRUCK}:27017", True, ["a", "b", "c"])
        assert sorted(line.split(", ")[1] for line in seen["members"]) == ["PRIMARY", "SECONDARY", "SECONDARY"]


def test_a_lost_disk(fleet: Fleet) -> None:
    """An empty file system is mounted in its place; the run prepares it, and the member copies all from the others."""
    ssh(fleet, STRUCK, f"systemctl stop mongod && rm -r {DATA} && mkdir {DATA} && mount -t tmpfs -o size={DISK_MB}m tmpfs {DATA}")
    assert ssh(fleet, STRUCK, f"ls -A {DATA}") == ""
    write(fleet, 2)
    run = playbook.converge(fleet, variables={"mongodb_host_min_free_mb": ENOUGH_MB})
    assert {name for name, changed in run.changed.items() if changed} == {STRUCK}
    assert ssh(fleet, STRUCK, f"stat -c '%U %a' {DATA}").strip() == "mongodb 750"
    assert sorted(load.settle(fleet).values()) == ["primary", "secondary", "secondary"]
    assert holds(fleet, STRUCK, [1, 2])


@pytest.mark.long
def test_a_full_disk_under_a_running_server(fleet: Fleet) -> None:
    """The others serve, a run says what is wrong, and the member comes back by itself as soon as there is room."""
    load.settle(fleet)
    ssh(fleet, STRUCK, f"systemd-run --quiet --unit=filler sh -c 'while :; do cat /dev/zero >>{DATA}/filler; sleep 0.2; done'")
    try:
        deadline = time.monotonic() + 90
        while load.primary(fleet, 60).name == STRUCK or not ended(fleet):
            assert time.monotonic() < deadline, load.states(fleet)
            write_much(fleet)
        write(fleet, 3)
        run = playbook.run(fleet, variables={"mongodb_replica_set_timeout": 5})
        assert run.rc != 0
        assert re.search(rf"only \d+ MiB are free for {DATA}, 2048 are wanted", run.output)
        assert STRUCK in run.failures[-1]
    finally:
        ssh(fleet, STRUCK, f"systemctl stop filler; rm {DATA}/filler")
    await_serving(fleet, STRUCK, 60)
    assert sorted(load.settle(fleet).values()) == ["primary", "secondary", "secondary"]
    assert holds(fleet, STRUCK, [1, 2, 3])


def ended(fleet: Fleet) -> bool:
    """Whether the struck server has ended for want of space, at least once."""
    restarts = ssh(fleet, STRUCK, "systemctl show mongod --property=NRestarts --value")
    return int(restarts) > 0 and "No space left on device" in ssh(fleet, STRUCK, "cat /var/log/mongodb/mongod.log")


def write_much(fleet: Fleet) -> None:
    """Writes that nobody waits for, to whoever is primary."""
    try:
        with access.client(fleet, load.primary(fleet)) as client:
            client.night.filler.insert_many([{"filler": "x" * 2**20} for _ in range(16)])
    except PyMongoError:
        time.sleep(1)


def test_a_host_that_is_gone_is_named_with_what_to_type(fleet: Fleet) -> None:
    load.settle(fleet)
    fleets.remove(fleet, STRUCK)
    run = playbook.run(fleet, SHORT)
    assert run.rc != 0
    assert run.seconds < 30
    assert sum(run.changed.values()) == 0
    assert run.failures[-1].endswith(f"--limit 'all:!{STRUCK}' -e mongodb_replica_set_wait_for=primary.")
    await_missed(fleet, OTHER, STRUCK)
    one = shown(playbook.run(fleet, f"--limit={OTHER}", playbook=STATUS))
    assert list(one) == [OTHER]
    assert (one[OTHER]["majority"], one[OTHER]["may_be_lost"]) == (True, []), "its own zone is lost, and no other may be now"
    assert one[OTHER]["primary"] in (f"{OTHER}:27017", f"{LAST}:27017")


def test_a_set_without_a_majority_is_told_of_by_who_is_left(fleet: Fleet) -> None:
    ssh(fleet, LAST, "systemctl stop mongod")
    await_missed(fleet, OTHER, LAST)
    deadline = time.monotonic() + 60
    while load.states(fleet)[OTHER] != "secondary":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    run = playbook.run(fleet, SHORT, playbook=STATUS)
    assert f"fatal: [{STRUCK}]: UNREACHABLE!" in run.output
    assert "start mongod" in run.failures[-1]
    seen = shown(run)
    assert list(seen) == [OTHER]
    assert (seen[OTHER]["majority"], seen[OTHER]["may_be_lost"]) == (False, [])
    assert not seen[OTHER]["primary"]


def test_the_run_on_those_that_are_left_starts_what_is_down(fleet: Fleet) -> None:
    """Which gives the set its majority back."""
    run = playbook.converge(fleet, f"--limit=all:!{STRUCK}", variables={"mongodb_replica_set_wait_for": "primary"})
    assert {name for name, changed in run.changed.items() if changed} == {LAST}
    write(fleet, 4)


def test_a_host_that_was_installed_anew(fleet: Fleet) -> None:
    """The one that once initiated the set: it gets back into the same place, and makes no set of its own."""
    fleets.reinstall(fleet, STRUCK)
    run = playbook.converge(fleet)
    assert run.changed[OTHER] == run.changed[LAST] == 0
    assert sorted(load.settle(fleet).values()) == ["primary", "secondary", "secondary"]
    assert holds(fleet, STRUCK, [1, 2, 4])
    assert load.primary(fleet).name == STRUCK
