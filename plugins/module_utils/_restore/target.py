# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server that a backup is put into: what it has by which UUID, and the ways to write there.

It is a private mongod without a replica set, so that collections keep the UUIDs by which an oplog names them.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.indexes import Indexes
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.scope import VIEWS, kept, shown

if TYPE_CHECKING:
    from bson import Binary
    from pymongo import MongoClient

with suppress(ImportError):  # told by whoever connects
    import bson
    from pymongo.errors import OperationFailure

ATTEMPT = "restore a backup"
CONFIRMED_SINCE = 7
"""The major version from which on a server wants a change of its feature compatibility confirmed."""
_TTL = "ttlMonitorEnabled"
_FEATURES = "featureCompatibilityVersion"


class Target:
    """``names`` has every collection that is there, by its UUID; ``where`` is for errors."""

    def __init__(self, client: MongoClient[dict[str, Any]], where: str) -> None:
        self.client, self.where = client, where
        self.indexes = Indexes()
        self.names: dict[Binary, Namespace] = {}
        self.capped: set[Binary] = set()
        self._stands_for: dict[Binary, Binary] = {}

    def require_empty(self) -> None:
        """Raises StrongholdError where there is anything of users, or where it is a member of a set."""
        if "setName" in self.client.admin.command("hello"):
            reason, remedy = "the server there is a member of a replica set", "restore into a private one"
            raise StrongholdError(self.where, ATTEMPT, reason, remedy)
        there = [
            f"{database}.{name}"
            for database in self.client.list_database_names()
            for name in self.client[database].list_collection_names()
            if kept(Namespace(database, name), accounts=False)
        ]
        if there:
            reason = f"the server there has {min(there)}"
            raise StrongholdError(self.where, ATTEMPT, reason, "restore into a private one that is empty")

    def be_as(self, version: str, compatibility: str) -> None:
        """Have the features of the server that a backup is from. Raises StrongholdError where this is one of another series."""
        here = str(self.client.server_info()["version"])
        if here.split(".")[:2] != version.split(".")[:2]:
            reason = f"the server there is a {here}, and the backup is of a {version}"
            raise StrongholdError(self.where, ATTEMPT, reason, "restore into one of the same series")
        found = self.client.admin.command({"getParameter": 1, _FEATURES: 1})[_FEATURES]["version"]
        if compatibility and found != compatibility:
            confirm = {"confirm": True} if int(here.split(".", maxsplit=1)[0]) >= CONFIRMED_SINCE else {}
            self.client.admin.command({"setFeatureCompatibilityVersion": compatibility, **confirm})

    def apply(self, operations: Sequence[Mapping[str, Any]]) -> list[int]:
        """Numbers of those that failed; what a document must be like, and that it must be there for an update, is not relaxed."""
        return self._apply(operations)[0]

    def apply_one(self, operation: Mapping[str, Any]) -> str | None:
        """What the server says where it fails."""
        failed, said = self._apply([operation])
        return said if failed else None

    def _apply(self, operations: Sequence[Mapping[str, Any]]) -> tuple[list[int], str]:
        failed, said, begin = [], "", 0
        while begin < len(operations):
            command = {
                "applyOps": operations[begin:],
                "allowAtomic": False,
                "alwaysUpsert": False,
                "bypassDocumentValidation": True,
            }
            reply = self.client.admin.command(command, check=False)
            results = reply.get("results", []) or [False]
            failed += [begin + number for number, well in enumerate(results) if not well]
            if not reply["ok"]:
                said = " ".join(str(reply.get("errmsg", "")).split())[:300]
            begin += len(results)  # some failures end it early
        return failed, said

    def create(self, namespace: Namespace, options: Mapping[str, Any], uuid: Binary | None = None) -> None:
        """A collection as the oplog would make it, with ``uuid``, or as a client would. Raises StrongholdError."""
        if uuid is None:
            self._command(namespace, {"create": namespace.collection, **options})
            return
        command = {"create": namespace.collection, **options}
        said = self.apply_one({"op": "c", "ns": f"{namespace.database}.$cmd", "ui": uuid, "o": command})
        if said is not None:
            raise StrongholdError(self.where, f"create {namespace}", f"the server says '{said}'", "take another backup")
        self.made(uuid, namespace, capped=bool(options.get("capped")))

    def create_document(self, namespace: Namespace, document: Mapping[str, Any]) -> None:
        """As the oplog would. Raises StrongholdError."""
        said = self.apply_one({"op": "i", "ns": str(namespace), "o": document})
        if said is not None:
            raise StrongholdError(self.where, f"put a document into {namespace}", f"the server says '{said}'", "see its log")

    def made(self, uuid: Binary, namespace: Namespace, *, capped: bool = False) -> None:
        self.names[uuid] = namespace
        if capped:
            self.capped.add(uuid)

    def stands_for(self, uuid: Binary, made: Binary) -> None:
        """``uuid`` is what ``made`` was where the backup is from."""
        self._stands_for[uuid] = made

    def gone(self, uuid: Binary) -> None:
        self.names.pop(uuid, None)
        self.capped.discard(uuid)
        self.indexes.forget(uuid)

    def at(self, namespace: Namespace) -> Binary | None:
        """The UUID of what has that name."""
        return next((uuid for uuid, name in self.names.items() if name == namespace), None)

    def uuid_of(self, uuid: Binary, namespace: Namespace) -> Binary | None:
        """That here of a collection that is ``uuid`` where the oplog is from; None where there is none.

        A backup does not know the UUIDs of the list of views and of what a server made of itself: that is told by the name, once.
        """
        found = self._stands_for.get(uuid, uuid)
        if found in self.names:
            return found
        if not _told_by_name(namespace) or uuid in self._stands_for:
            return None
        made = self.at(namespace) or self._adopted(namespace)
        if made is None or made in self._stands_for.values():
            return None
        self._stands_for[uuid] = made
        return made

    def _adopted(self, namespace: Namespace) -> Binary | None:
        for _again in (True, False):
            for told in self.client[namespace.database].list_collections(filter={"name": namespace.collection}):
                uuid: Binary = told["info"]["uuid"]
                self.made(uuid, namespace)
                return uuid
            if namespace.collection != VIEWS:
                break
            self.create(namespace, {}, bson.Binary(uuid4().bytes, 4))
        return None

    def listed(self, database: str) -> None:
        """Look up which names its collections have now."""
        for uuid in [uuid for uuid, name in self.names.items() if name.database == database]:
            del self.names[uuid]
        for told in self.client[database].list_collections():
            if told["type"] == "collection":
                self.made(told["info"]["uuid"], Namespace(database, told["name"]), capped=bool(told["options"].get("capped")))

    def build(self) -> int:
        """All indexes that there are to be; how many were built. Raises StrongholdError."""
        count = 0
        for uuid, namespace in sorted(self.names.items(), key=lambda item: item[1]):
            wanted = self.indexes.of(uuid)
            there = self.client[namespace.database][namespace.collection]
            had = {index["name"] for index in there.list_indexes() if not index.get("clustered")}
            for name in had - set(wanted) - {"_id_"}:
                if not _built_in(namespace):
                    self._command(namespace, {"dropIndexes": namespace.collection, "index": name})
            missing = [spec for name, spec in wanted.items() if name not in had]
            plain = {"collation": {"locale": "simple"}} if missing and "collation" in there.options() else {}
            for of in (namespace, shown(namespace)):
                specs = [_bare({**plain, **spec}) for spec in missing if bool(spec.get(OF_SERIES)) == (of != namespace)]
                if specs:
                    self._command(of, {"createIndexes": of.collection, "indexes": specs})
            count += len(missing)
        return count

    def _command(self, namespace: Namespace, command: dict[str, Any]) -> None:
        try:
            self.client[namespace.database].command(command)
        except OperationFailure as error:
            what = {"createIndexes": "build the indexes of", "dropIndexes": "drop an index of"}.get(next(iter(command)), "create")
            said = " ".join(str(error).split())[:300]
            remedy = "choose another point in time, or another backup"
            raise StrongholdError(self.where, f"{what} {namespace}", f"the server says '{said}'", remedy) from error

    @contextmanager
    def unexpired(self) -> Iterator[None]:
        """Nothing is removed because of its age while the block runs."""
        before = self.client.admin.command({"getParameter": 1, _TTL: 1})[_TTL]
        self.client.admin.command({"setParameter": 1, _TTL: False})
        try:
            yield
        finally:
            self.client.admin.command({"setParameter": 1, _TTL: before})


OF_SERIES = "stronghold: in terms of the time series"
"""A mark on an index that is told as users see it, not as one of buckets."""


def _bare(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != OF_SERIES}


def _told_by_name(namespace: Namespace) -> bool:
    return namespace.collection == VIEWS or _built_in(namespace)


def _built_in(namespace: Namespace) -> bool:
    return namespace.database == "admin" and namespace.collection.startswith("system.")
