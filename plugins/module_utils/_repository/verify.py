# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a backup is what its manifest says.

Of a logical one each stream byte for byte, each collection with all of its documents; of a physical one each folder of files.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import (
    BrokenArchive,
    Collection,
    Namespace,
    Reader,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    ARCHIVE,
    LOGICAL,
    Item,
    Manifest,
    Stream,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic

_MANY = 1 << 20


class Hashed:
    """Chunks as a source, of which length and hash are taken on the way."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def read(self, size: int, /) -> bytes:
        """A piece of at most ``size`` bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
            self._digest.update(self._rest)
            self.size += len(self._rest)
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def verify(restic: Restic, manifest: Manifest) -> None:
    """Read all of it. Raises StrongholdError that names the stream or the collection that is not what it was."""
    for stream in manifest.streams:
        if manifest.method != LOGICAL:
            _verify_folder(restic, manifest, stream)
            continue
        items = {Namespace(item.database, item.collection): item for item in manifest.items if item.stream == stream.name}
        _verify(restic, manifest, stream, items)


def _verify_folder(restic: Restic, manifest: Manifest, stream: Stream) -> None:
    """restic compares all that it reads with hashes, of which that of the folder is the last."""
    trees = {one.tree for one in restic.snapshots() if (one.original or one.id).startswith(stream.snapshot)}
    if trees != {stream.sha256}:
        raise _altered(restic, manifest, stream, "the files are not those that were saved")
    with restic.dump(stream.snapshot, "") as chunks:
        for _chunk in chunks:
            pass


def _altered(restic: Restic, manifest: Manifest, stream: Stream, reason: str) -> StrongholdError:
    remedy = "restore from another backup, and find out what altered this one"
    return StrongholdError(restic.host, f"verify the backup {manifest.id}", f"in {stream.name} {reason}", remedy)


def _verify(restic: Restic, manifest: Manifest, stream: Stream, items: dict[Namespace, Item]) -> None:
    def failed(reason: str) -> StrongholdError:
        return _altered(restic, manifest, stream, reason)

    counts: dict[Namespace, list[int]] = {}
    heads: tuple[Collection, ...] = ()
    with restic.dump(stream.snapshot, stream.name) as chunks:
        source = Hashed(chunks)
        try:
            if stream.name.endswith(ARCHIVE):
                reader = Reader(source)
                heads = reader.head.collections
                for block in reader.blocks():
                    count = counts.setdefault(block.namespace, [0, 0])
                    count[0] += _documents(block.documents)
                    count[1] += len(block.documents)
            while source.read(_MANY):
                pass
        except BrokenArchive as error:
            raise failed(str(error)) from error
    if (source.size, source.sha256) != (stream.size, stream.sha256):
        raise failed(f"{source.size} bytes are not the {stream.size} that were saved")
    for collection in heads:
        item = items.pop(collection.namespace, None)
        if item is None:
            raise failed(f"{collection.namespace} was not announced")
        found = counts.get(collection.data, [0, 0])
        if found != [item.documents, item.size] or collection.kind != item.kind:
            raise failed(_miscounted(collection, item, found))
    if items:
        raise failed(f"{min(items)} is missing")


def _miscounted(collection: Collection, item: Item, found: list[int]) -> str:
    return f"{collection.namespace} has {found[0]} documents of {found[1]} bytes, not {item.documents} of {item.size}"


def _documents(data: bytes) -> int:
    """How many documents lie one after the other."""
    count = at = 0
    while at < len(data):
        at += struct.unpack_from("<i", data, at)[0]
        count += 1
    return count
