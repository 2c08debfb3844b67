# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of an oplog as they are: their BSON, and what of it a chain is made of.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Link, Position

if TYPE_CHECKING:
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

try:
    from bson import errors
    from bson.codec_options import CodecOptions, DatetimeConversion
    from bson.raw_bson import RawBSONDocument

    RAW: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_MS)
except ImportError:  # told by whoever connects
    RAW = None  # type: ignore[assignment]

LARGEST = (16 << 20) + (16 << 10)  # bytes, of an entry; source: BSONObjMaxInternalSize in src/mongo/bson/util/builder.h
NO_TERM = -1  # of the entry that an initiated set begins with; source: OpTime::kUninitializedTerm in src/mongo/db/repl/optime.h
SMALLEST = 5  # bytes, of an empty document


class Entry(NamedTuple):
    """One entry. ``wall`` is when it was written, in milliseconds since 1970."""

    position: Position
    wall: int
    raw: bytes

    @property
    def link(self) -> Link:
        return Link(self.position, hashlib.sha256(self.raw).hexdigest())


def entry(document: RawBSONDocument) -> Entry:
    """Raises ValueError for a document that is no entry of a replica set's oplog."""
    try:
        timestamp = document["ts"]
        position = Position(timestamp.time, timestamp.inc, int(document.get("t", NO_TERM)))
        return Entry(position, int(document["wall"]), bytes(document.raw))
    except (KeyError, AttributeError, TypeError, errors.InvalidBSON) as error:
        raise ValueError(f"a document is no entry of a replica set's oplog: {error}") from None


def position_of(optime: Any) -> Position:
    """Of an optime, as ``hello`` tells it."""
    return Position(optime["ts"].time, optime["ts"].inc, int(optime["t"]))


def sound(path: Path) -> Iterator[Entry]:
    """The entries of a file, up to its end or to the first place that is none or not later than the one before."""
    last: Position | None = None
    with path.open("rb") as stream:
        while True:
            prefix = stream.read(4)
            length = int.from_bytes(prefix, "little")
            if len(prefix) < len(b"size") or not SMALLEST <= length <= LARGEST:
                return
            raw = prefix + stream.read(length - len(prefix))
            try:
                found = entry(RawBSONDocument(raw, RAW))
            except (ValueError, errors.InvalidBSON):
                return
            if last and (found.position.at <= last.at or found.position.term < last.term):
                return
            last = found.position
            yield found
