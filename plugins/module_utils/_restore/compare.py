# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether two servers hold the same: documents by the server's own hash, those of capped collections in their order, and of each
collection its options and indexes.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import VIEW, Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.replay import Wants, everything
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.scope import VIEWS, kept

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

with suppress(ImportError):  # told by whoever connects
    from bson import json_util
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument


@dataclass(frozen=True)
class Facts:
    """Of a collection: a hash of its documents, empty of a view, and options and indexes as text."""

    documents: str
    options: str
    indexes: tuple[str, ...]


Content = Mapping[Namespace, Facts]


def content(client: MongoClient[dict[str, Any]], wants: Wants = everything, *, accounts: bool = False) -> Content:
    """All that a backup would have, with ``wants`` and ``accounts`` as for a restore. Raises PyMongo's errors."""
    found: dict[Namespace, Facts] = {}
    for database in client.list_database_names():
        if database in {"local", "config"}:
            continue
        hashes = client[database].command("dbHash")["collections"]
        for told in client[database].list_collections():
            namespace = Namespace(database, told["name"])
            if kept(namespace, accounts=accounts) and wants(namespace):
                facts = _facts(client, namespace, told, str(hashes.get(told["name"], "")))
                if namespace.collection != VIEWS or client[database][VIEWS].find_one():
                    found[namespace] = facts
    return found


def _facts(client: MongoClient[dict[str, Any]], namespace: Namespace, told: Mapping[str, Any], known: str) -> Facts:
    there = client[namespace.database][namespace.collection]
    indexes = [] if told["type"] == VIEW else [_text({**index, "ns": None}) for index in there.list_indexes()]
    documents = _in_order(client, namespace) if told["options"].get("capped") else known
    if told["type"] == "collection" and not documents:
        documents = _in_order(client, namespace)
    return Facts(documents, _text(told["options"]), tuple(sorted(indexes)))


def _in_order(client: MongoClient[dict[str, Any]], namespace: Namespace) -> str:
    options: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    raw: Collection[Any] = client[namespace.database].get_collection(namespace.collection, codec_options=options)
    digest = hashlib.sha256()
    for document in raw.find(hint=[("$natural", 1)]):
        digest.update(document.raw)
    return digest.hexdigest()


def _text(found: Mapping[str, Any]) -> str:
    """Fields in the order of their names, except for those below, whose order may count."""
    return json_util.dumps(dict(sorted(found.items())), json_options=json_util.CANONICAL_JSON_OPTIONS)


def differences(one: Content, other: Content) -> list[str]:
    """Sentences that name what is not the same; none where all is."""
    said = []
    for namespace in sorted({*one, *other}):
        if namespace not in one or namespace not in other:
            said.append(f"Only the {'first' if namespace in one else 'second'} has {namespace}.")
            continue
        first, second = one[namespace], other[namespace]
        parts = [name for name in ("documents", "options", "indexes") if getattr(first, name) != getattr(second, name)]
        if parts:
            said.append(f"{namespace} has other {' and other '.join(parts)}.")
    return said


def invalid(client: MongoClient[dict[str, Any]]) -> list[str]:
    """Sentences about collections whose data or indexes the server itself finds broken. Raises PyMongo's errors."""
    said = []
    for database in client.list_database_names():
        for told in client[database].list_collections(filter={"type": "collection"}) if database != "local" else ():
            found = client[database].command({"validate": told["name"], "full": True})
            if not found["valid"]:
                said.append(f"{database}.{told['name']} is broken ({'; '.join(map(str, found['errors']))[:200]}).")
    return said
