# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of an oplog and is not in the store yet: files in a folder that is backed by memory.

Each piece is a file of entries, only ever appended to, and a small one beside it, written first, that tells what the entries
follow. The last piece grows; the ones before it are sealed. So whoever is killed, at any moment, goes on from what lies there.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog import entries as oplog
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import (
    Link,
    Segment,
    link_from_json,
    link_to_json,
    text,
    whole,
)


class Piece:
    """One file of entries, from ``path`` on disk. ``previous`` is the entry that its first one follows."""

    def __init__(self, path: Path, previous: Link | None, source: str, rollback_id: int) -> None:
        self.path = path
        self.previous, self.source, self.rollback_id = previous, source, rollback_id
        self.begun = time.monotonic()
        self.size = self.entries = 0
        self._digest = hashlib.sha256()
        self._first: Entry | None = None
        self._last: Entry | None = None

    @classmethod
    def begin(cls, path: Path, previous: Link | None, source: str, rollback_id: int) -> Piece:
        head = {"previous": link_to_json(previous), "source": source, "rollback_id": rollback_id}
        files.write(path.with_suffix(".json"), json.dumps(head).encode(), 0o600)
        return cls(path, previous, source, rollback_id)

    @classmethod
    def found(cls, path: Path) -> Piece:
        """A piece that lies there, cut where its entries end. Raises ValueError for what is none."""
        head = json.loads(path.with_suffix(".json").read_bytes())
        if not isinstance(head, dict) or set(head) != {"previous", "source", "rollback_id"}:
            raise ValueError(f"{path} has a head of other fields")
        previous = link_from_json(head["previous"], "previous")
        piece = cls(path, previous, text(head["source"], "source"), whole(head["rollback_id"], "rollback_id"))
        if path.exists():
            piece._count(oplog.sound(path))
            os.truncate(path, piece.size)
        if piece._first and previous and piece._first.position.at <= previous.position.at:
            raise ValueError(f"{path} begins before the entry that it follows")
        return piece

    def append(self, entries: Sequence[Entry]) -> None:
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab") as stream:  # noqa: PTH123
            try:
                stream.write(b"".join(entry.raw for entry in entries))
                stream.flush()
            except OSError:
                os.truncate(self.path, self.size)
                raise
        self._count(entries)

    def remove(self) -> None:
        for path in (self.path, self.path.with_suffix(".json")):
            with suppress(FileNotFoundError):
                path.unlink()

    @property
    def wall(self) -> int | None:
        return self._last.wall if self._last else None

    @property
    def end(self) -> Link | None:
        """The last entry, of this piece or else before it."""
        return self._last.link if self._last else self.previous

    def segment(self) -> Segment:
        """Raises ValueError where there is no entry."""
        if not self._first or not self._last:
            raise ValueError(f"{self.path} holds no entry")
        last = self._last.link
        return Segment(
            first=self._first.position,
            last=last.position,
            previous=self.previous,
            last_hash=last.hash,
            entries=self.entries,
            size=self.size,
            sha256=self._digest.hexdigest(),
            source=self.source,
            rollback_id=self.rollback_id,
            wall=self._last.wall,
        )

    def _count(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._first = self._first or entry
            self._last = entry
            self._digest.update(entry.raw)
            self.size += len(entry.raw)
            self.entries += 1


class Spool:
    """All pieces, the oldest first. One thread appends; another one takes away what is sealed.

    ``known`` is the entry that the next one has to follow, None where a chain begins. ``folder`` holds up to ``limit`` bytes;
    what is more goes to ``beyond``, or else ``full`` tells not to go on. A piece is sealed after ``seconds``, or with the entry
    that brings it to ``size`` bytes.
    """

    def __init__(self, folder: Path, limit: int, beyond: Path | None, seconds: float, size: int) -> None:
        self._folder, self._limit, self._beyond = folder, limit, beyond
        self._seconds, self._seal_size = seconds, size
        self._lock = threading.Condition()
        self._open = False
        self._pieces: list[Piece] = []
        self._number = 0
        self._recover()
        self.known = self._end()

    def wall(self) -> int | None:
        """When the newest entry was written, in milliseconds since 1970."""
        with self._lock:
            return next((piece.wall for piece in reversed(self._pieces) if piece.wall is not None), None)

    def bytes(self) -> int:
        with self._lock:
            return self._used()

    def full(self) -> bool:
        return self._beyond is None and self.bytes() >= self._limit

    def append(self, entries: Sequence[Entry], source: str, rollback_id: int) -> None:
        """Keep entries that follow ``known``, read from ``source``. Raises OSError, and ``known`` tells how far it came."""
        with self._lock:
            left = list(entries)
            while left:
                if self._open and (self._pieces[-1].source, self._pieces[-1].rollback_id) != (source, rollback_id):
                    self._seal()
                if not self._open:
                    home = self._folder if self._beyond is None or self._used() < self._limit else self._beyond
                    self._number += 1
                    self._pieces.append(Piece.begin(home / f"{self._number:012d}.bson", self.known, source, rollback_id))
                    self._open = True
                piece = self._pieces[-1]
                size, count = piece.size, 0
                while count < len(left) and size < self._seal_size:
                    size += len(left[count].raw)
                    count += 1
                piece.append(left[:count])
                del left[:count]
                self.known = self._end()
                if size >= self._seal_size:
                    self._seal()

    def begin_anew(self) -> None:
        """What comes next follows nothing."""
        with self._lock:
            self._seal()
            self.known = None

    def sealed(self) -> Piece | None:
        """The oldest piece that no longer grows, after a moment if there is none now."""
        with self._lock:
            self._seal_if_due()
            if not self._sealed():
                self._lock.wait(min(0.5, self._seconds))
                self._seal_if_due()
            return self._sealed()[0] if self._sealed() else None

    def remove(self, piece: Piece) -> None:
        with self._lock:
            piece.remove()
            self._pieces.remove(piece)

    def reconcile(self, stored: Collection[Segment]) -> None:
        """Before anything is appended: drop what the store has already, and what follows nothing that it has."""
        with self._lock:
            held = {_content(segment) for segment in stored}
            ends = {segment.end for segment in stored}
            newest = max((segment.last.at for segment in stored), default=(0, 0))
            while self._pieces:
                segment = self._pieces[0].segment()
                follows = segment.previous in ends or not stored if segment.previous else segment.first.at > newest
                if follows and _content(segment) not in held:
                    return  # those behind it follow it
                self._pieces.pop(0).remove()
            self._open = False
            self.known = max(ends, default=None)

    def _end(self) -> Link | None:
        return self._pieces[-1].end if self._pieces else None

    def _used(self) -> int:
        return sum(piece.size for piece in self._pieces)

    def _sealed(self) -> Sequence[Piece]:
        return self._pieces[: len(self._pieces) - self._open]

    def _seal_if_due(self) -> None:
        if self._open and time.monotonic() - self._pieces[-1].begun >= self._seconds:
            self._seal()

    def _seal(self) -> None:
        if self._open:
            self._open = False
            if not self._pieces[-1].entries:
                self._pieces.pop().remove()
            self._lock.notify_all()

    def _recover(self) -> None:
        folders = [self._folder, *([self._beyond] if self._beyond else [])]
        paths = {path.with_suffix(".bson") for folder in folders for path in folder.iterdir() if path.stem.isdigit()}
        self._number = max((int(path.stem) for path in paths), default=0)
        broken = False
        for path in sorted(paths, key=lambda path: path.name):
            try:
                piece = Piece.found(path)
            except (ValueError, FileNotFoundError):
                piece, broken = Piece(path, None, "", 0), True
            follows = not self._pieces or piece.previous in (None, self._pieces[-1].end)
            broken = broken or not follows
            if broken or not piece.entries:
                piece.remove()
            else:
                self._pieces.append(piece)
        self._open = bool(self._pieces)


def _content(segment: Segment) -> tuple[Any, ...]:
    return segment.previous, segment.end, segment.entries, segment.sha256
