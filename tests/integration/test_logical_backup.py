# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logical backups of a real set into a real repository, read back and compared with what an independent client reads."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from bson import ObjectId, Timestamp
from integration.backups import Content, held, read_back, repository, set_of_one, zoo
from integration.harness import Mongod, mongods, until
from integration.ports import first
from pymongo.errors import PyMongoError

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import content, logical, reading
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import Selection
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import LOG, Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.reading import Read, Reader
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository import manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import verify
from lab.repetitions import ALL

PORT = first(__file__)
ACCOUNTS, BALANCE = 200, 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with set_of_one(tmp_path_factory.mktemp("set"), PORT) as server:
        yield server


@pytest.fixture(scope="module")
def restic(tmp_path_factory: pytest.TempPathFactory) -> Restic:
    return repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def client(server: Mongod) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    with server.client() as client:
        yield client
        for name in client.list_database_names():
            if name not in {"admin", "local", "config"}:
                client.drop_database(name)


def capture(restic: Restic, **options: Any) -> Manifest:
    return Capture(Login("127.0.0.1", PORT, tls=False), restic, **options).run()


def test_all_that_a_server_holds_is_in_it(client: pymongo.MongoClient[dict[str, Any]], restic: Restic) -> None:
    zoo(client)
    client.admin.command("createRole", "reader", privileges=[], roles=["read"])
    client.admin.command("createUser", "anna", pwd=f"{PORT}", roles=["reader"])
    taken = capture(restic)
    documents, metadata = read_back(restic, taken)
    expected = {Namespace("admin", name) for name in ("system.users", "system.roles", "system.version")}
    for database in ("zoo", "other-db"):
        for told in client[database].list_collections():
            namespace = Namespace(database, told["name"])
            if told["name"] in {"system.views"} or told["name"].startswith("system.buckets."):
                continue
            expected.add(namespace)
            of_metadata = metadata[namespace]
            back = bson.json_util.loads(json.dumps(of_metadata))
            assert back["options"] == told["options"], namespace
            indexes = [] if told["type"] == "view" else list(client[database][told["name"]].list_indexes())
            assert [dict(index) for index in back["indexes"]] == [dict(index) for index in indexes], namespace
    assert {Namespace(item.database, item.collection) for item in taken.items} == set(metadata) == expected
    assert set(documents) == {
        Namespace(name.database, "system.buckets.weather" if name.collection == "weather" else name.collection)
        for name in expected
    }
    assert documents.pop(Namespace("zoo", "cheap")) == b""
    for namespace, data in documents.items():
        assert data == held(client, namespace), namespace
    counts = {(item.database, item.collection): (item.documents, item.size) for item in taken.items}
    assert counts["zoo", "types"] == (11, len(documents[Namespace("zoo", "types")]))
    assert counts["zoo", "capped"][0] == 50
    assert [item.collection for item in taken.items if not item.times] == ["capped", "cheap"]
    assert taken.stream(LOG), "a capped collection has no past, so that what happened to it meanwhile is needed"
    client.admin.command("dropUser", "anna")
    client.admin.command("dropRole", "reader")


def test_the_manifest_is_what_makes_it_one(client: pymongo.MongoClient[dict[str, Any]], restic: Restic) -> None:
    client.shop.a.insert_one({"a": 1})
    taken = capture(restic)
    assert taken.consistent_at == taken.cluster_time
    assert len(restic.snapshots(f"backup={taken.id}")) == len(taken.streams) + 1, "the oplog, which nobody needs, is not saved"
    saved = [one for one in restic.snapshots(manifest.TAG) if f"backup={taken.id}" in one.tags]
    with restic.dump(saved[0].id, manifest.NAME) as chunks:
        assert manifest.read("vault-a", b"".join(chunks).decode()) == taken
    assert (taken.replica_set, taken.member, taken.server_version, taken.compatibility) == (
        "shop",
        f"127.0.0.1:{PORT}",
        "6.0.27",
        "6.0",
    )
    assert taken.cluster_time == taken.consistent_at
    assert [stream.name for stream in taken.streams] == ["accounts.archive", "small.archive"]
    assert not taken.partial


@contextmanager
def transfers(server: Mongod) -> Iterator[None]:
    """Money goes from account to account, in transactions, until the block ends."""
    ended = threading.Event()

    def work(seed: int) -> None:
        source = random.Random(seed)  # noqa: S311
        with server.client() as client, client.start_session() as session:
            while not ended.is_set():
                one, other = source.sample(range(ACCOUNTS), 2)
                with contextlib.suppress(PyMongoError), session.start_transaction():
                    client.bank[f"a{one % 2}"].update_one({"_id": one}, {"$inc": {"balance": -1}}, session=session)
                    client.bank[f"a{other % 2}"].update_one({"_id": other}, {"$inc": {"balance": 1}}, session=session)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def bank(client: pymongo.MongoClient[dict[str, Any]]) -> None:
    for part in (0, 1):
        client.bank[f"a{part}"].insert_many([{"_id": n, "balance": BALANCE, "x": "x" * 900} for n in range(part, ACCOUNTS, 2)])


def total(documents: Content) -> int:
    return sum(document["balance"] for namespace in documents for document in bson.decode_all(documents[namespace]))


def test_the_sum_is_right_while_money_moves(client: pymongo.MongoClient[dict[str, Any]], server: Mongod, restic: Restic) -> None:
    bank(client)
    selection = Selection(databases=("bank",))
    plain = []
    with transfers(server):
        for _round in range(100 if ALL else 3):
            taken = capture(restic, selection=selection)
            documents, _metadata = read_back(restic, taken)
            assert total(documents) == ACCOUNTS * BALANCE
            assert taken.partial
            assert taken.cluster_time == taken.consistent_at
        for _round in range(200):
            plain.append(sum(row["balance"] for part in (0, 1) for row in client.bank[f"a{part}"].find(batch_size=5)))
    assert set(plain) - {ACCOUNTS * BALANCE}, "plain reads were right, too, so that this load proves nothing"


def test_a_read_that_is_longer_than_the_window_goes_on_at_a_later_time(
    client: pymongo.MongoClient[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MANY", 1000)
    client.shop.long.insert_many([{"_id": number} for number in range(20_000)])
    window = client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=2)["was"]
    read = Read()
    try:
        with client.start_session(causal_consistency=False) as session:

            def now() -> Timestamp:
                found: Timestamp = client.admin.command("hello")["lastWrite"]["majorityOpTime"]["ts"]
                return found

            found = b""
            for number, documents in enumerate(Reader(client, session, now).collection("shop", "long", now(), read)):
                found += documents
                if number in {3, 9}:
                    for _second in range(8):
                        client.shop.clock.insert_one({})
                        time.sleep(0.5)
    finally:
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=window)
    assert [document["_id"] for document in bson.decode_all(found)] == list(range(20_000))
    assert len(read.times) == 3
    assert read.times == sorted(read.times)
    assert (read.documents, read.size) == (20_000, len(found))


class TestSelection:
    @pytest.fixture(autouse=True)
    def shops(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        client.shop.a.insert_many([{"_id": number} for number in range(10)])
        client.shop.b.insert_one({})
        client.other.c.insert_one({})

    def test_databases_collections_and_a_query(self, restic: Restic) -> None:
        for selection, expected in (
            (Selection(databases=("shop",)), {("shop", "a"): 10, ("shop", "b"): 1}),
            (Selection(collections=(Namespace("other", "c"), Namespace("shop", "b"))), {("other", "c"): 1, ("shop", "b"): 1}),
            (Selection(collections=(Namespace("shop", "a"),), query={"_id": {"$gte": 7}}), {("shop", "a"): 3}),
        ):
            taken = capture(restic, selection=selection)
            assert {(item.database, item.collection): item.documents for item in taken.items} == expected
            assert taken.partial

    def test_what_is_not_there_is_a_sentence(self, restic: Restic) -> None:
        with pytest.raises(StrongholdError, match="because nothing there was selected; correct the selection"):
            capture(restic, selection=Selection(databases=("shopp",)))


def test_it_begins_in_the_midst_of_no_transaction(restic: Restic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three entries, as one of more than 16 MB has."""
    each = "maxNumberOfTransactionOperationsInSingleOplogEntry=1"
    with set_of_one(tmp_path, PORT + 3, "--setParameter", each) as server, server.client() as client:
        client.shop.create_collection("a")
        with client.start_session() as session, session.start_transaction():
            client.shop.a.insert_many([{"_id": number} for number in range(3)], session=session)
        entries = client.local["oplog.rs"].find({"o.applyOps.ns": "shop.a"}).sort("ts", -1).limit(2)
        (end, of_end), (part, of_part) = [(entry["ts"], entry["o"].get("partialTxn")) for entry in entries]
        assert (of_part, of_end) == (True, None)
        times = iter((part, part, end))
        monkeypatch.setattr(Capture, "_now", lambda _self, _client: next(times))
        written = {"lastWrite": {"opTime": {"ts": part}}}
        monkeypatch.setattr(pymongo.database.Database, "command", lambda *_words, **_options: written)
        assert Capture(Login("127.0.0.1", PORT + 3, tls=False), restic)._settled(client) == end
        monkeypatch.undo()


class TestFailure:
    def test_a_server_that_dies_leaves_nothing_that_looks_like_a_backup(
        self, restic: Restic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "_MANY", 100)
        with set_of_one(tmp_path, PORT + 1) as server:
            with server.client() as client:
                client.shop.a.insert_many([{"x": "x" * 10_000} for _ in range(6000)])
            before = restic.snapshots()
            dying = threading.Timer(0.7, server.stop, kwargs={"kill": True})
            dying.start()
            with pytest.raises(StrongholdError, match=r"could not (take a backup|follow its oplog)"):
                while True:
                    before = restic.snapshots()
                    Capture(Login("127.0.0.1", PORT + 1, tls=False), restic).run()
            dying.join()
            after = restic.snapshots()
        assert [one for one in after if manifest.TAG in one.tags and one not in before] == []

    def test_a_member_that_rolls_back_meanwhile_gives_no_backup(
        self, client: pymongo.MongoClient[dict[str, Any]], restic: Restic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.shop.a.insert_one({})
        before = restic.snapshots(manifest.TAG)
        ids = iter((7, 8))
        monkeypatch.setattr(logical, "require_data", lambda *_words: ("shop", next(ids)))
        with pytest.raises(StrongholdError, match="the member rolled back meanwhile; take another one"):
            capture(restic)
        assert restic.snapshots(manifest.TAG) == before

    def test_a_server_without_a_set_is_refused(self, restic: Restic, tmp_path: Path) -> None:
        with mongods(tmp_path, port=PORT + 2), pytest.raises(StrongholdError, match="it is no member of a replica set"):
            Capture(Login("127.0.0.1", PORT + 2, tls=False), restic).run()

    def test_a_repository_with_another_password_is_told_as_such(
        self, client: pymongo.MongoClient[dict[str, Any]], restic: Restic, tmp_path: Path
    ) -> None:
        client.shop.a.insert_one({"_id": ObjectId()})
        (tmp_path / "password").write_text("wrong")
        other = Restic("vault-a", Place(restic.place.url, str(tmp_path / "password"), program=restic.place.program))
        with pytest.raises(StrongholdError, match="the password is another one"):
            capture(other)


class TestCatalogue:
    @pytest.fixture
    def taken(self, client: pymongo.MongoClient[dict[str, Any]], restic: Restic) -> Manifest:
        zoo(client)
        return capture(restic)

    def test_it_lists_what_is_whole_and_sets_the_rest_aside(self, restic: Restic, taken: Manifest, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        with restic.save("a.archive", "logical", "backup=stray") as stray:
            stray.write(b"no manifest names it")
        with restic.save(manifest.NAME, manifest.TAG) as junk:
            junk.write(b'{"format": 1, "id": "junk"}')
        for _again in range(2):
            found = look(restic, cache)
            assert found.backups[-1].manifest == taken
            assert [snapshot[:8] for snapshot, _error in found.unreadable] == [junk.snapshot[:8]]
            assert stray.snapshot[:8] in [one.id[:8] for one in found.strays]
            named = {stream.snapshot[:8] for backup in found.backups for stream in backup.manifest.streams}
            assert not named & {one.id[:8] for one in found.strays}
        kept = cache / f"{found.backups[-1].snapshot}.json"
        assert kept.stat().st_mode & 0o077 == 0
        restic.forget([taken.streams[0].snapshot, junk.snapshot])
        found = look(restic, cache)
        assert taken not in [backup.manifest for backup in found.backups]
        assert f"has no {taken.streams[0].name} of it any more" in str(found.unreadable[-1][1])
        restic.forget([found.unreadable[-1][0]])
        look(restic, cache)
        assert not kept.exists()

    def test_what_is_whole_is_verified_and_what_is_not_is_named(self, restic: Restic, taken: Manifest) -> None:
        verify(restic, taken)
        small = taken.stream("small.archive")
        with restic.dump(small.snapshot, small.name) as chunks:
            data = b"".join(chunks)
        item = next(item for item in taken.items if item.collection == "types")
        for altered, items, reason in (
            (data[:-4], taken.items, "in small.archive it was cut short"),
            (data.replace(b"decimal", b"DECIMAL", 1), taken.items, "in small.archive the checksum of zoo.types is another one"),
            (data, (*taken.items, replace(item, collection="more")), "in small.archive zoo.more is missing"),
            (data, tuple(one for one in taken.items if one != item), "zoo.types was not announced"),
            (data, tuple(replace(one, documents=9) if one == item else one for one in taken.items), "zoo.types has 11 documents"),
            (data.replace(b'"hidden": true', b'"hidden": null', 1), taken.items, "are not the"),
        ):
            with restic.save("small.archive") as saving:
                saving.write(altered)
            streams = tuple(replace(one, snapshot=saving.snapshot) if one == small else one for one in taken.streams)
            with pytest.raises(StrongholdError, match=f"could not verify the backup {taken.id} because .*{reason}"):
                verify(restic, replace(taken, streams=streams, items=items))


class TestMeanwhile:
    """What happens while a backup is taken is in its oplog, so that the end of it is one point in time."""

    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ({"convertToCapped": "a", "size": 1 << 20}, "shop.a was dropped, renamed or made anew while it was read"),
            ({"aggregate": "b", "pipeline": [{"$out": "a"}], "cursor": {}}, ""),
            ({"drop": "a"}, ""),
            ({"collMod": "a", "validator": {"x": {"$type": "int"}}}, ""),
            ({"create": "c", "viewOn": "a"}, ""),
        ],
        ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
    )
    def test_what_is_altered_between_a_look_and_the_reading_is_told_or_in_the_log(
        self,
        client: pymongo.MongoClient[dict[str, Any]],
        restic: Restic,
        monkeypatch: pytest.MonkeyPatch,
        command: dict[str, Any],
        told: str,
    ) -> None:
        client.shop.a.insert_many([{"_id": number} for number in range(9)])
        client.shop.b.insert_one({"_id": "b"})
        before = restic.snapshots(manifest.TAG)
        sizes = content.sizes

        def alters_then(*words: Any) -> dict[str, int]:
            client.shop.command(command)
            return sizes(*words)

        monkeypatch.setattr(content, "sizes", alters_then)
        if told:
            with pytest.raises(StrongholdError, match=told):
                capture(restic)
            assert restic.snapshots(manifest.TAG) == before
        else:
            taken = capture(restic)
            assert taken.cluster_time < taken.consistent_at
            assert taken.stream(LOG)

    @pytest.mark.parametrize("held", [logical._HELD, 1000])
    def test_a_collection_that_comes_meanwhile_makes_it_consistent_at_its_end(
        self, client: pymongo.MongoClient[dict[str, Any]], restic: Restic, monkeypatch: pytest.MonkeyPatch, held: int
    ) -> None:
        """Whether the oplog fits into memory or not."""
        client.shop.late.drop()
        monkeypatch.setattr(logical, "_HELD", held)
        monkeypatch.setattr(reading, "_MANY", 10)
        client.shop.a.drop()
        client.shop.a.insert_many([{"_id": number, "x": "x" * 2000} for number in range(20_000)])

        def come() -> None:
            until(lambda: client.admin.command("serverStatus")["metrics"]["cursor"]["open"]["noTimeout"], 60)
            client.shop.late.insert_one({"_id": "late"})

        coming = threading.Thread(target=come)
        coming.start()
        try:
            taken = capture(restic)
        finally:
            coming.join()
        assert taken.cluster_time < taken.consistent_at
        log = taken.stream(LOG)
        with restic.dump(log.snapshot, log.name) as chunks:
            entries = bson.decode_all(b"".join(chunks))
        assert entries[0]["ts"] == Timestamp(*taken.cluster_time)
        assert entries[-1]["ts"] >= Timestamp(*taken.consistent_at)
        span = {"ts": {"$gte": entries[0]["ts"], "$lte": entries[-1]["ts"]}}
        assert [entry["ts"] for entry in entries] == [entry["ts"] for entry in client.local["oplog.rs"].find(span)]
        assert [entry["o"]["_id"] for entry in entries if entry["ns"] == "shop.late" and entry["op"] == "i"] == ["late"]
        assert "late" not in [item.collection for item in taken.items]
        verify(restic, taken)
