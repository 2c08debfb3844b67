# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What backups of real servers are tested with: a set, a repository, one of each kind of content, and how to read it all back."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import gridfs
import pymongo
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, Regex, Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from integration.harness import Mongod, mongods, until

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import LOG
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace, Reader
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from lab import binaries

RAW = CodecOptions(document_class=RawBSONDocument)
PASSWORD = "correct horse battery staple"  # noqa: S105 - of throw-away repositories
Content = dict[Namespace, bytes]


@contextmanager
def set_of_one(home: Path, port: int, *options: str) -> Iterator[Mongod]:
    """A replica set with one member, in service."""
    with mongods(home, 1, "6.0.27", "--replSet", "shop", *options, port=port) as (server,):
        with server.client() as client:
            client.admin.command("replSetInitiate", {"_id": "shop", "members": [{"_id": 0, "host": server.address}]})
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
        yield server


def repository(home: Path, name: str = "repository") -> Restic:
    """A new one of that name below ``home``."""
    (home / "password").write_text(PASSWORD)
    made = Restic("vault-a", Place(str(home / name), str(home / "password"), program=str(binaries.restic())))
    made.make()
    return made


def read_back(restic: Restic, taken: Manifest) -> tuple[Content, dict[Namespace, dict[str, Any]]]:
    """Documents by the namespace in whose name they come, and metadata by namespace."""
    documents: Content = {}
    metadata = {}
    for stream in taken.streams:
        if stream.name == LOG:
            continue
        with restic.dump(stream.snapshot, stream.name) as chunks:
            data = b"".join(chunks)
        assert len(data) == stream.size
        reader = Reader(io.BytesIO(data))
        metadata.update({one.namespace: json.loads(one.metadata) for one in reader.head.collections})
        for block in reader.blocks():
            documents[block.namespace] = documents.get(block.namespace, b"") + block.documents
    return documents, metadata


def held(client: pymongo.MongoClient[dict[str, Any]], namespace: Namespace) -> bytes:
    """What an independent read gives, in natural order."""
    found = client[namespace.database].get_collection(namespace.collection, codec_options=RAW).find(hint=[("$natural", 1)])
    return b"".join(document.raw for document in found)


def zoo(client: pymongo.MongoClient[dict[str, Any]], *, modern: bool = True) -> None:
    """One of each kind that a backup may stumble over; ``modern`` ones came with 5.0 and later."""
    db = client.zoo
    db.types.insert_many(
        [
            {"_id": kind, "value": value}
            for kind, value in {
                "decimal": Decimal128("1.10"),
                "regex": Regex("^a", "i"),
                "min": MinKey(),
                "max": MaxKey(),
                "binary": Binary(b"\x00\xff", 0x80),
                "timestamp": Timestamp(5, 6),
                "date": datetime(1, 1, 1, tzinfo=timezone.utc),
                "long": Int64(2**62),
                "nan": float("nan"),
                "nested": {"a": [{"$b.c": [[]]}]},
            }.items()
        ]
    )
    client.zoo.command("insert", "types", documents=[{"_id": "$price", "a.b": 1, "": 2}])
    db.create_collection("empty")
    db.create_collection("capped", capped=True, size=1 << 20, max=50)
    db.capped.insert_many([{"n": number} for number in range(80)])
    if modern:
        db.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "by id"})
        db.clustered.insert_many([{"_id": number} for number in (3, 1, 2)])
        db.create_collection("weather", timeseries={"timeField": "at", "metaField": "where", "granularity": "seconds"})
        db.weather.insert_many([{"at": datetime(2026, 1, 1, 0, 0, n, tzinfo=timezone.utc), "where": n % 2} for n in range(30)])
    db.command("create", "cheap", viewOn="types", pipeline=[{"$match": {"value": {"$lt": 5}}}])
    db.create_collection("checked", validator={"a": {"$type": "int"}}, validationAction="warn", collation={"locale": "de"})
    db.checked.create_index("a", unique=True)
    db.checked.create_index("b", partialFilterExpression={"b": {"$gt": 5}})
    db.checked.create_index("c", expireAfterSeconds=3600)
    db.checked.create_index([("d", "text")], collation={"locale": "simple"})
    db.checked.create_index("$**")
    db.checked.create_index("e", hidden=True, sparse=True)
    db["with. dots and ümläuts 价格"].insert_one({"a": 1})
    db.large.insert_many([{"_id": number, "blob": bytes(16 * 1024 * 1024 - 100)} for number in range(2)])
    gridfs.GridFS(db).put(bytes(600_000), filename="file")
    client["other-db"].small.insert_one({"a": 1})
    client["other-db"].system.js.insert_one({"_id": "f", "value": 5})
