# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The streams of a backup, read to their ends and compared with what was saved.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import BrokenArchive
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import ARCHIVE, Manifest, Stream
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import Hashed
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.unrolled import entries

_PIECE = 1 << 20


def whole(restic: Restic, manifest: Manifest, stream: Stream, use: Callable[[Hashed], object]) -> None:
    """Have ``use`` read it, or a part. Raises StrongholdError, also where all of it is not what was saved."""
    with restic.dump(stream.snapshot, stream.name) as chunks:
        source = Hashed(chunks)
        try:
            use(source)
        except BrokenArchive as error:
            raise _broken(restic, manifest, stream, str(error)) from error
        _require_whole(restic, manifest, stream, source)


def own_log(restic: Restic, manifest: Manifest) -> Iterator[Entry]:
    """The entries of the oplog that a backup has itself, where it needs some to be consistent. Raises StrongholdError."""
    for stream in manifest.streams:
        if not stream.name.endswith(ARCHIVE):
            with restic.dump(stream.snapshot, stream.name) as chunks:
                source = Hashed(chunks)
                yield from entries(source)
                _require_whole(restic, manifest, stream, source)


def _require_whole(restic: Restic, manifest: Manifest, stream: Stream, source: Hashed) -> None:
    while source.read(_PIECE):
        pass
    if (source.size, source.sha256) != (stream.size, stream.sha256):
        raise _broken(restic, manifest, stream, f"{source.size} bytes are not the {stream.size} that were saved")


def _broken(restic: Restic, manifest: Manifest, stream: Stream, reason: str) -> StrongholdError:
    attempt, remedy = f"restore the backup {manifest.id}", "restore another backup, and find out what altered this one"
    return StrongholdError(restic.host, attempt, f"in {stream.name} {reason}", remedy)
