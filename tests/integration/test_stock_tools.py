# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's own mongodump and mongorestore: they restore what is backed up here, and what they wrote is read here.

These tools, 100.3.1, are older than clustered collections and time series.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from bson import Timestamp
from integration.backups import held, repository, set_of_one, zoo
from integration.harness import Mongod, mongods
from integration.ports import first

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import LOG, Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog import entries
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace, Reader
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.export import README, export
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.point import Way
from lab.tools import stock_tool

PORT = first(__file__)
OTHER = PORT + 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with set_of_one(tmp_path_factory.mktemp("set"), PORT) as server:
        with server.client() as client:
            zoo(client, modern=False)
            client.admin.command("createRole", "reader", privileges=[], roles=["read"])
            client.admin.command("createUser", "anna", pwd=f"{PORT}", roles=["reader"])
        yield server


def run(name: str, port: int, *words: str, stdin: bytes = b"", folder: Path = Path("/")) -> bytes:
    command = [*stock_tool(name), "--host", "127.0.0.1", "--port", str(port), *(words or ["--archive"])]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=folder, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(params=["as listed", "the other way round"])
def restored(
    request: pytest.FixtureRequest, server: Mongod, tmp_path: Path
) -> Iterator[tuple[pymongo.MongoClient[dict[str, Any]], pymongo.MongoClient[dict[str, Any]]]]:
    """The server, and another one into which the streams of its backup went, one after the other."""
    restic = repository(tmp_path)
    taken = Capture(Login("127.0.0.1", server.port, tls=False), restic).run()
    streams = [stream for stream in taken.streams if stream.name != LOG]
    assert len(streams) > 1
    with mongods(tmp_path / "other", port=OTHER) as (other,), server.client() as client, other.client() as copy:
        for stream in streams if request.param == "as listed" else reversed(streams):
            with restic.dump(stream.snapshot, stream.name) as chunks:
                run("mongorestore", OTHER, stdin=b"".join(chunks))
        yield client, copy


def test_mongorestore_makes_the_same_of_it_in_any_order(
    restored: tuple[pymongo.MongoClient[dict[str, Any]], pymongo.MongoClient[dict[str, Any]]],
) -> None:
    client, copy = restored
    compared = 0
    for database in ("zoo", "other-db"):
        back = {told["name"]: told for told in copy[database].list_collections()}
        for told in client[database].list_collections():
            name = told["name"]
            assert back.pop(name)["options"] == told["options"], name
            if told["type"] == "collection" and name != "system.views":
                assert held(copy, Namespace(database, name)) == held(client, Namespace(database, name)), name
                indexes = [{index["name"]: index for index in one[database][name].list_indexes()} for one in (client, copy)]
                assert indexes[0] == indexes[1], name
                compared += 1
        assert back == {}
    assert compared >= 9
    roles = [one.admin.command("usersInfo", "anna")["users"][0]["roles"] for one in restored]
    assert roles[0] == roles[1] == [{"role": "reader", "db": "admin"}]
    with copy.__class__("127.0.0.1", OTHER, username="anna", password=f"{PORT}", directConnection=True) as anna:
        assert anna.zoo.types.count_documents({}) == 11


def test_what_mongodump_wrote_is_read(server: Mongod) -> None:
    reader = Reader(io.BytesIO(run("mongodump", server.port)))
    documents: dict[Namespace, bytes] = {}
    for block in reader.blocks():
        documents[block.namespace] = documents.get(block.namespace, b"") + block.documents
    with server.client() as client:
        ours = {namespace for namespace in documents if namespace.database in {"zoo", "other-db"}} - {Namespace("zoo", "cheap")}
        assert len(ours) >= 9
        for namespace in ours:
            assert documents[namespace] == held(client, namespace), namespace


def test_what_is_exported_is_restored_to_the_very_operation(server: Mongod, tmp_path: Path) -> None:
    """By the commands that lie beside it, and as of when only a part of what came later was done."""
    restic = repository(tmp_path)
    with server.client() as client:
        client.shop.create_collection("log", capped=True, size=1 << 16)
        client.shop.orders.insert_many([{"_id": number} for number in range(20)])
        taken = Capture(Login("127.0.0.1", server.port, tls=False), restic).run()
        with client.start_session() as session, session.start_transaction():
            client.shop.orders.insert_one({"_id": "late"}, session=session)
            client.shop.orders.update_one({"_id": 3}, {"$inc": {"n": 1}}, session=session)
        client.shop.orders.delete_one({"_id": 4})
        client.shop.other.insert_one({"_id": 1})
        (last,) = client.local["oplog.rs"].find({"ns": "shop.other", "op": "i"})
        client.shop.orders.delete_many({})
        since = {"ts": {"$gte": Timestamp(*taken.cluster_time)}}
        log = [entries.entry(document) for document in client.local.get_collection("oplog.rs", entries.RAW).find(since)]
    to = (last["ts"].time, last["ts"].inc)
    export(restic, Way(taken, to), [*log[:3], *log], tmp_path / "out", in_clear=True)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}
    commands = [line.split() for line in (tmp_path / "out" / README).read_text().splitlines() if line.startswith("mongorestore ")]
    assert len(commands) == len(taken.streams) + (LOG not in {stream.name for stream in taken.streams})
    written = [one["ts"] for one in bson.decode_all((tmp_path / "out" / LOG).read_bytes())]
    assert written == [Timestamp(*one.position.at) for one in log if taken.cluster_time < one.position.at <= to]
    (tmp_path / "out" / "nothing").mkdir()
    with mongods(tmp_path / "other", port=OTHER) as (other,), other.client() as copy:
        for name, *words in commands:
            run(name, OTHER, *words, folder=tmp_path / "out")
        assert [one["_id"] for one in copy.shop.orders.find().sort("_id", 1)] == [*(n for n in range(20) if n != 4), "late"]
        assert copy.shop.orders.find_one({"_id": 3}) == {"_id": 3, "n": 1}
        assert copy.shop.other.count_documents({}) == 1
        assert copy["zoo"].types.count_documents({}) == 11


def test_where_nothing_is_exported(server: Mongod, tmp_path: Path) -> None:
    restic = repository(tmp_path)
    taken = Capture(Login("127.0.0.1", server.port, tls=False), restic).run()
    way = Way(taken, taken.consistent_at)

    def refused(folder: Path, *, way: Way = way, in_clear: bool = True) -> str:
        with pytest.raises(StrongholdError) as failed:
            export(restic, way, (), folder, in_clear=in_clear)
        return str(failed.value)

    assert "is no new folder in one that is there" in refused(tmp_path)
    assert "is no new folder in one that is there" in refused(tmp_path / "absent" / "out")
    assert "is no new folder in one that is there" in refused(Path("out"))
    assert "is a snapshot backup" in refused(tmp_path / "out", way=Way(replace(taken, method="snapshot"), way.to))
    assert "would be on a disk that is not encrypted" in refused(tmp_path / "out", in_clear=False)
    altered = replace(taken.streams[0], sha256="0" * 64)
    assert "that were saved" in refused(tmp_path / "out", way=Way(replace(taken, streams=(altered,)), way.to))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["password", "repository"]
    left = tmp_path / ".out.export"
    left.mkdir()
    (left / "of a run that was killed").touch()
    export(restic, way, (), tmp_path / "out", in_clear=True)
    assert not left.exists()
    assert "of a run that was killed" not in {path.name for path in (tmp_path / "out").iterdir()}
