# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""Temporary access ends on real servers: accounts, sessions, operations, on every member, by an account that may do no more."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pymongo
import pytest
import yaml
from integration import ports
from integration.harness import ROOT, Mongod, mongods
from pymongo.errors import OperationFailure, PyMongoError

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import expiry
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import Watch, due, expire
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.sessions import kill_sessions
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

PORT = ports.first(__file__)
ROLE = yaml.safe_load((ROOT / "roles" / "mongodb_accounts" / "vars" / "main.yml").read_text())["__mongodb_accounts_expiry_role"]
ACTIONS = [(number, action) for number, entry in enumerate(ROLE["privileges"]) for action in entry["actions"]]
HIDDEN = 2  # of the three: drivers use no sessions there, so that operations have to be ended one by one
PATIENCE = 2.0  # seconds in which what an account runs has ended once the account is gone
INTERRUPTED = 11601
HOUR = timedelta(hours=1)

Client = pymongo.MongoClient[dict[str, Any]]


@dataclass
class Cluster:
    """Running servers, the primary first, and its administrator."""

    servers: list[Mongod]
    root: Client
    home: Path  # of the record of each host
    told: list[str] = field(default_factory=list)

    def login(self, server: Mongod | None = None, **options: Any) -> Login:
        port = (server or self.servers[0]).port
        account = {"user": ROLE["name"], "password": "e"}
        return Login(**{"host": "127.0.0.1", "port": port, **account, "tls": False, "timeout": 4, **options})

    def expire(self, server: Mongod | None = None) -> list[str]:
        """What failed."""
        return [str(error) for error in expire(self.watch(server), self.told.append)]

    def watch(self, server: Mongod | None = None) -> Watch:
        chosen = server or self.servers[0]
        return Watch(self.login(chosen), self.home / f"ends-{chosen.port}.json", frozenset({"root@admin"}))

    def add(self, name: str, *, database: str = "admin", ends: timedelta | None = -HOUR) -> None:
        """An account that all members know, with a grant that ends that long from now, or none."""
        now = datetime.now(timezone.utc)
        until = {} if ends is None else {"valid_until": now + ends}
        grant = {**until, "granted_by": "anna", "reason": "ticket 42", "granted_at": now}
        secret = {} if database == "$external" else {"pwd": "p"}
        self.root[database].command(
            {"createUser": name, **secret, "roles": [{"role": "readWrite", "db": "test"}], "customData": {"stronghold": grant}}
            | self.everywhere
        )

    def names(self, server: Mongod | None = None) -> set[str]:
        with (server or self.servers[0]).client(username="root", password="r00t") as client:
            users = client.admin.command({"usersInfo": {"forAllDBs": True}})["users"]
        return {user["user"] for user in users} - {"root", ROLE["name"]}

    @property
    def everywhere(self) -> dict[str, Any]:
        return {"writeConcern": {"w": len(self.servers), "wtimeout": 20000}}


def found(home: Path, servers: list[Mongod]) -> Cluster:
    with servers[0].client() as client:
        if len(servers) > 1:
            members = [{"_id": rank, "host": server.address, "priority": 2 - rank} for rank, server in enumerate(servers)]
            members[HIDDEN]["hidden"] = True
            config = {"_id": "rs", "members": members, "settings": {"electionTimeoutMillis": 3000}}
            client.admin.command("replSetInitiate", config)
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.1)
        client.admin.command("createUser", "root", pwd="r00t", roles=["root"])
    cluster = Cluster(servers, servers[0].client(username="root", password="r00t"), home)
    cluster.root.admin.command({"createRole": ROLE["name"], "privileges": ROLE["privileges"], "roles": []})
    restrictions = [{"clientSource": ["127.0.0.1", "::1"]}]
    cluster.root.admin.command(
        {"createUser": ROLE["name"], "pwd": "e", "roles": [ROLE["name"]], "authenticationRestrictions": restrictions}
        | cluster.everywhere
    )
    with cluster.root.start_session() as session:
        cluster.root.test.things.insert_many([{"number": number} for number in range(1000)], session=session)
    cluster.root.test.get_collection("things", write_concern=pymongo.WriteConcern(len(servers))).insert_one({})
    return cluster


@pytest.fixture(scope="module", params=["5.0.4", "6.0.27"])
def replica_set(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members, the last one hidden."""
    home = tmp_path_factory.mktemp("expiry")
    key_file = home / "key"
    key_file.write_text("aGFyZGx5IGEgc2VjcmV0" * 4)
    key_file.chmod(0o600)
    with mongods(home, 3, request.param, "--replSet", "rs", "--keyFile", str(key_file), port=PORT) as servers:
        yield found(home, servers)


@pytest.fixture
def cluster(replica_set: Cluster) -> Iterator[Cluster]:
    """The same one, without the accounts of other tests."""
    yield replica_set
    replica_set.told.clear()
    for record in replica_set.home.glob("ends-*.json"):
        record.unlink()
    for user in replica_set.root.admin.command({"usersInfo": {"forAllDBs": True}})["users"]:
        if user["user"] not in ("root", ROLE["name"]):
            replica_set.root[user["db"]].command({"dropUser": user["user"], **replica_set.everywhere})


@dataclass
class Running:
    """An operation under way that would take minutes: how it and the next command on the same client ended."""

    thread: threading.Thread
    ends: list[str] = field(default_factory=list)

    def ended(self, seconds: float) -> bool:
        self.thread.join(seconds)
        return not self.thread.is_alive()


@contextlib.contextmanager
def long_operation(cluster: Cluster, server: Mongod, name: str, kind: str = "find") -> Iterator[Running]:
    client = server.client(username=name, password="p", readPreference="primaryPreferred")
    slow = {"$where": "sleep(300) || true"}

    def work() -> None:
        try:
            if kind == "getMore":
                cursor = client.test.things.find(slow, batch_size=2)
                list(cursor)
            else:
                list(client.test.things.find(slow))
        except PyMongoError as error:
            running.ends.append(str(error))
        for _attempt in range(20):  # one that ran while the others were ended is ended with them
            try:
                client.test.things.find_one()
            except PyMongoError as error:
                if getattr(error, "code", None) == INTERRUPTED:
                    continue
                running.ends.append(str(error))
            break

    running = Running(threading.Thread(target=work, daemon=True))
    running.thread.start()
    with server.client(username="root", password="r00t") as root:
        stages = [
            {"$currentOp": {"allUsers": True}},
            {"$match": {"effectiveUsers.user": name, "op": {"$in": ["query", "getmore"]}}},
        ]
        deadline = time.monotonic() + 20
        wanted = "getmore" if kind == "getMore" else "query"
        while not any(operation["op"] == wanted for operation in root.admin.aggregate(stages)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield running
        finally:
            for operation in root.admin.aggregate(stages):
                root.admin.command({"killOp": 1, "op": operation["opid"]})
            running.thread.join(20)
            client.close()


@pytest.mark.parametrize("kind", ["find", "getMore"])
def test_a_removed_account_runs_nothing_any_more_on_any_member(cluster: Cluster, kind: str) -> None:
    cluster.add("support")
    cluster.add("app", ends=None)
    with contextlib.ExitStack() as stack:
        hers = [stack.enter_context(long_operation(cluster, server, "support", kind)) for server in cluster.servers]
        others = stack.enter_context(long_operation(cluster, cluster.servers[0], "app", kind))
        assert cluster.expire() == []
        for operation in hers:
            assert operation.ended(PATIENCE)
            assert len(operation.ends) == 2, operation.ends
            between = kind == "getMore" and "requires authentication" in operation.ends[0]  # two of them: none ran just then
            assert "interrupted" in operation.ends[0] or between
            assert "not authorized" in operation.ends[1] or "requires authentication" in operation.ends[1]
        assert not others.ended(0)
    assert [cluster.names(server) for server in cluster.servers] == [{"app"}] * 3
    (line,) = cluster.told
    assert line.startswith("removed support@admin, valid until 20")
    assert line.endswith(", granted by anna (ticket 42)")


def test_a_transaction_that_waits_is_aborted(cluster: Cluster) -> None:
    """Else it would hold its locks and its view of the data until the server ends it."""
    cluster.add("support")
    server = cluster.servers[0]
    with server.client(username="support", password="p") as client, client.start_session() as session:
        session.start_transaction()
        client.test.things.update_one({"number": 1}, {"$set": {"seen": True}}, session=session)
        assert cluster.root.admin.command("serverStatus")["transactions"]["currentOpen"] == 1
        assert cluster.expire() == []
        deadline = time.monotonic() + PATIENCE
        while cluster.root.admin.command("serverStatus")["transactions"]["currentOpen"]:
            assert time.monotonic() < deadline
        with pytest.raises(OperationFailure):
            session.commit_transaction()
    assert cluster.root.test.things.count_documents({"seen": True}) == 0


def test_only_those_go_whose_time_is_over(cluster: Cluster) -> None:
    cluster.add("early", database="shop")
    cluster.add("CN=support,O=Example", database="$external")
    cluster.add("later", ends=HOUR)
    cluster.add("app", ends=None)
    assert cluster.expire() == []
    assert cluster.names() == {"later", "app"}
    assert [line.split(",")[0] for line in cluster.told] == ["removed early@shop", "removed CN=support"]
    cluster.told.clear()
    assert cluster.expire() == []
    assert cluster.told == []


def test_no_secondary_removes_an_account(cluster: Cluster) -> None:
    cluster.add("support")
    for server in cluster.servers[1:]:
        assert cluster.expire(server) == []
    assert cluster.names() == {"support"}
    assert cluster.told == []


def test_a_grant_that_was_prolonged_meanwhile_counts(cluster: Cluster) -> None:
    cluster.add("support")
    watch, failures = cluster.watch(), []
    with connect(cluster.login()) as client:
        (read,) = expiry._known(client, watch, cluster.told.append, failures)
        now = datetime.now(timezone.utc)
        longer = {"valid_until": now + HOUR, "granted_by": "anna", "reason": "ticket 43", "granted_at": now}
        cluster.root.admin.command({"updateUser": "support", "customData": {"stronghold": longer}})
        assert expiry._drop(client, read, 5) is False
        assert cluster.names() == {"support"}
        (again,) = expiry._known(client, watch, cluster.told.append, failures)
        assert due([again], now) == []
        assert expiry._drop(client, again, 5) is True
        assert expiry._drop(client, again, 5) is False
    assert (cluster.told, failures) == ([], [])


def test_two_at_once_remove_each_account_once(cluster: Cluster) -> None:
    """As where a set has two primaries for a moment, or a person runs the program beside the timer."""
    names = {f"support-{number}" for number in range(40)}
    for name in sorted(names):
        cluster.add(name)
    with ThreadPoolExecutor(2) as pool:
        assert [run.result() for run in [pool.submit(cluster.expire), pool.submit(cluster.expire)]] == [[], []]
    assert sorted(line.split("@")[0] for line in cluster.told) == sorted(f"removed {name}" for name in names)


@pytest.mark.parametrize("position", [0, 1])
def test_what_an_account_left_running_ends_on_the_next_run_there(cluster: Cluster, position: int) -> None:
    """As after a program that was killed between the two steps, or on a member that was out of reach."""
    server = cluster.servers[position]
    cluster.add("former", ends=None)
    cluster.add("app", ends=None)
    with long_operation(cluster, server, "former") as hers, long_operation(cluster, server, "app") as others:
        cluster.root.admin.command({"dropUser": "former", **cluster.everywhere})
        assert not hers.ended(0.5)
        assert cluster.expire(server) == []
        assert hers.ended(PATIENCE)
        assert not others.ended(0)


@pytest.mark.parametrize(("entry", "action"), ACTIONS)
def test_each_action_of_the_role_is_needed(cluster: Cluster, entry: int, action: str) -> None:
    """The other tests show that together they suffice."""
    fewer = [dict(privilege, actions=list(privilege["actions"])) for privilege in ROLE["privileges"]]
    fewer[entry]["actions"].remove(action)
    cluster.add("support")
    with long_operation(cluster, cluster.servers[HIDDEN], "support"):
        try:
            cluster.root.admin.command({"updateRole": ROLE["name"], "privileges": fewer, **cluster.everywhere})
            try:
                failures = cluster.expire()
            except Exception as error:  # an error of any kind, as long as it is of the privilege
                failures = [str(error)]
        finally:
            cluster.root.admin.command({"updateRole": ROLE["name"], "privileges": ROLE["privileges"], **cluster.everywhere})
    assert failures
    assert all("the account lacks the privilege" in failure for failure in failures), failures


POWERS = {
    "its own customData": [{"resource": {"db": "admin", "collection": ""}, "actions": ["changeOwnCustomData"]}],
    "any customData": [{"resource": {"db": "", "collection": ""}, "actions": ["changeCustomData"]}],
}


@pytest.fixture
def powerful(cluster: Cluster) -> Iterator[Callable[[str], None]]:
    """Gives an account something by which it can lift its end."""

    def give(power: str) -> None:
        cluster.root.admin.command({"createRole": "lifter", "privileges": POWERS[power], "roles": [], **cluster.everywhere})
        cluster.root.admin.command({"grantRolesToUser": "support", "roles": ["lifter"], **cluster.everywhere})

    yield give
    cluster.root.admin.command({"dropRole": "lifter", **cluster.everywhere})


def lift(cluster: Cluster, custom_data: dict[str, Any]) -> None:
    """As the account itself."""
    with cluster.servers[0].client(username="support", password="p") as client:
        client.admin.command({"updateUser": "support", "customData": custom_data, **cluster.everywhere})


NEVER: list[dict[str, Any]] = [{}, {"stronghold": {"valid_until": "2090-01-01T00:00:00Z"}}]
SOON = timedelta(seconds=6)  # enough for what comes before, also on a busy machine


@pytest.mark.parametrize("power", POWERS)
def test_an_account_does_not_lift_its_own_end(cluster: Cluster, powerful: Callable[[str], None], power: str) -> None:
    cluster.add("support", ends=SOON)
    powerful(power)
    ended = time.monotonic() + SOON.total_seconds()
    assert cluster.expire() == []
    for custom_data in NEVER:
        lift(cluster, custom_data)
        assert cluster.expire() == []
    (line,) = cluster.told  # once for both of them: neither is an end
    assert line.startswith("kept to the end of support@admin, 20")
    assert cluster.names() == {"support"}
    time.sleep(max(0.0, ended - time.monotonic()))
    assert cluster.expire() == []
    assert cluster.names() == set()
    assert cluster.told[1].startswith("removed support@admin, valid until 20")


def test_a_host_that_was_not_there_when_an_end_was_lifted_is_told_by_another(
    cluster: Cluster, powerful: Callable[[str], None]
) -> None:
    """The primary's is new, or was restored, and believes the account."""
    cluster.add("support", ends=SOON)
    powerful("its own customData")
    ended = time.monotonic() + SOON.total_seconds()
    witness = cluster.servers[HIDDEN]
    assert cluster.expire(witness) == []
    lift(cluster, {})
    assert cluster.expire() == []
    time.sleep(max(0.0, ended - time.monotonic()))
    assert cluster.expire() == []
    assert cluster.names() == {"support"}
    assert cluster.expire(witness) == []
    assert cluster.names() == set()
    assert [line.split(" ")[0] for line in cluster.told] == ["kept", "removed"]


def test_whoever_is_trusted_with_accounts_prolongs_and_ends_a_limit(cluster: Cluster) -> None:
    cluster.add("support", ends=SOON)
    for server in cluster.servers:
        assert cluster.expire(server) == []
    now = datetime.now(timezone.utc)
    longer = {"valid_until": now + HOUR, "granted_by": "anna", "reason": "ticket 43", "granted_at": now}
    for custom_data in ({"stronghold": longer}, {}):
        cluster.root.admin.command({"updateUser": "support", "customData": custom_data, **cluster.everywhere})
        time.sleep(SOON.total_seconds() if custom_data else 0)
        for server in cluster.servers:
            assert cluster.expire(server) == []
        assert cluster.names() == {"support"}
    assert cluster.told == []


def test_nobody_has_the_administrator_removed_by_writing_an_end_into_it(cluster: Cluster) -> None:
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    try:
        cluster.root.admin.command({"updateUser": "root", "customData": {"stronghold": {"valid_until": past}}})
        assert cluster.expire() == []
        assert len(cluster.root.admin.command("usersInfo", "root")["users"]) == 1
    finally:
        cluster.root.admin.command({"updateUser": "root", "customData": {}})


def test_a_record_that_cannot_be_kept_is_told_and_stops_nothing(cluster: Cluster) -> None:
    cluster.add("support")
    watch = replace(cluster.watch(), record=cluster.home / "nowhere" / "ends.json")
    cluster.add("later", ends=HOUR)
    (failure,) = expire(watch, cluster.told.append)
    assert f"could not write the record of ends {watch.record} because No such file or directory" in str(failure)
    assert cluster.names() == {"later"}
    record = cluster.watch().record
    record.write_text("{")
    (failure,) = cluster.expire()
    assert f"could not read the record of ends {record}" in failure
    assert record.stat().st_mode & 0o077 == 0
    assert cluster.expire() == []


def test_a_member_that_hangs_holds_nothing_up(cluster: Cluster) -> None:
    cluster.add("support")
    hidden = cluster.servers[HIDDEN]
    assert hidden.process
    with long_operation(cluster, cluster.servers[0], "support") as hers:
        os.kill(hidden.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            (failure,) = cluster.expire()
            took = time.monotonic() - began
        finally:
            os.kill(hidden.process.pid, signal.SIGCONT)
        assert hers.ended(PATIENCE)
    assert f"on {hidden.address}" in failure
    assert "could not end the sessions of support@admin because" in failure
    assert took < 2 * cluster.login().timeout
    assert cluster.names() == set()


def test_a_member_that_is_behind_is_named(cluster: Cluster) -> None:
    """It still lets the account work, which it must not hide."""
    cluster.add("support")
    behind = cluster.servers[1]
    with behind.client(username="root", password="r00t") as client:
        client.admin.command("fsync", lock=True)
        try:
            (failure,) = cluster.expire()
        finally:
            client.admin.command("fsyncUnlock")
    assert f"on 127.0.0.1:{behind.port}" in failure
    assert "has not taken over the removal of support@admin yet" in failure


def test_a_server_outside_any_set_removes_accounts_too(tmp_path: Path) -> None:
    with mongods(tmp_path, 1, "6.0.27", "--auth", port=PORT + 10) as servers:
        cluster = found(tmp_path, servers)
        cluster.add("support")
        with long_operation(cluster, servers[0], "support") as hers:
            assert cluster.expire() == []
            assert hers.ended(PATIENCE)
        assert cluster.names() == set()


def test_a_member_that_is_not_initiated_has_nothing_to_do(tmp_path: Path) -> None:
    with mongods(tmp_path, 1, "6.0.27", "--replSet", "rs", port=PORT + 11) as (server,):
        told: list[str] = []
        watch = Cluster([server], server.client(), tmp_path).watch()
        assert expire(replace(watch, login=replace(watch.login, timeout=2)), told.append) == []
        assert told == []


def test_sessions_end_through_any_member(cluster: Cluster) -> None:
    cluster.add("support")
    with long_operation(cluster, cluster.servers[HIDDEN], "support") as hers:
        cluster.root.admin.command({"dropUser": "support", **cluster.everywhere})
        login = cluster.login(cluster.servers[1])
        with connect(login) as client:
            kill_sessions(client, login, [Key("admin", "support")])
        assert hers.ended(PATIENCE)
