# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the archives of a backup into a server: collections, documents, views; indexes are remembered for later.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import groupby
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import (
    TIMESERIES,
    VIEW,
    Block,
    Collection,
    Namespace,
    Reader,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.scope import is_version, kept
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.target import OF_SERIES, Target

with suppress(ImportError):  # told by whoever connects
    import bson
    from bson import json_util
    from bson.raw_bson import RawBSONDocument

_SIMPLE = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
_EMPTY_TIME = re.compile(rb"\x11[^\x00]+\x00{9}")


class Loader:
    """Give it each archive, then ``finish``. ``uuids`` are in hex, ``accounts`` tells whether users and roles are wanted.

    ``documents`` counts those of what is wanted.

    Raises StrongholdError and PyMongo's errors.
    """

    def __init__(self, target: Target, uuids: Mapping[Namespace, str], *, accounts: bool = False) -> None:
        self._target, self._uuids, self._accounts = target, uuids, accounts
        self._views: list[tuple[Namespace, Any]] = []
        self._databases: set[str] = set()
        self.documents = 0

    def load(self, archive: Reader) -> None:
        """Raises BrokenArchive, too."""
        wanted = {one.data for one in archive.head.collections if kept(one.namespace, accounts=self._accounts)}
        for one in archive.head.collections:
            if one.data in wanted:
                self._databases.add(one.namespace.database)
                self._create(one)
        for block in archive.blocks():
            if block.namespace in wanted:
                self._insert(block)

    def finish(self) -> None:
        """Views, once all is there of which they are made."""
        for namespace, options in self._views:
            self._target.create(namespace, options)
        for database in self._databases:
            self._target.listed(database)

    def _create(self, one: Collection) -> None:
        told = json_util.loads(one.metadata) if one.metadata else {}
        options, indexes, namespace = told.get("options", {}), told.get("indexes", []), one.namespace
        if one.kind == VIEW:
            self._views.append((namespace, options))
            return
        if namespace.database == "admin" and namespace.collection.startswith("system."):
            return
        known = bson.Binary(bytes.fromhex(self._uuids[namespace]), 4)
        if one.kind == TIMESERIES:
            self._target.create(namespace, options)
            self._target.listed(namespace.database)
            uuid = self._target.at(one.data) or known
            self._target.stands_for(known, uuid)
            indexes = [{**index, OF_SERIES: True} for index in indexes]
        else:
            uuid = known
            identity = next((index for index in indexes if dict(index["key"]) == {"_id": 1}), _SIMPLE)
            if not options.get("clusteredIndex") and options.get("autoIndexId", True):
                options = {**options, "idIndex": {key: value for key, value in identity.items() if key != "ns"}}
            self._target.create(namespace, options, uuid)
        self._target.indexes.add(uuid, indexes)

    def _insert(self, block: Block) -> None:
        documents = [RawBSONDocument(piece) for piece in _pieces(block.documents)]
        self.documents += len(documents)
        if block.namespace == ("admin", "system.version"):
            documents = [document for document in documents if not is_version(block.namespace, document["_id"])]
        suspected = _EMPTY_TIME.search(block.documents) is not None
        there = self._target.client[block.namespace.database][block.namespace.collection]
        for special, group in groupby(documents, lambda document: suspected and _has_empty_time(document)):
            # Of an empty timestamp an insert makes the time of the server; what an oplog tells is taken as it is.
            if special:
                for document in group:
                    self._target.create_document(block.namespace, document)
            else:
                there.insert_many(group, ordered=True, bypass_document_validation=True)


def _pieces(documents: bytes) -> Iterable[bytes]:
    at = 0
    while at < len(documents):
        size = struct.unpack_from("<i", documents, at)[0]
        yield documents[at : at + size]
        at += size


def _has_empty_time(document: RawBSONDocument) -> bool:
    return any(isinstance(value, bson.Timestamp) and value == bson.Timestamp(0, 0) for value in document.values())
