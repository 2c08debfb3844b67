# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mongodump's archive format, written and read as a stream.

An archive is a magic number, a header, one document of metadata for each collection, and a terminator; then blocks: a document
that names the collection, its documents as they are, a terminator. The last block of a collection holds no document and has
``EOF`` and the CRC-64 of all its documents; a view has only that. Blocks of several collections may alternate.

Source: ``common/archive`` of mongo-tools, by its specification; proved with its mongorestore and mongodump.

PRIVATE to the collection.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.crc64 import crc64

with suppress(ImportError):  # told by whoever connects
    import bson

MAGIC = b"\x6d\xe2\x99\x81"
FORMAT = "0.1"
COLLECTION, VIEW, TIMESERIES = "collection", "view", "timeseries"
LONGEST = 16 * 1024 * 1024 + 16 * 1024
"""Bytes of a document at most: entries of the oplog may be longer than what is stored by 16 KiB."""
_TERMINATOR = b"\xff\xff\xff\xff"
_SMALLEST = 5
_CONCURRENT = 4
_READ = 1 << 20
_MOST_IN_A_BLOCK = 8 << 20


class BrokenArchive(ValueError):
    """The stream is no archive, was cut short, or was altered; the text completes "because ..."."""


class Source(Protocol):
    """What an archive is read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class Namespace(NamedTuple):
    database: str
    collection: str

    def __str__(self) -> str:
        return f"{self.database}.{self.collection}"


@dataclass(frozen=True)
class Collection:
    """One collection in the head of an archive.

    ``metadata`` is extended JSON with ``options``, ``indexes`` and ``uuid``; ``kind`` is one of the three above. ``data`` is the
    namespace in whose name its documents come: of a time series that of its buckets.
    """

    namespace: Namespace
    metadata: str
    kind: str = COLLECTION

    @property
    def data(self) -> Namespace:
        database, name = self.namespace
        return Namespace(database, f"system.buckets.{name}") if self.kind == TIMESERIES else self.namespace


@dataclass(frozen=True)
class Head:
    """What an archive begins with. ``server`` and ``tool`` are versions."""

    server: str
    tool: str
    collections: tuple[Collection, ...]


@dataclass(frozen=True)
class Block:
    """Documents of one namespace, one after the other; ``last`` has none, and tells that all of them have come."""

    namespace: Namespace
    documents: bytes
    last: bool = False


class Writer:
    """Writes an archive by ``write``; its CRCs, and that it is whole, are its own affair."""

    def __init__(self, write: Callable[[bytes], object], head: Head) -> None:
        self._write = write
        self._sums: dict[Namespace, int] = {}
        self._open = {item.data for item in head.collections}
        write(MAGIC)
        write(
            bson.encode(
                {
                    "concurrent_collections": _CONCURRENT,
                    "version": FORMAT,
                    "server_version": head.server,
                    "tool_version": head.tool,
                }
            )
        )
        for item in head.collections:
            write(
                bson.encode(
                    {
                        "db": item.namespace.database,
                        "collection": item.namespace.collection,
                        "metadata": item.metadata,
                        "size": 0,
                        "type": item.kind,
                    }
                )
            )
        write(_TERMINATOR)

    def documents(self, namespace: Namespace, documents: bytes) -> None:
        """The next ones of ``namespace``, whole, one after the other. Raises ValueError where that one has ended."""
        if namespace not in self._open:
            raise ValueError(f"{namespace} is not in the head, or has ended")
        if not documents:
            return
        self._sums[namespace] = crc64(documents, self._sums.get(namespace, 0))
        self._write(_block_head(namespace))
        self._write(documents)
        self._write(_TERMINATOR)

    def end(self, namespace: Namespace) -> None:
        """All of ``namespace`` have come."""
        self._open.remove(namespace)
        self._write(_block_head(namespace, last=True, checksum=self._sums.pop(namespace, 0)))
        self._write(_TERMINATOR)

    def close(self) -> None:
        """Raises ValueError where a collection has not ended: a reader could not tell that the archive is whole."""
        if self._open:
            raise ValueError(f"{min(self._open)} has not ended")


def _block_head(namespace: Namespace, *, last: bool = False, checksum: int = 0) -> bytes:
    signed = checksum - (1 << 64) if checksum >> 63 else checksum
    return bson.encode(
        {"db": namespace.database, "collection": namespace.collection, "EOF": last, "CRC": bson.Int64(signed)},
    )


class Reader:
    """Reads an archive from ``source``. Raises BrokenArchive, at once or while blocks are read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer, self._at = b"", 0
        self._sums: dict[Namespace, int] = {}
        self.head = self._head()

    def blocks(self) -> Iterator[Block]:
        """Until the archive has ended, and is known to be whole: each collection with its end and its checksum."""
        ended: set[Namespace] = set()
        while (found := self._document(optional=True)) is not None:
            head = _decoded(found)
            namespace = _namespace(head)
            if namespace in ended:
                raise BrokenArchive(f"{namespace} goes on after its end")
            if head.get("EOF"):
                self._check(namespace, head)
                ended.add(namespace)
                yield Block(namespace, b"", last=True)
            else:
                yield from self._documents(namespace)
        missing = {item.data for item in self.head.collections} - ended
        if missing:
            raise BrokenArchive(f"it ends before {min(missing)} does")

    def _head(self) -> Head:
        if self._take(len(MAGIC)) != MAGIC:
            raise BrokenArchive("it does not begin as an archive of mongodump does")
        header = self._document()
        if header is None:
            raise BrokenArchive("it has no header")
        found = _decoded(header)
        if found.get("version") != FORMAT:
            raise BrokenArchive(f"its format is {found.get('version')!r}, and only {FORMAT!r} is known")
        collections = []
        while (entry := self._document()) is not None:
            told = _decoded(entry)
            kind = str(told.get("type") or COLLECTION)
            collections.append(Collection(_namespace(told), str(told.get("metadata", "")), kind))
        return Head(str(found.get("server_version", "")), str(found.get("tool_version", "")), tuple(collections))

    def _documents(self, namespace: Namespace) -> Iterator[Block]:
        pieces: list[bytes] = []
        size = 0
        while (document := self._document()) is not None:
            pieces.append(document)
            size += len(document)
            if size > _MOST_IN_A_BLOCK:
                yield self._block(namespace, pieces)
                pieces, size = [], 0
        if pieces:
            yield self._block(namespace, pieces)

    def _block(self, namespace: Namespace, pieces: list[bytes]) -> Block:
        documents = b"".join(pieces)
        self._sums[namespace] = crc64(documents, self._sums.get(namespace, 0))
        return Block(namespace, documents)

    def _check(self, namespace: Namespace, head: Mapping[str, Any]) -> None:
        if self._document() is not None:
            raise BrokenArchive(f"the end of {namespace} holds a document")
        found = self._sums.pop(namespace, 0)
        if int(head.get("CRC", -1)) & 0xFFFFFFFFFFFFFFFF != found:
            raise BrokenArchive(f"the checksum of {namespace} is another one")

    def _document(self, *, optional: bool = False) -> bytes | None:
        """The next document; None for a terminator, and, where it is ``optional``, for the end of the stream."""
        size = self._take(4, optional=optional)
        if not size or size == _TERMINATOR:
            if size and optional:
                raise BrokenArchive("a block begins with a terminator")
            return None
        length = struct.unpack("<i", size)[0]
        if not _SMALLEST <= length <= LONGEST:
            raise BrokenArchive(f"a document of {length} bytes cannot be")
        return size + self._take(length - 4)

    def _take(self, size: int, *, optional: bool = False) -> bytes:
        """Exactly ``size`` bytes; none at the end of the stream, where it is ``optional``."""
        end = self._at + size
        if end > len(self._buffer):
            pieces = [self._buffer[self._at :]]
            held = len(pieces[0])
            while held < size and (piece := self._source.read(max(_READ, size - held))):
                pieces.append(piece)
                held += len(piece)
            if held < size and not (optional and not held):
                raise BrokenArchive("it was cut short")
            self._buffer, self._at, end = b"".join(pieces), 0, min(size, held)
        found = self._buffer[self._at : end]
        self._at = end
        return found


def _decoded(document: bytes) -> Mapping[str, Any]:
    try:
        return bson.decode(document)
    except bson.errors.BSONError as error:
        raise BrokenArchive(f"a document is not BSON ({error})") from error


def _namespace(found: Mapping[str, Any]) -> Namespace:
    database, collection = found.get("db"), found.get("collection")
    if not isinstance(database, str) or not isinstance(collection, str):
        raise BrokenArchive("a document names no collection")
    return Namespace(database, collection)
