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
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration.backups import held, repository, set_of_one, zoo
from integration.harness import Mongod, mongods
from integration.ports import first

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import LOG, Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace, Reader
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


def run(name: str, port: int, stdin: bytes = b"") -> bytes:
    words = [*stock_tool(name), "--host", "127.0.0.1", "--port", str(port), "--archive"]
    done = subprocess.run(words, input=stdin, capture_output=True, cwd="/", check=False, timeout=120)
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
                run("mongorestore", OTHER, b"".join(chunks))
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
