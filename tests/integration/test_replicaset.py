# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mongodb_replicaset and its info twin against real servers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.harness import ROOT, Mongod, mongods, run_module, until

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import ReplicaSet
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.steps import Step

PORT = ports.first(__file__)
NOBODY, NOR_HERE = (f"127.0.0.1:{PORT + index}" for index in (58, 59))
QUICK = {"electionTimeoutMillis": 2000}
PATIENT = {"electionTimeoutMillis": 20000}  # who leads stays the same on a busy machine
QUICK_BEAT = 500  # ms


def manage(server: Mongod, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    options = {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "tls": False,
        "replica_set": "rs",
        "timeout": 60,
        **arguments,
    }
    return run_module("mongodb_replicaset", check=check, **options)


def info(server: Mongod, **arguments: Any) -> dict[str, Any]:
    return run_module("mongodb_replicaset_info", login_host="127.0.0.1", login_port=server.port, tls=False, **arguments)


def addresses(servers: list[Mongod]) -> list[str]:
    return [server.address for server in servers]


def config_of(server: Mongod) -> dict[str, Any]:
    with server.client() as client:
        document: dict[str, Any] = client.admin.command("replSetGetConfig")["config"]
        return document


def member_of(server: Mongod, address: str) -> dict[str, Any]:
    return next(member for member in config_of(server)["members"] if member["host"] == address)


def by_port(servers: list[Mongod], address: str) -> Mongod:
    return next(server for server in servers if server.address == address)


class Writer(threading.Thread):
    """Writes with majority and retryable writes until stopped; ``acknowledged`` and ``errors`` tell what came of it."""

    def __init__(self, servers: list[Mongod]) -> None:
        super().__init__(daemon=True)
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(addresses(servers), replicaSet="rs", w="majority")
        self._stopped = threading.Event()
        self.acknowledged: list[int] = []
        self.errors: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._stopped.wait(0.01):
            number += 1
            try:
                self._client.test.written.insert_one({"_id": number})
                self.acknowledged.append(number)
            except pymongo.errors.PyMongoError as error:
                self.errors.append(str(error))

    def stop(self) -> set[int]:
        """The acknowledged writes that are missing."""
        self._stopped.set()
        self.join()
        stored = {document["_id"] for document in self._client.test.written.find()}
        self._client.close()
        return set(self.acknowledged) - stored


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rs")


@pytest.fixture(scope="module")
def five(home: Path) -> Iterator[list[Mongod]]:
    """Five servers; the tests that use them build on each other's state through ``three``."""
    with mongods(home / "five", 5, "6.0.27", "--replSet", "rs", port=PORT) as servers:
        yield servers


@pytest.fixture
def three(five: list[Mongod]) -> list[Mongod]:
    """The first three in a plain set, the primary whoever it is, the other two in none."""
    found: list[str] = []

    def led() -> bool:
        """On a busy machine it may elect another one just then."""
        result = manage(
            five[0], members=[plain(server) for server in five[:3]], settings={**QUICK, "getLastErrorModes": {}}, wait_for="all"
        )
        assert "rc" not in result, result
        found[:] = [result["primary"]] if result["primary"] else []
        return bool(found)

    until(led)
    beat(by_port(five, found[0]), QUICK_BEAT)
    return five[:3]


def beat(primary: Mongod, interval: int) -> None:
    """Have members look for each other this often, in ms; the module has no such option."""
    config = config_of(primary)
    if config["settings"]["heartbeatIntervalMillis"] != interval:
        config["settings"]["heartbeatIntervalMillis"] = interval
        with primary.client() as client:
            client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1})


def plain(server: Mongod) -> dict[str, Any]:
    return {"host": server.address, "priority": 1, "votes": 1, "hidden": False, "secondary_delay_secs": 0, "tags": {}}


def test_from_nothing_to_a_set_and_again(five: list[Mongod]) -> None:
    """First of the module: the servers are not initiated yet."""
    members = [{"host": server.address, "zone": zone} for server, zone in zip(five[:3], "abc")]
    wanted: dict[str, Any] = {
        "members": members,
        "settings": QUICK,
        "default_write_concern": {"w": "majority"},
        "wait_for": "all",
    }
    predicted = manage(five[0], check=True, **wanted)
    assert predicted["changed"]
    assert predicted["primary"] is None
    assert info(five[0])["initiated"] is False
    made = manage(five[0], **wanted)
    assert made["changes"] == predicted["changes"]
    assert made["diff"] == predicted["diff"]
    assert made["primary"] in addresses(five[:3])
    assert {member["state"] for member in made["members"]} == {"PRIMARY", "SECONDARY"}
    assert [member["zone"] for member in made["members"]] == ["a", "b", "c"]
    version = config_of(five[0])["version"]
    for check in (False, True):
        again = manage(five[1], check=check, **wanted)
        assert again["changed"] is False
        assert again["diff"] == []
    assert config_of(five[0])["version"] == version


def test_every_kind_of_change_is_exact(three: list[Mongod]) -> None:
    first, second, third = addresses(three)
    base = [plain(server) for server in three]
    declarations: list[dict[str, Any]] = [
        {"members": [{**base[0], "zone": "a"}, {**base[1], "zone": "b"}, {**base[2], "zone": "c"}]},
        {
            "settings": {"chainingAllowed": False, "getLastErrorModes": {"across": {"zone": "2"}}},
            "default_write_concern": {"w": "across", "wtimeout": 5000},
        },
        {"settings": {"getLastErrorModes": {"across": {"zone": 3}}}},
        {"settings": {"getLastErrorModes": {}}, "default_write_concern": {"w": 2}},
        {"members": [{"host": first, "tags": {}}, {"host": second, "tags": {"rack": 1}}, third]},
        {"members": [first, second, third.upper()], "settings": {"electionTimeoutMillis": 3000}},
    ]
    for declaration in declarations:
        before = config_of(three[0])
        predicted = manage(three[0], check=True, **declaration)
        assert predicted["changed"], declaration
        assert config_of(three[0]) == before
        done = manage(three[0], **declaration)
        assert done["changes"] == predicted["changes"], declaration
        assert manage(three[0], **declaration)["changed"] is False, declaration
    assert member_of(three[0], second)["tags"] == {"rack": "1"}
    assert member_of(three[0], third)["tags"] == {"zone": "c"}


def test_priority_and_the_primary(three: list[Mongod]) -> None:
    """A primary that may lead no more steps down first; hidden and delayed follow."""
    primary = by_port(three, info(three[0])["primary"])
    members = [{"host": server.address} for server in three]
    members[three.index(primary)].update(priority=0, hidden=True, secondary_delay_secs=1)
    done = manage(three[0], members=members)
    assert done["changes"][0].startswith(f"step down {primary.address}")
    assert done["primary"] not in (None, primary.address)
    stored = member_of(primary, primary.address)
    assert (stored["priority"], stored["hidden"], stored["secondaryDelaySecs"]) == (0, True, 1)
    assert manage(three[0], members=members)["changed"] is False


def test_growing_and_shrinking_under_writes_loses_nothing(five: list[Mongod], three: list[Mongod]) -> None:
    manage(three[0], settings=PATIENT)
    writer = Writer(five)
    writer.start()
    try:
        grown = manage(three[0], members=addresses(five), wait_for="all")
        assert grown["changes"][0].count("without a vote") == 2
        assert [member["votes"] for member in grown["members"]] == [1] * 5
        assert not any("stronghold_pending" in member["tags"] for member in config_of(three[0])["members"])
        leaving = grown["primary"]
        other = next(address for address in addresses(five) if address != leaving)
        rest = [address for address in addresses(five) if address not in (leaving, other)]
        shrunk = manage(by_port(five, rest[0]), members=rest, wait_for="all")
        assert shrunk["changes"] == [
            f"remove {other}",
            f"step down {leaving}, which is to be primary no more",
            f"remove {leaving}",
        ]
        assert {member["host"] for member in shrunk["members"]} == set(rest)
        # A removed member that is asked first leads to the set through the others.
        assert manage(by_port(five, leaving), members=rest)["changed"] is False
    finally:
        missing = writer.stop()
    assert missing == set()
    assert writer.errors == []
    assert len(writer.acknowledged) > 50


def test_who_leaves_knows_it_when_the_module_ends(three: list[Mongod]) -> None:
    """So that nobody has to keep a way open for them."""
    primary = manage(three[0], members=addresses(three))["primary"]
    beat(by_port(three, primary), 4000)
    gone = [server for server in three if server.address != primary]
    assert len(manage(by_port(three, primary), members=[primary])["changes"]) == 2
    for server in gone:
        with server.client() as client:
            assert "setName" not in client.admin.command("hello"), server.address
    beat(by_port(three, primary), QUICK_BEAT)


@pytest.mark.parametrize("steps_done", [1, 2])
def test_killed_while_growing_it_goes_on(five: list[Mongod], three: list[Mongod], steps_done: int) -> None:
    wanted: dict[str, Any] = {"members": addresses(five), "wait_for": "all"}
    for _again in range(4):
        _kill_while_growing(three[0], wanted, steps_done)
        result = manage(three[0], **wanted)
        assert "rc" not in result, result
        assert [member["votes"] for member in result["members"]] == [1] * 5
        assert [member["priority"] for member in result["members"]] == [1] * 5
        assert not any("stronghold_pending" in member["tags"] for member in config_of(three[0])["members"])
        if result["changed"]:
            return
        manage(three[0], members=addresses(three))  # it was killed too late to prove anything, as on a busy machine
    pytest.fail("it was always killed too late")


def _kill_while_growing(server: Mongod, wanted: dict[str, Any], steps_done: int) -> None:
    """Kill the module when the server knows of so many steps; one that does not lead knows late, and maybe all were done."""
    version = config_of(server)["version"]
    arguments = {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "tls": False,
        "replica_set": "rs",
        "_ansible_remote_tmp": "/tmp",  # noqa: S108
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ansible_collections.stronghold.mongodb.plugins.modules.mongodb_replicaset"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".tree")},
        cwd="/",
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, **wanted}}).encode())
    process.stdin.close()
    until(lambda: config_of(server)["version"] >= version + steps_done)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_refused_before_anything_changes(three: list[Mongod]) -> None:
    before = config_of(three[0])
    plain_names = addresses(three)
    for arguments, said in (
        ({"replica_set": "other", "members": plain_names}, "belongs to the replica set rs"),
        ({"members": plain_names[:2]}, "an even number of votes, 2,"),
        ({"members": [*plain_names, *plain_names[:1]]}, "declared more than once"),
        ({"members": [*plain_names[:2], {"host": plain_names[2], "arbiter_only": True}]}, "a live member cannot change that"),
        ({"default_write_concern": {"w": "nowhere"}}, "names the mode 'nowhere'"),
        (
            {"members": [*plain_names, NOBODY, NOR_HERE], "login_timeout": 2},
            f"{NOBODY} does not answer",
        ),
    ):
        result = manage(three[0], **arguments)
        assert result["failed"]
        assert said in result["msg"]
        assert result["changed"] is False
        assert "Traceback" not in json.dumps(result)
    assert "even number" in manage(three[0], check=True, members=plain_names[:2])["msg"]
    assert config_of(three[0]) == before


def test_a_step_meets_a_set_that_moved_on(three: list[Mongod]) -> None:
    """Another member leads than when the plan was made, or the configuration is another: hand over, or stop."""
    login = Login(host="127.0.0.1", port=three[0].port, tls=False)
    with ReplicaSet(login, [], timeout=30) as replica_set:
        replica_set.find()
        snapshot = replica_set.snapshot()
        assert snapshot is not None
        before = snapshot.config
        leader = before.by_key()[snapshot.primary]
        after = replace(before, members=tuple(member for member in before.members if member is not leader))
        replica_set.carry_out(Step(before, after))
        now = replica_set.snapshot()
        assert now is not None
        assert now.config.same_as(after)
        assert now.primary != leader.key
        replica_set.carry_out(Step(before, after))  # done already
        with pytest.raises(StrongholdError, match="changed by someone else meanwhile"):
            replica_set.carry_out(Step(before, replace(before, settings={})))


def test_even_votes_by_name_and_an_arbiter(five: list[Mongod], three: list[Mongod]) -> None:
    arbiter = {"host": five[3].address, "arbiter_only": True}
    wanted: dict[str, Any] = {"members": [*addresses(three), arbiter], "allow": ["even_votes"], "wait_for": "all"}
    wanted["default_write_concern"] = {"w": "majority"}  # a server adds no arbiter while its default is implicit
    # It held data of this set, with which it would abort as an arbiter.
    assert "still holds the data of a set" in manage(three[0], **wanted)["msg"]
    five[3].stop(kill=True)
    five[3].home = five[3].home.with_name("m3-emptied")
    five[3].start()
    done = manage(three[0], **wanted)
    assert done["changes"][-1] == f"add {five[3].address} as arbiter"
    assert done["members"][3]["state"] == "ARBITER"
    assert manage(three[0], **wanted)["changed"] is False
    # The arbiter asked first leads to the set too.
    assert manage(five[3], **wanted)["changed"] is False
    assert manage(three[0], members=addresses(three), wait_for="all")["changes"] == [f"remove {five[3].address}"]
    five[3].stop(kill=True)
    five[3].home = five[3].home.with_name("m3-after-arbiter")
    five[3].start()


def test_the_info_twin_tells_what_is_asked_at_night(five: list[Mongod], three: list[Mongod]) -> None:
    manage(three[0], members=[{"host": server.address, "zone": zone} for server, zone in zip(three, "abc")])
    until(lambda: {member["state"] for member in info(three[0])["members"]} == {"PRIMARY", "SECONDARY"})
    healthy = info(three[1], replica_set="rs")
    assert healthy["changed"] is False
    assert (healthy["initiated"], healthy["name"], healthy["majority"]) == (True, "rs", True)
    assert healthy["zones"] == {zone: {"votes": 1, "can_be_lost": True} for zone in "abc"}
    assert all(member["lag_secs"] is not None and member["lag_secs"] < 5 for member in healthy["members"])
    assert healthy["config_version"] == config_of(three[0])["version"]
    assert "belongs to the replica set rs" in info(three[0], replica_set="other")["msg"]
    gone = next(server for server in three if server.address != healthy["primary"])
    there = next(server for server in three if server is not gone)
    stopped = time.time()
    gone.stop(kill=True)
    until(lambda: not all(member["health"] for member in info(there)["members"]))
    hurt = info(there)
    missing = next(member for member in hurt["members"] if member["host"] == gone.address)
    assert hurt["majority"] is True
    assert {zone["can_be_lost"] for zone in hurt["zones"].values()} == {False}
    assert missing["lag_secs"] is None
    assert missing["message"]
    since = time.strptime(missing["unreachable_since"], "%Y-%m-%dT%H:%M:%SZ")
    assert abs(time.mktime(since) - time.timezone - stopped) < 10
    back = by_port(three, gone.address)
    back.start()
    assert manage(three[0], wait_for="all", timeout=60)["changed"] is False


def test_without_a_majority_nothing_changes_and_it_is_said(five: list[Mongod], three: list[Mongod]) -> None:
    """Last for these servers: two of three are killed."""
    three[1].stop(kill=True)
    three[2].stop(kill=True)
    until(lambda: info(three[0], login_timeout=2)["primary"] is None)
    state = info(three[0], login_timeout=2)
    assert state["majority"] is False
    before = config_of(three[0])
    refused = manage(three[0], settings={"catchUpTakeoverDelayMillis": 12345}, login_timeout=2)
    assert "2 of 3 voters are not reachable" in refused["msg"]
    assert three[1].address in refused["msg"]
    assert config_of(three[0]) == before
    assert manage(three[0], wait_for="none", login_timeout=2)["changed"] is False
    late = manage(three[0], wait_for="primary", login_timeout=2, timeout=3)
    assert "no member became one within 3 s" in late["msg"]


def test_a_server_that_does_not_listen_is_named_soon(home: Path) -> None:
    started = time.monotonic()
    silent = Mongod(home, PORT + 58)
    result = manage(silent, members=[NOBODY], login_timeout=2)
    assert result["msg"].startswith(f"{NOBODY} on ")
    assert "nothing listens there" in result["msg"]
    assert time.monotonic() - started < 2 + 8  # the process itself starts and ends within this


def test_initiating_is_refused_where_it_would_do_harm(home: Path) -> None:
    with (
        mongods(home / "harm", 2, "6.0.27", "--replSet", "rs", port=PORT + 10) as fresh,
        mongods(home / "alone", 1, port=PORT + 12) as alone,
        mongods(home / "other", 1, "6.0.27", "--replSet", "zz", port=PORT + 13) as other,
    ):
        names = addresses(fresh)
        assert "no members are declared" in manage(fresh[0])["msg"]
        assert "started without replSetName" in manage(fresh[0], members=[*names, alone[0].address])["msg"]
        assert "does not answer" in manage(fresh[0], members=[*names, NOBODY], login_timeout=1)["msg"]
        assert manage(other[0], replica_set="zz", members=addresses(other))["changed"]
        assert "belongs to the replica set zz" in manage(fresh[0], members=[*names, other[0].address])["msg"]
        with fresh[1].client() as client:
            assert "setName" not in client.admin.command("hello")


def test_a_fresh_member_asked_first_leads_to_the_others_set(home: Path) -> None:
    with mongods(home / "fresh", 3, "6.0.27", "--replSet", "rs", port=PORT + 20) as servers:
        assert manage(servers[0], members=addresses(servers[:1]), settings=QUICK)["changed"]
        grown = manage(servers[2], members=addresses(servers), wait_for="all")
        assert grown["changes"][0] == f"add {servers[1].address} without a vote; add {servers[2].address} without a vote"
        assert {member["votes"] for member in grown["members"]} == {1}
        # The seed may be down altogether.
        assert manage(servers[0], members=addresses(servers), wait_for="all")["changed"] is False
        servers[0].stop(kill=True)
        started = time.monotonic()
        assert manage(servers[0], members=addresses(servers), login_timeout=3)["changed"] is False
        assert time.monotonic() - started < 30


def test_the_oldest_release_too(home: Path) -> None:
    with mongods(home / "old", 4, "5.0.4", "--replSet", "rs", port=PORT + 40) as servers:
        names = addresses(servers)
        wanted: dict[str, Any] = {"members": names[:3], "settings": QUICK, "default_write_concern": {"w": "majority"}}
        assert manage(servers[0], **wanted)["changed"]
        assert manage(servers[0], **wanted)["changed"] is False
        # This release itself would take a default that no write can meet.
        assert "names the mode 'nowhere'" in manage(servers[0], default_write_concern={"w": "nowhere"})["msg"]
        leaving = by_port(servers, info(servers[0])["primary"])
        rest = [name for name in names if name != leaving.address]
        done = manage(
            leaving, members=[{"host": rest[0], "zone": "a"}, {"host": rest[1], "zone": "b"}, {"host": rest[2], "zone": "c"}]
        )
        assert done["changes"][-2:] == [
            f"step down {leaving.address}, which is to be primary no more",
            f"remove {leaving.address}",
        ]
        delayed = {"host": rest[2], "hidden": True, "secondary_delay_secs": 2}
        behind = by_port(servers, rest[0])
        assert manage(behind, members=[*rest[:2], delayed])["changed"]
        assert manage(behind, members=[*rest[:2], delayed])["changed"] is False
        assert member_of(behind, rest[2])["secondaryDelaySecs"] == 2


def test_ipv6_members_in_any_spelling(home: Path) -> None:
    if (
        not Path("/proc/net/if_inet6").exists()
        or "00000000000000000000000000000001" not in Path("/proc/net/if_inet6").read_text()
    ):
        pytest.skip("this machine has no IPv6 loopback")
    with contextlib.ExitStack() as stack:
        servers = [
            Mongod(home / f"v6-{number}", PORT + 30 + number, options=["--replSet", "rs", "--ipv6"], bind="127.0.0.1,::1")
            for number in range(3)
        ]
        for server in servers:
            server.start()
            stack.callback(server.stop, kill=True)
        short, *others = (f"[::1]:{server.port}" for server in servers)
        wanted = {"login_host": "::1", "members": [short, *others], "settings": QUICK}
        made = manage(servers[0], **wanted)
        assert [member["host"] for member in made["members"]] == [short, *others]
        long = {**wanted, "members": [f"[0:0:0:0:0:0:0:1]:{server.port}" for server in servers]}
        assert manage(servers[0], **long)["changed"] is False
