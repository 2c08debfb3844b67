# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is to back up: collections with all that is needed to make them again, and how they are put into streams.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import (
    VIEW,
    Collection,
    Namespace,
)

if TYPE_CHECKING:
    from pymongo import MongoClient

with suppress(ImportError):  # told by whoever connects
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

SHARED = 64 << 20
"""Bytes. Databases below it share a stream: whoever wants one of them reads the others, too."""
_ACCOUNTS, _SMALL = "accounts", "small"
_NOT_OURS = frozenset({"local", "config"})  # of the server itself, on each member or for its own use
_UNSTEADY = 5  # times that a list is made anew
_SYSTEM = {"admin": frozenset({"system.users", "system.roles", "system.version"})}
_OF_ALL = frozenset({"system.js"})


@dataclass(frozen=True)
class Found:
    """A collection of a server. ``uuid`` is in hex, of a time series that of its buckets, empty for a view."""

    collection: Collection
    uuid: str
    capped: bool = False


@dataclass(frozen=True)
class Selection:
    """What of it is wanted: all where both are empty. ``collections`` are namespaces; ``query`` is of the only one."""

    databases: tuple[str, ...] = ()
    collections: tuple[Namespace, ...] = ()
    query: Mapping[str, Any] | None = None

    def wants(self, namespace: Namespace) -> bool:
        everything = not self.databases and not self.collections
        return everything or namespace.database in self.databases or namespace in self.collections


def found(client: MongoClient[dict[str, Any]], selection: Selection) -> list[Found]:
    """In the order of their names. Raises PyMongo's errors."""
    return sorted(_found(client, selection), key=lambda one: one.collection.namespace)


def _found(client: MongoClient[dict[str, Any]], selection: Selection) -> Iterator[Found]:
    for database in client.list_database_names():
        if database in _NOT_OURS:
            continue
        yield from _listed(client, database, selection)


def _listed(client: MongoClient[dict[str, Any]], database: str, selection: Selection) -> Iterator[Found]:
    """Of one database; looked at again where a name meant another collection meanwhile."""
    for _again in range(_UNSTEADY):
        listed = list(client[database].list_collections())
        wanted = [
            told for told in listed if _is_kept(database, told["name"]) and selection.wants(Namespace(database, told["name"]))
        ]
        indexes = {told["name"]: list(client[database][told["name"]].list_indexes()) for told in wanted if told["type"] != VIEW}
        uuids = _uuids(listed)
        if uuids == _uuids(client[database].list_collections()):
            break
    for told in wanted:
        data = Collection(Namespace(database, told["name"]), "", told["type"]).data.collection
        yield of(database, told, indexes.get(told["name"], []), uuids.get(data, ""))


def _uuids(told: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {one["name"]: uuid_of(one) for one in told}


def uuid_of(told: Mapping[str, Any]) -> str:
    """In hex, of an entry of ``listCollections``; empty where it has none."""
    uuid = told["info"].get("uuid")
    return bytes(uuid.bytes if hasattr(uuid, "bytes") else uuid).hex() if uuid else ""


def at(client: MongoClient[dict[str, Any]], database: str, name: str) -> str:
    """The UUID, in hex, of what has that name now; empty where there is none."""
    return next((uuid_of(told) for told in client[database].list_collections(filter={"name": name})), "")


def name_of(client: MongoClient[dict[str, Any]], database: str, uuid: str) -> str:
    """The name that a collection has now; empty where it is gone."""
    return next((told["name"] for told in client[database].list_collections() if uuid and uuid_of(told) == uuid), "")


def of(database: str, told: Mapping[str, Any], indexes: Iterable[Mapping[str, Any]], uuid: str | None = None) -> Found:
    """From an entry of ``listCollections`` and the entries of ``listIndexes``; ``uuid`` where it is not in the first."""
    metadata = {
        "options": told["options"],
        "indexes": [{name: value for name, value in index.items() if name != "ns"} for index in indexes],
        "uuid": uuid_of(told),
        "collectionName": told["name"],
        "type": told["type"],
    }
    text = dumps(metadata, json_options=CANONICAL_JSON_OPTIONS)
    return Found(
        Collection(Namespace(database, told["name"]), text, told["type"]),
        uuid_of(told) if uuid is None else uuid,
        bool(told["options"].get("capped")),
    )


def _is_kept(database: str, name: str) -> bool:
    return not name.startswith("system.") or name in _OF_ALL or name in _SYSTEM.get(database, ())


def streams(content: Iterable[Found], sizes: Mapping[str, int]) -> dict[str, list[Found]]:
    """The content by stream: a name that is fit for a file, and what comes in it, in order.

    ``sizes`` are bytes of each database. The same content comes into the same streams in the same order, so that what did not
    change is stored once.
    """
    laid: dict[str, list[Found]] = {}
    for one in sorted(content, key=lambda one: one.collection.namespace):
        database = one.collection.namespace.database
        small = sizes.get(database, 0) < SHARED
        name = _ACCOUNTS if database == "admin" else _SMALL if small else f"database-{quote(database, safe='')}"
        laid.setdefault(name, []).append(one)
    return laid


def sizes(client: MongoClient[dict[str, Any]], content: Iterable[Found]) -> dict[str, int]:
    """Bytes of the documents of each database of ``content``. Raises PyMongo's errors."""
    names = sorted({one.collection.namespace.database for one in content})
    return {name: int(client[name].command("dbStats")["dataSize"]) for name in names}
