# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One collection as it was at a cluster time, by snapshot reads outside of transactions.

A server keeps its past for ``minSnapshotHistoryWindowInSeconds``, 300 s by default. A read that takes longer goes on, from where
it is, at a later time; what it gives is then of several times, and consistent only with the oplog from the first one on.

Sources: MongoDB manual, "Read Concern snapshot"; measured on 6.0.27 where the manual is silent.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import content
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import Found
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.batch import Batch, batch
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import code_of

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession

try:
    import bson
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument
    from pymongo.errors import OperationFailure, PyMongoError

    _RAW = CodecOptions(document_class=RawBSONDocument)
except ImportError:  # told by whoever connects
    pass

_MANY = 1 << 30  # documents of a batch: the server ends each at 16 MB
_RENAMED = 5  # times that a collection is looked for under another name
_RENEWED = 5  # times that one place is read again, before its error counts


class Moved(Exception):
    """A collection cannot be read at any time near: it was dropped, renamed, or made anew meanwhile."""


@dataclass
class Read:
    """What was read of a collection. ``times`` are the cluster times at which, in order; of a capped one there is none."""

    times: list[Timestamp] = field(default_factory=list)
    documents: int = 0
    size: int = 0

    def add(self, got: Batch) -> bytes:
        self.documents += got.count
        self.size += len(got.documents)
        return got.documents


class Reader:
    """Reads through ``client``, a direct connection; ``now`` tells a time that a majority has, as that member knows it."""

    def __init__(self, client: MongoClient[dict[str, Any]], session: ClientSession, now: Callable[[], Timestamp]) -> None:
        self._client, self._session, self._now = client, session, now

    def all_of(self, one: Found, time: Timestamp, read: Read, query: Any = None) -> Iterator[bytes]:
        """The documents of a collection, also if it is capped or gets another name meanwhile; otherwise as ``collection``."""
        database, name = one.collection.data
        for _again in range(_RENAMED):
            yield from (
                self.capped(database, name, read, query) if one.capped else self.collection(database, name, time, read, query)
            )
            moved = self._moved(database, name, one.uuid, read)
            if not moved:
                return
            name, time = moved, self._now()
        raise Moved(f"{database}.{name}")

    def _moved(self, database: str, name: str, uuid: str, read: Read) -> str:
        """Another name under which it is to be read: by one that it has no longer, a server gives nothing, and no error."""
        here = content.at(self._client, database, name)
        now = "" if here == uuid else content.name_of(self._client, database, uuid)
        if now and here and read.documents:
            raise Moved(f"{database}.{name}")  # what was read may be of the other one
        return "" if read.documents else now

    def collection(self, database: str, name: str, time: Timestamp, read: Read, query: Any = None) -> Iterator[bytes]:
        """Its documents, as BSON, in pieces. ``read`` is filled. Raises Moved, and PyMongo's errors."""
        find = {
            "find": name,
            "filter": query or {},
            "hint": {"$natural": 1},
            "batchSize": _MANY,
            "noCursorTimeout": True,
            "$_requestResumeToken": True,
        }
        token: Any = None
        renewed = 0
        while True:
            read.times.append(time)
            resumed = {"$_resumeAfter": token} if token else {}
            snapshot = {"readConcern": {"level": "snapshot", "atClusterTime": time}}
            try:
                for got in self._batches(database, name, {**find, **resumed, **snapshot}):
                    renewed, token = 0, got.token
                    yield read.add(got)
            except OperationFailure as error:
                # Too old: the window has passed. Not there: it is younger than that time, and there at a later one.
                renewed += 1
                if code_of(error) == Code.SNAPSHOT_UNAVAILABLE and (token or renewed > _RENEWED):  # as one that became capped
                    raise Moved(f"{database}.{name}") from error
                if code_of(error) not in {Code.SNAPSHOT_TOO_OLD, Code.SNAPSHOT_UNAVAILABLE} or renewed > _RENEWED:
                    raise
            else:
                return
            time = self._now()

    def capped(self, database: str, name: str, read: Read, query: Any = None) -> Iterator[bytes]:
        """The same of a capped collection, which has no past: as a majority has it, while it goes on."""
        find = {"find": name, "filter": query or {}, "hint": {"$natural": 1}, "batchSize": _MANY, "noCursorTimeout": True}
        for got in self._batches(database, name, {**find, "readConcern": {"level": "majority"}}):
            yield read.add(got)

    def _batches(self, database: str, name: str, find: dict[str, Any]) -> Iterator[Batch]:
        got = self._ask(database, find)
        try:
            yield got
            while got.cursor:
                got = self._ask(database, {"getMore": bson.Int64(got.cursor), "collection": name, "batchSize": _MANY})
                yield got
        except PyMongoError:
            raise  # the server has ended the cursor, or cannot be reached
        except BaseException:
            with suppress(PyMongoError):
                self._client[database].command({"killCursors": name, "cursors": [bson.Int64(got.cursor)]}, session=self._session)
            raise

    def _ask(self, database: str, command: dict[str, Any]) -> Batch:
        reply = self._client[database].command(command, codec_options=_RAW, session=self._session)
        return batch(bytes(reply.raw))
