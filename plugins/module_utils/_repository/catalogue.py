# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups a repository has, and what in it belongs to none.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository import manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic, Snapshot

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Backup:
    """A backup, and the id of restic's snapshot that its manifest is."""

    manifest: Manifest
    snapshot: str


@dataclass(frozen=True)
class Catalogue:
    """``backups`` come oldest first. ``unreadable`` are manifests that are none, each with the reason: they are set aside.

    ``strays`` are snapshots of no backup: of one that is under way, or that failed.
    """

    backups: tuple[Backup, ...]
    unreadable: tuple[tuple[str, StrongholdError], ...]
    strays: tuple[Snapshot, ...]

    @property
    def bases(self) -> tuple[Backup, ...]:
        """The backups of all, rather than of a part, on which the archive is replayed: no files of a server."""
        return tuple(one for one in self.backups if not one.manifest.partial and one.manifest.method == manifest.LOGICAL)

    def named(self, name: str) -> Backup | None:
        return next((backup for backup in self.backups if backup.manifest.id == name), None)


def look(restic: Restic, cache: Path, *, caching: bool = True) -> Catalogue:
    """The repository now. What a snapshot says never changes, so that ``cache``, a folder of root's, keeps it.

    Unless ``caching``, what is in ``cache`` is read and nothing is written there.

    Raises RepositoryError where the repository cannot be listed.
    """
    snapshots = restic.snapshots()
    ids = {name for one in snapshots for name in _names(one)}
    backups, unreadable = [], []
    for one in snapshots:
        if manifest.TAG in one.tags:
            try:
                backups.append(Backup(_manifest(restic, one.id, cache, ids, caching), one.id))
            except StrongholdError as error:
                unreadable.append((one.id, error))
    named = {stream.snapshot for backup in backups for stream in backup.manifest.streams}
    theirs = {backup.snapshot for backup in backups} | {snapshot for snapshot, _error in unreadable}
    strays = tuple(one for one in snapshots if one.id not in theirs and not any(_is_named(name, named) for name in _names(one)))
    if caching:
        _forget(cache, ids)
    return Catalogue(tuple(backups), tuple(unreadable), strays)


def _manifest(restic: Restic, snapshot: str, cache: Path, snapshots: set[str], caching: bool) -> Manifest:
    """Raises StrongholdError also where a stream that it names is gone."""
    kept = cache / f"{snapshot}.json"
    text = kept.read_text(encoding="utf-8") if _ID.fullmatch(snapshot) and kept.exists() else ""
    if not text:
        with restic.dump(snapshot, manifest.NAME) as chunks:
            text = b"".join(chunks).decode(errors="replace")
    found = manifest.read(restic.host, text)
    for stream in found.streams:
        if not any(_is_named(one, {stream.snapshot}) for one in snapshots):
            attempt, remedy = f"find all of the backup {found.id}", "restore from another one"
            raise StrongholdError(restic.host, attempt, f"the repository has no {stream.name} of it any more", remedy)
    if caching and not kept.exists():
        with suppress(OSError):  # then it is read again the next time
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locks.held(locks.FILES, restic.host, f"write {kept}"):
                files.write(kept, text.encode(), 0o600)
    return found


def _names(snapshot: Snapshot) -> list[str]:
    """A manifest names streams by the ids that they had where it was written."""
    return [snapshot.id, snapshot.original] if snapshot.original else [snapshot.id]


def _is_named(snapshot: str, named: Iterable[str]) -> bool:
    """restic before 0.17 tells the first eight digits of a snapshot that it has saved."""
    return any(snapshot.startswith(name) for name in named)


def _forget(cache: Path, snapshots: set[str]) -> None:
    for kept in cache.glob("*.json") if cache.is_dir() else ():
        if kept.stem not in snapshots:
            kept.unlink(missing_ok=True)
