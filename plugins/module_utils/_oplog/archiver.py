# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives the oplog of a replica set without end: from a member, through the spool, into a store.

PRIVATE to the collection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Gap, Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.spool import Spool
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.tail import Broken, Tail, following

FOREVER = float("inf")
FEW = 1 << 20  # bytes; after fewer than these the next look at the oplog waits a moment, so that many entries are one write


class Store(Protocol):
    """Where sealed segments are kept for good. Both raise StrongholdError or OSError while it is away, and are tried again."""

    def put(self, segment: Segment, path: Path) -> None:
        """Keep a file as a segment; return only when it is there as a whole. The same one may come again."""

    def segments(self) -> Sequence[Segment]:
        """All that are kept."""


@dataclass(frozen=True)
class Limits:
    """``seconds`` and ``size``, in bytes, after which a segment is sealed; the last entry may exceed the size.

    ``spool`` bytes may lie in memory while the store is away. ``grace`` is for how many seconds a member that cannot be reached
    is waited for, while others no longer have what follows.
    """

    seconds: float = 60
    size: int = 16 << 20
    spool: int = 256 << 20
    grace: float = 60


@dataclass(frozen=True)
class State:
    """How far it is. Times are those of the newest entry, in milliseconds since 1970, None before the first.

    ``archived``: in the spool or the store, ``stored``: in the store. ``spooled`` is in bytes. ``held``: nothing is read, since
    the spool is full. ``hindrance`` is the last failure, None while all is well.
    """

    source: str | None
    archived: int | None
    stored: int | None
    spooled: int
    held: bool
    hindrance: str | None


class Archiver:
    """One per replica set. ``folder`` is backed by memory, and ``beyond``, on an encrypted volume, takes what exceeds its limit.

    Where nothing is archived yet, it begins at the point that a majority has now, so that a base of any later point has all that
    follows it. Without ``beyond`` nothing is read while the spool is full; the oplog keeps what follows, and should it not keep
    it for long enough, that is found as a gap. ``members`` tells the members to read, the preferred one first.
    ``new_base_wanted`` is called with each gap before what lies behind it is archived, once more where the archiver was killed
    in between. ``progress`` is called several times a second.
    """

    def __init__(
        self,
        *,
        folder: Path,
        members: Callable[[], Sequence[Login]],
        store: Store,
        new_base_wanted: Callable[[Gap], None],
        progress: Callable[[State], None] = lambda state: None,
        limits: Limits = Limits(),
        beyond: Path | None = None,
    ) -> None:
        self._members, self._store = members, store
        self._new_base_wanted, self._progress = new_base_wanted, progress
        self._limits = limits
        self._spool = Spool(folder, limits.spool, beyond, limits.seconds, limits.size)
        self._source: str | None = None
        self._stored: int | None = None
        self._in_step = time.monotonic()
        self._member_fails: str | None = None
        self._store_fails: str | None = None
        self._ended: BaseException | None = None

    def run(self) -> NoReturn:
        """Archive until killed. Any failure but a StrongholdError or OSError, of a member or the store, ends it."""
        self._resume()
        threading.Thread(target=self._ship, daemon=True).start()
        while True:
            self._round()
            self._tell()
            time.sleep(min(1, self._limits.seconds))

    def _resume(self) -> None:
        """Where something lies in the spool, it goes on from there although the store is away."""
        for turn in patience(0 if self._spool.known else FOREVER, pause=1, backoff=2, longest=30):
            try:
                stored = self._store.segments()
            except (StrongholdError, OSError) as error:
                self._store_fails = str(error)
                self._tell()
                if turn.spent:
                    break
            else:
                self._store_fails = None
                self._spool.reconcile(stored)
                self._stored = max(stored, key=lambda one: one.last).wall if stored else None
                return

    def _round(self) -> None:
        """Every member once, each until it fails."""
        broken: list[Broken] = []
        undecided = False
        try:
            members = self._members()
        except (StrongholdError, OSError) as error:
            self._member_fails = str(error)
            return
        for login in members:
            try:
                with following(login, self._spool.known) as tail:
                    self._follow(tail)
            except Broken as error:
                broken.append(error)
                self._member_fails = str(error)
            except (StrongholdError, OSError) as error:
                undecided = True
                self._member_fails = str(error)
        if broken and (not undecided or time.monotonic() - self._in_step > self._limits.grace):
            self._break(broken[0])

    def _break(self, error: Broken) -> None:
        self._new_base_wanted(Gap(self._spool.known, None, error.why))
        self._spool.begin_anew()

    def _follow(self, tail: Tail) -> NoReturn:
        self._source = tail.source
        while True:
            if self._spool.full():
                self._in_step = time.monotonic()
                self._tell(held=True)
                time.sleep(min(1, self._limits.seconds))
                continue
            entries = tail.read()
            if entries:
                self._spool.append(entries, tail.source, tail.rollback_id)
            self._in_step, self._member_fails = time.monotonic(), None
            self._tell()
            if entries and sum(len(entry.raw) for entry in entries) < FEW:
                time.sleep(0.1)

    def _ship(self) -> None:
        try:
            while True:
                piece = self._spool.sealed()
                if piece is None:
                    continue
                segment = piece.segment()
                for turn in patience(FOREVER, pause=1, backoff=2, longest=30):
                    try:
                        self._store.put(segment, piece.path)
                    except (StrongholdError, OSError) as error:
                        self._store_fails = f"attempt {turn.number}: {error}"
                    else:
                        self._store_fails, self._stored = None, segment.wall
                        self._spool.remove(piece)
                        break
        except BaseException as error:  # the thread that runs tells it
            self._ended = error

    def _tell(self, held: bool = False) -> None:
        if self._ended:
            raise self._ended
        archived = self._spool.wall() or self._stored
        hindrance = self._member_fails or self._store_fails
        self._progress(State(self._source, archived, self._stored, self._spool.bytes(), held, hindrance))
