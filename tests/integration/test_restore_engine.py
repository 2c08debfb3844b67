# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of a real set under load, restored and replayed to a point in time, and compared with a backup taken at that point."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from bson import Timestamp
from integration.backups import held, repository, set_of_one, zoo
from integration.harness import Mongod, mongods
from integration.ports import first
from pymongo.errors import PyMongoError

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import reading
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import Selection
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.tail import following
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore import unrolled
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.compare import Content, content, differences
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.restore import Restore, Restored

PORT = first(__file__)
Client = pymongo.MongoClient[dict[str, Any]]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ACCOUNTS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with set_of_one(tmp_path_factory.mktemp("set"), PORT) as server:
        yield server


@pytest.fixture(scope="module")
def restic(tmp_path_factory: pytest.TempPathFactory) -> Restic:
    return repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """What is restored into."""
    with mongods(tmp_path_factory.mktemp("empty"), port=PORT + 1) as (server,):
        yield server


def capture(restic: Restic, **options: Any) -> Manifest:
    return Capture(Login("127.0.0.1", PORT, tls=False), restic, **options).run()


def clear(client: Client) -> None:
    for name in client.list_database_names():
        if name not in {"admin", "local", "config"}:
            client.drop_database(name)


@dataclass
class Bench:
    """Restores into a server, which is emptied before."""

    server: Mongod
    restic: Restic
    folder: Path

    def restore(
        self, taken: Manifest, log: Sequence[Entry] = (), to: tuple[int, int] | None = None, **options: Any
    ) -> tuple[Restored, Content]:
        with self.server.client() as client:
            clear(client)
            done = Restore(client, self.server.address, self.restic, self.folder, **options).run(taken, log, to)
            return done, content(client)


@pytest.fixture
def bench(empty: Mongod, restic: Restic, tmp_path: Path) -> Bench:
    return Bench(empty, restic, tmp_path)


@pytest.fixture
def client(server: Mongod) -> Iterator[Client]:
    with server.client() as client:
        yield client
        clear(client)


class Load:
    """What users do to one database, each time something else; ``name`` keeps several of them apart."""

    def __init__(self, client: Client, name: str, seed: int) -> None:
        self.client, self.name, self.dice = client, name, random.Random(seed)  # noqa: S311
        self.db = client["load"]
        self.turn = 0

    def begin(self) -> None:
        self.db[f"{self.name}-accounts"].insert_many([{"_id": number, "balance": 100} for number in range(ACCOUNTS)])
        self.db.create_collection(f"{self.name}-capped", capped=True, size=1 << 16, max=20)
        self.db.create_collection(f"{self.name}-series", timeseries={"timeField": "at", "metaField": "where"})
        self.db[f"{self.name}-items"].create_index("kind")

    def step(self) -> None:
        self.turn += 1
        self.dice.choice(
            [self.insert, self.insert, self.update, self.update, self.transfer, self.remove, self.measure, self.log]
        )()
        if self.turn % 7 == 0:
            self.dice.choice([self.make, self.drop, self.rename, self.index, self.alter, self.view, self.out, self.anew])()

    def insert(self) -> None:
        many = [{"kind": self.dice.randrange(9), "tags": [], "text": "x" * self.dice.randrange(300)} for _each in range(5)]
        self.db[f"{self.name}-items"].insert_many([*many, {"kind": "lasting", "turn": self.turn}])

    def update(self) -> None:
        kind, other = self.dice.randrange(9), self.dice.randrange(9)
        self.db[f"{self.name}-items"].update_many({"kind": kind}, {"$push": {"tags": self.turn}, "$set": {"kind": other}})
        self.db[f"{self.name}-items"].update_many({"kind": other}, [{"$set": {"count": {"$size": "$tags"}}}])

    def remove(self) -> None:
        self.db[f"{self.name}-items"].delete_one({"kind": self.dice.randrange(9)})

    def transfer(self) -> None:
        one, other = self.dice.sample(range(ACCOUNTS), 2)
        there = self.db[f"{self.name}-accounts"]
        with self.client.start_session() as session, suppress(PyMongoError), session.start_transaction():
            there.update_one({"_id": one}, {"$inc": {"balance": -1}}, session=session)
            there.update_one({"_id": other}, {"$inc": {"balance": 1}}, session=session)
            self.db[f"{self.name}-items"].insert_one({"from": one, "to": other}, session=session)

    def measure(self) -> None:
        at = START + timedelta(seconds=self.turn)
        self.db[f"{self.name}-series"].insert_many([{"at": at, "where": self.dice.randrange(3), "v": n} for n in range(3)])

    def log(self) -> None:
        self.db[f"{self.name}-capped"].insert_many([{"turn": self.turn, "n": n} for n in range(4)])

    def some(self) -> str:
        return f"{self.name}-some-{self.dice.randrange(4)}"

    def make(self) -> None:
        self.db[self.some()].insert_one({"made": self.turn})

    def drop(self) -> None:
        self.db.drop_collection(self.some())

    def rename(self) -> None:
        with suppress(PyMongoError):
            self.db[self.some()].rename(self.some(), dropTarget=self.dice.random() < 0.5)

    def index(self) -> None:
        name = self.some()
        with suppress(PyMongoError):
            self.db[name].create_index([("made", self.dice.choice([1, -1]))], unique=self.dice.random() < 0.5)
        with suppress(PyMongoError):
            self.db[self.some()].drop_index("made_1")

    def alter(self) -> None:
        with suppress(PyMongoError):
            self.db.command("collMod", self.some(), validator={"made": {"$type": "int"}}, validationLevel="moderate")
        with suppress(PyMongoError):
            self.db.command("collMod", self.some(), index={"name": "made_1", "hidden": self.dice.random() < 0.5})
        with suppress(PyMongoError):
            self.db.command("collMod", f"{self.name}-items", index={"name": "kind_1", "hidden": self.dice.random() < 0.5})

    def view(self) -> None:
        self.db.drop_collection(f"{self.name}-view")
        self.db.command("create", f"{self.name}-view", viewOn=f"{self.name}-items", pipeline=[{"$match": {"kind": self.turn}}])

    def out(self) -> None:
        with suppress(PyMongoError):
            self.db[f"{self.name}-items"].aggregate([{"$match": {"kind": 1}}, {"$out": self.some()}])

    def anew(self) -> None:
        self.db.drop_collection(f"{self.name}-series")
        self.db.create_collection(f"{self.name}-series", timeseries={"timeField": "at", "metaField": "where"})
        self.db[f"{self.name}-series"].create_index([("where", 1), ("at", -1)])
        other = self.client[f"load-{self.name}"]
        other.a.insert_one({"turn": self.turn})
        if self.dice.random() < 0.5:
            self.client.drop_database(other.name)


@contextmanager
def loaded(server: Mongod, seed: int) -> Iterator[None]:
    """Two users at work until the block ends."""
    ended = threading.Event()
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            with server.client() as client:
                load = Load(client, f"user{number}", seed + number)
                load.begin()
                begun.wait()
                while not ended.wait(0.01):
                    load.step()
        except Exception as error:
            failures.append(error)
            begun.abort()

    begun = threading.Barrier(3)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        begun.wait()
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not failures


def bases(server: Mongod, restic: Restic, seed: int) -> tuple[Manifest, Manifest]:
    """Two, under load."""
    with loaded(server, seed):
        time.sleep(0.5)
        one = steady(restic)
        time.sleep(1)
        return one, steady(restic)


def steady(restic: Restic) -> Manifest:
    """A backup, which is refused where a collection gets another one's name just when it is read."""
    for _again in range(5):
        with suppress(StrongholdError):
            return capture(restic)
    return capture(restic)


def logged(after: Manifest, to: tuple[int, int]) -> list[Entry]:
    """What an archive would have."""
    found: list[Entry] = []
    since = after.cluster_time
    with following(Login("127.0.0.1", PORT, tls=False), None, (since.time, since.inc), wait=0.1) as tail:
        while not found or found[-1].position.at < to:
            found += tail.read()
    return found


def now(client: Client) -> tuple[int, int]:
    """Of the last write."""
    last = client.admin.command("hello")["lastWrite"]["opTime"]["ts"]
    return last.time, last.inc


@dataclass
class Two:
    """Two backups under load, and the oplog from the first to the second."""

    first: Manifest
    second: Manifest
    log: list[Entry]

    @property
    def to(self) -> tuple[int, int]:
        return self.second.consistent_at.time, self.second.consistent_at.inc

    @property
    def strict(self) -> list[Entry]:
        """Those of which every failure counts."""
        return [one for one in self.log if self.first.consistent_at < one.position.at <= self.to]


@pytest.fixture(scope="module")
def two(server: Mongod, restic: Restic) -> Two:
    seed = random.randrange(1 << 30)  # noqa: S311
    print("seed", seed)
    one, other = bases(server, restic, seed)
    with server.client() as client:
        clear(client)
    return Two(one, other, logged(one, (other.consistent_at.time, other.consistent_at.inc)))


@pytest.fixture(scope="module")
def taken(two: Two, empty: Mongod, restic: Restic, tmp_path_factory: pytest.TempPathFactory) -> Content:
    done, found = Bench(empty, restic, tmp_path_factory.mktemp("taken")).restore(two.second)
    assert done.at == two.to
    return found


class TestUnderLoad:
    @pytest.fixture
    def lasting(self, two: Two) -> Entry:
        """The insert of a document that nothing touches afterwards."""
        return next(one for one in reversed(two.strict) if (item := item_of(one)) and item["kind"] == "lasting")

    def test_what_is_replayed_is_what_is_taken_then(self, two: Two, taken: Content, bench: Bench) -> None:
        half = len(two.log) // 2
        overlapping = two.log[: half + 50] + two.log[half - 50 :]
        done, replayed = bench.restore(two.first, overlapping, two.to)
        assert differences(replayed, taken) == []
        assert done.entries > 500
        assert any(name.collection.startswith("system.buckets.") for name in taken)
        assert sum(len(facts.indexes) for facts in taken.values()) > len(taken) / 2

    def test_an_entry_that_is_missing_is_noticed(self, two: Two, taken: Content, lasting: Entry, bench: Bench) -> None:
        _done, replayed = bench.restore(two.first, [one for one in two.log if one != lasting], two.to)
        assert differences(replayed, taken) == [f"{bson.decode(lasting.raw)['ns']} has other documents."]

    def test_a_missing_insert_of_what_is_changed_later_ends_it(self, two: Two, bench: Bench) -> None:
        updated = {told["o2"]["_id"] for one in two.strict if (told := bson.decode(one.raw))["op"] == "u"}
        lost = next(one for one in reversed(two.strict) if (item := item_of(one)) and item["_id"] in updated)
        with pytest.raises(StrongholdError, match=r"could not replay the oplog beyond .* the update in load.user.-items fails"):
            bench.restore(two.first, [one for one in two.log if one != lost], two.to)

    def test_an_entry_with_other_content_is_noticed(self, two: Two, taken: Content, lasting: Entry, bench: Bench) -> None:
        document = bson.decode(lasting.raw)
        document["o"]["kind"] = "another"
        other = lasting._replace(raw=bson.encode(document))
        after = other._replace(position=other.position._replace(time=two.to[0], inc=two.to[1] + 1))
        log = [one for one in two.log if one.position.at <= two.to]
        _done, replayed = bench.restore(two.first, [*log, after], after.position.at)
        assert differences(replayed, taken) == [f"{document['ns']} has other documents."]

    def test_a_point_before_the_backup_is_consistent_is_refused(self, two: Two, bench: Bench) -> None:
        with pytest.raises(StrongholdError, match="the backup is consistent only at"):
            bench.restore(two.second, two.log, two.first.cluster_time)

    @pytest.mark.long
    @pytest.mark.parametrize("_again", range(20))
    def test_again(self, server: Mongod, restic: Restic, bench: Bench, client: Client, _again: int) -> None:
        seed = random.randrange(1 << 30)  # noqa: S311
        print("seed", seed)
        clear(client)
        one, other = bases(server, restic, seed)
        to = other.consistent_at.time, other.consistent_at.inc
        assert differences(bench.restore(one, logged(one, to), to)[1], bench.restore(other)[1]) == []


def item_of(found: Entry) -> dict[str, Any] | None:
    told = bson.decode(found.raw)
    return told["o"] if told["op"] == "i" and told["ns"].endswith("-items") else None


class TestKinds:
    def test_all_kinds_of_content_are_restored(self, client: Client, restic: Restic, bench: Bench) -> None:
        zoo(client)
        client.zoo.types.insert_one({"_id": "empty time"})
        client.zoo.types.update_one(
            {"_id": "empty time"}, [{"$replaceWith": {"$literal": {"_id": "empty time", "t": Timestamp(0, 0)}}}]
        )
        client.admin.command("createRole", "reader", privileges=[], roles=["read"])
        client.admin.command("createUser", "anna", pwd=f"{PORT}", roles=["reader"])
        taken = capture(restic)
        done, _found = bench.restore(taken, accounts=True)
        with bench.server.client() as there:
            assert differences(content(client, accounts=True), content(there, accounts=True)) == []
            for item in taken.items:
                name = f"system.buckets.{item.collection}" if item.kind == "timeseries" else item.collection
                namespace = Namespace(item.database, name)
                if item.kind != "view" and item.database != "admin":
                    assert held(there, namespace) == held(client, namespace), namespace
            assert there.zoo.types.find_one("empty time") == {"_id": "empty time", "t": Timestamp(0, 0)}
            assert [user["user"] for user in there.admin.command("usersInfo")["users"]] == ["anna"]
            assert there.admin.command("getParameter", 1, ttlMonitorEnabled=1)["ttlMonitorEnabled"]
        assert (done.tolerated, done.unfinished) == (0, 0)
        client.admin.command("dropUser", "anna")
        client.admin.command("dropRole", "reader")

    def test_what_is_there_is_not_touched(self, client: Client, restic: Restic, bench: Bench, server: Mongod) -> None:
        client.a.b.insert_one({})
        taken = capture(restic)
        with bench.server.client() as there:
            clear(there)
            there.c.d.insert_one({})
            with pytest.raises(StrongholdError, match=r"could not restore a backup because the server there has c\.d"):
                Restore(there, "here", restic, bench.folder).run(taken)
        with pytest.raises(StrongholdError, match="the server there is a member of a replica set"):
            Restore(client, "here", restic, bench.folder).run(taken)

    def test_large_transactions(self, client: Client, restic: Restic, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unrolled, "HELD", 5 << 20)
        client.a.b.insert_one({"_id": 0})
        one = capture(restic)
        with client.start_session() as session:
            with session.start_transaction():
                for number in range(3):
                    client.a.b.insert_one({"_id": 1 + number, "blob": bytes(6 << 20)}, session=session)
                client.a.b.update_many({"_id": {"$gt": 0}}, {"$set": {"more": 1}}, session=session)
                client.a.made.insert_one({"_id": 1}, session=session)
            session.start_transaction()
            client.a.b.insert_one({"_id": "never"}, session=session)
            session.abort_transaction()
        to = now(client)
        log = logged(one, to)
        assert any(b"partialTxn" in entry.raw for entry in log)
        done, replayed = bench.restore(one, log, to)
        assert differences(replayed, content(client)) == []
        assert done.unfinished == 0
        without = [entry for entry in log if b"partialTxn" not in entry.raw]
        with pytest.raises(StrongholdError, match="began before the first of them"):
            bench.restore(one, without, to)

    def test_a_collection_that_gets_another_name_while_it_is_read(
        self, client: Client, restic: Restic, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By the name that it had, a server gives nothing, and no error."""
        client.a.first.insert_one({})
        client.a.second.insert_many([{"_id": number} for number in range(10)])
        read = reading.Reader.collection

        def renaming(self: reading.Reader, database: str, name: str, *rest: Any) -> Iterator[bytes]:
            if name == "second":
                client.a.second.rename("third")
            return read(self, database, name, *rest)

        monkeypatch.setattr(reading.Reader, "collection", renaming)
        _done, found = bench.restore(capture(restic))
        assert differences(found, content(client)) == []

    def test_a_selected_database(self, client: Client, restic: Restic, bench: Bench) -> None:
        for name in ("a", "b"):
            client[name].c.insert_one({"_id": 1})
        selection = Selection(databases=("a",))
        one = capture(restic, selection=selection)
        for name in ("a", "b"):
            client[name].c.update_one({"_id": 1}, {"$set": {"n": 1}})
            client[name].d.insert_one({"_id": 1})
        to = now(client)
        _done, found = bench.restore(one, logged(one, to), to, wants=selection.wants)
        assert differences(found, content(client, selection.wants)) == []
        assert {name.database for name in found} == {"a"}
