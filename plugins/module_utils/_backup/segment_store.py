# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the archived oplog of one replica set is kept for good: in a repository, a snapshot per segment, later per hour and day.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_groups import (
    FOLDER,
    INDEX,
    Kept,
    described,
    file_name,
    folder_name,
    groups,
    ordered,
    outdated,
    read,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import OplogSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Segment, Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Source
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic, Snapshot
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import Hashed

TAG = "segment"
KNOWN = Path("/var/lib", OplogSettings.state, "segments")
"""The cache of a host's own archive."""
ROOM = 256 << 20
"""Bytes that one snapshot of an hour or a day holds; they lie in memory while it is made."""
_SAVING = "saving"
_FETCHED = f"{FOLDER}fetched"
_ID = re.compile(r"[0-9a-f]{64}")
_OF_ONE_SNAPSHOT = frozenset({Kind.DAMAGED, Kind.OTHER})  # others are of the repository, and tell nothing of what is in it
_MANY = 1 << 20


class SegmentStore:
    """A ``Store`` of an archiver. Descriptions stay in ``cache``, a folder of root's; ``work`` is backed by memory.

    ``known`` is the cache of another store, of which this one has copies, or which is of the same repository. Unless ``caching``,
    ``cache`` is only read. ``unreadable`` are the snapshots, by id, that were found to be none of ours, or damaged, with the
    reasons. They stay.
    """

    def __init__(
        self, restic: Restic, cache: Path, work: Path, room: int = ROOM, *, known: Path | None = None, caching: bool = True
    ) -> None:
        self._restic, self._cache, self._work, self._room = restic, cache, work, room
        self._caches, self._caching = ((cache, known) if known else (cache,)), caching
        self._known: set[Segment] | None = None
        self._foreign: dict[str, StrongholdError] = {}
        self._damaged: dict[str, StrongholdError] = {}
        self.unreadable: dict[str, StrongholdError] = {}

    def put(self, segment: Segment, path: Path) -> None:
        """Keep the file ``path``, which may be linked to beside it. Raises StrongholdError where it is not the segment."""
        _clear(path.parent / _SAVING)
        known = set(self.segments()) if self._known is None else self._known
        if segment in known:
            return
        self._known = None  # what fails may have saved it
        with path.open("rb") as stream:
            _pass(self._checked(segment, stream))
        with _folder(path.parent / _SAVING, folder_name([segment])) as folder:
            _link(path, folder / file_name(segment))
            self._save([segment], folder)
        self._known = known | {segment}

    def segments(self) -> tuple[Segment, ...]:
        """All that are kept, each once. Raises RepositoryError where the repository cannot be read."""
        found = ordered(segment for kept in self._look() for segment in kept.segments)
        self._known = set(found)
        return found

    def files(self, segments: Iterable[Segment]) -> Iterator[Path]:
        """Each as a file that is there until the next one is asked for; a snapshot is read once for all that it has.

        Raises StrongholdError where one is not what was kept.
        """
        wanted = list(segments)
        _clear(self._work)
        with _folder(self._work, _FETCHED) as folder:
            for segment in wanted:
                path = folder / file_name(segment)
                if not path.exists():
                    self._fetch(segment, wanted, folder)
                yield path
                path.unlink()

    def _fetch(self, segment: Segment, wanted: Iterable[Segment], folder: Path) -> None:
        """From another snapshot where that which had it went meanwhile, as those of a past hour do."""
        gone: set[str] = set()
        while True:
            found = self._look()
            kept = next((one for one in found if segment in one.segments and one.snapshot not in gone), None)
            if kept is None:
                raise self._lost(segment, "the repository does not have it")
            try:
                return self._unpack(replace(kept, segments=tuple(one for one in kept.segments if one in wanted)), folder)
            except StrongholdError:
                if kept.snapshot in {one.id for one in self._restic.snapshots(TAG)}:
                    raise
                gone.add(kept.snapshot)

    def compact(self, now: float) -> int:
        """Make one snapshot of those of a past hour or day, and tell how many were dropped; ``now`` is in seconds since 1970.

        Those it is made of go when all of it has been read again. Where it was killed, the next run does the rest.
        """
        _clear(self._work)
        dropped = 0
        for group in groups(self._look(), now, self._room):
            whole = self._whole(group)
            if whole is not None:
                replaced = [
                    one.snapshot for one in group if one.snapshot != whole.snapshot and set(one.segments) <= set(whole.segments)
                ]
                self._restic.forget(replaced)
                dropped += len(replaced)
        return dropped

    def drop_before(self, time: Timestamp) -> int:
        """Drop snapshots of which every segment ends before ``time``, and tell how many."""
        gone = [one.snapshot for one in outdated(self._look(), time)]
        self._restic.forget(gone)
        self._known = None
        return len(gone)

    def drop_doubles(self) -> int:
        """Drop snapshots of which another one has every segment, and tell how many."""
        found = sorted(self._look(), key=lambda one: (len(one.segments), one.snapshot))
        gone = [
            one.snapshot
            for number, one in enumerate(found)
            if any(set(one.segments) <= set(other.segments) for other in found[number + 1 :])
        ]
        self._restic.forget(gone)
        return len(gone)

    def _whole(self, group: list[Kept]) -> Kept | None:
        """A snapshot that has what all of them have that can be read, and was read itself; None where there are not two."""
        if len(group) < 2:  # noqa: PLR2004
            return None
        union = ordered(segment for one in group for segment in one.segments)
        found = next((one for one in group if one.segments == union), None)
        if found is not None:
            return found if self._is_sound(found) else self._whole([one for one in group if one is not found])
        with _folder(self._work, folder_name(union)) as folder:
            sound = [one for one in group if self._is_sound(one, folder)]
            if sound == group:
                self._save(union, folder)
        if sound != group:
            return self._whole(sound)
        claiming = [one for one in self._look() if one.segments == union and one.snapshot not in self._damaged]
        return next((one for one in claiming if self._is_sound(one)), None)

    def _is_sound(self, kept: Kept, folder: Path | None = None) -> bool:
        try:
            self._unpack(kept, folder)
        except StrongholdError as error:
            if isinstance(error, RepositoryError) and error.kind not in _OF_ONE_SNAPSHOT:
                raise
            self._damaged[kept.snapshot] = self.unreadable[kept.snapshot] = error
            return False
        return True

    def _unpack(self, kept: Kept, folder: Path | None) -> None:
        """Read all of it, into ``folder`` where there is one."""
        wanted = {file_name(segment): segment for segment in kept.segments}
        with self._restic.dump(kept.snapshot, kept.folder.lstrip("/")) as chunks:
            source = Hashed(chunks)
            try:
                with tarfile.open(fileobj=source, mode="r|") as tar:  # type: ignore[call-overload]
                    for member in tar:
                        segment = wanted.get(PurePosixPath(member.name).name)
                        content = tar.extractfile(member) if segment and member.isreg() else None
                        if segment and content:
                            _pass(self._checked(segment, content), folder and folder / file_name(segment))
                            del wanted[file_name(segment)]
            except tarfile.TarError as error:
                raise self._lost(kept.segments[0], f"its snapshot cannot be unpacked ({error})") from error
            while source.read(_MANY):
                pass
        if wanted:
            raise self._lost(next(iter(wanted.values())), f"the snapshot {kept.snapshot[:8]} does not have it")

    def _checked(self, segment: Segment, source: Source) -> Iterator[bytes]:
        hashed = Hashed(iter(lambda: source.read(_MANY), b""))
        while piece := hashed.read(_MANY):
            yield piece
        if (hashed.size, hashed.sha256) != (segment.size, segment.sha256):
            raise self._lost(segment, f"{hashed.size} bytes are not the {segment.size} that it is made of")

    def _lost(self, segment: Segment, reason: str) -> StrongholdError:
        remedy = "restore to a point before it or from another repository, and find out what altered this one"
        return StrongholdError(self._restic.host, f"read the segment {file_name(segment)}", reason, remedy)

    def _save(self, segments: Iterable[Segment], folder: Path) -> None:
        files.write(folder / INDEX, described(segments), 0o600)
        self._restic.save_folder(folder, TAG)

    def _look(self) -> list[Kept]:
        """Once more where a snapshot went meanwhile: its segments are in one that was not listed yet."""
        while True:
            found = []
            failed: dict[str, StrongholdError] = {}
            listed = self._restic.snapshots(TAG)
            for one in listed:
                try:
                    found += [] if one.id in self._foreign else [self._kept(one)]
                except RepositoryError as error:
                    if error.kind not in _OF_ONE_SNAPSHOT:
                        raise
                    failed[one.id] = error
                except ValueError as error:
                    attempt, remedy = f"read the snapshot {one.id[:8]}", "find out who saved it"
                    self._foreign[one.id] = StrongholdError(self._restic.host, attempt, str(error), remedy)
            there = {one.id for one in (self._restic.snapshots(TAG) if failed else listed)}
            if set(failed) <= there:
                aside = {**self._damaged, **self._foreign, **failed}
                self.unreadable = {snapshot: error for snapshot, error in aside.items() if snapshot in there}
                self._tidy({one.tree for one in listed})
                return found

    def _kept(self, snapshot: Snapshot) -> Kept:
        """Raises ValueError where it is none of ours, and RepositoryError."""
        if not _ID.fullmatch(snapshot.tree) or len(snapshot.paths) != 1:
            raise ValueError("it is not one folder")
        (folder,) = snapshot.paths
        name = f"{snapshot.tree}.json"
        for cache in self._caches:
            with suppress(ValueError):
                return Kept(snapshot.id, folder, read(files.read(cache / name) or b"", folder))
        there = self._restic.files(snapshot.id)
        if f"{folder}/{INDEX}" not in there:
            raise ValueError(f"it has no {INDEX}")
        text = self._restic.read(snapshot.id, f"{folder.lstrip('/')}/{INDEX}")
        segments = read(text, folder, there)
        if not self._caching:
            return Kept(snapshot.id, folder, segments)
        with suppress(OSError):  # it is read again
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.write(self._cache / name, text, 0o600)
        return Kept(snapshot.id, folder, segments)

    def _tidy(self, trees: set[str]) -> None:
        for cached in self._cache.glob("*.json") if self._caching and self._cache.is_dir() else ():
            if cached.stem not in trees:
                cached.unlink(missing_ok=True)


def _clear(parent: Path) -> None:
    """Without what a killed run has left."""
    for left in parent.glob(f"{FOLDER}*") if parent.is_dir() else ():
        shutil.rmtree(left)


@contextmanager
def _folder(parent: Path, name: str) -> Iterator[Path]:
    """A new one, while the block runs."""
    made = parent / name
    made.mkdir(mode=0o700, parents=True)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _link(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)


def _pass(chunks: Iterator[bytes], path: Path | None = None) -> None:
    """Read all, into ``path`` where there is one; of what fails, nothing stays."""
    if path is None or path.exists():
        for _chunk in chunks:
            pass
        return
    try:
        with path.open("wb") as stream:
            stream.writelines(chunks)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
