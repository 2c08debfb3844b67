# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oplog of a replica set, archived without end on a backup host, and what is told of it.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.members import preferred
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import Record
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import size, span
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import BackupSettings, OplogSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks, metrics
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Archiver, State
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Gap, Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic

IN_MEMORY = Path("/run/stronghold/oplog")
BASES = Path("/var/lib", BackupSettings.state)
STATE = IN_MEMORY / "state.json"
_NEW_BASE = "stronghold-backup.service"
_EACH = 1.0  # seconds
_MEASURED = 10.0  # seconds
_HOUR, _DAY = 3600, 86400  # seconds
_REMINDER = 600.0  # seconds
_SILENT = 30.0  # seconds
Tell = Callable[[str], object]


class Bases:
    """Has a base taken from which the archive can be replayed, once it goes on; one under way may have begun before that."""

    def __init__(self) -> None:
        self._unit, self._wanted = Systemd(_NEW_BASE), False
        self._seen: int | None = None

    def want(self) -> None:
        self._wanted = True

    def look(self, archived: int | None) -> None:
        """Once a second; ``archived`` as of ``State``."""
        if not self._wanted:
            self._seen = archived
        elif archived != self._seen:
            with suppress(StrongholdError):  # then the timer will
                if not self._unit.is_idle():
                    return
                self._unit.begin()
            self._wanted = False


class Tended:
    """A store that once an hour makes few snapshots of many, and drops what no base needs any more."""

    def __init__(self, store: SegmentStore, restic: Restic, record: Path, tell: Tell) -> None:
        self._store, self._restic, self._record, self._tell = store, restic, record, tell
        self._hour = self._day = 0

    def put(self, segment: Segment, path: Path) -> None:
        self._store.put(segment, path)
        now = time.time()
        if int(now // _HOUR) != self._hour:
            self._hour = int(now // _HOUR)
            try:
                self._tend(now)
            except StrongholdError as error:  # in an hour again
                self._tell(str(error))

    def segments(self) -> Sequence[Segment]:
        return self._store.segments()

    def _tend(self, now: float) -> None:
        self._store.compact(now)
        since = Record.read(self._record).oplog_since
        if since:
            self._store.drop_before((since, 0))
        if int(now // _DAY) != self._day:
            self._day = int(now // _DAY)
            self._restic.prune()
        for error in self._store.unreadable.values():
            self._tell(str(error))


class Progress:
    """Leaves a state for others once a second, and tells what hinders: at once, when it changes, and now and then."""

    def __init__(self, metrics_file: str | None, bases: Bases, tell: Tell) -> None:
        self._metrics_file, self._bases, self._tell = metrics_file, bases, tell
        self._left = self._measured = self._told = 0.0
        self._hindrance: str | None = None

    def __call__(self, state: State) -> None:
        now = time.monotonic()
        if now - self._left >= _EACH:
            self._left = now
            with suppress(OSError, StrongholdError):  # whoever reads it sees that it is old
                self._leave(state)
            self._bases.look(state.archived)
        if state.hindrance and (self._hindrance is None or now - self._told >= _REMINDER):
            self._told = now
            self._tell(f"held up: {state.hindrance}")
        elif self._hindrance and not state.hindrance:
            self._tell(f"goes on, from {state.source}")
        self._hindrance = state.hindrance

    def _leave(self, state: State) -> None:
        with locks.held(locks.FILES, platform.node(), f"write {STATE}"):
            files.write(STATE, json.dumps(asdict(state)).encode(), 0o600)
        if self._metrics_file and time.monotonic() - self._measured >= _MEASURED:
            self._measured = time.monotonic()
            metrics.write(Path(self._metrics_file), gauges(state, time.time()))


def gauges(state: State, now: float) -> list[metrics.Gauge]:
    """``now`` in seconds since 1970."""
    archived = metrics.Gauge(
        "mongodb_oplog_archived_seconds", "When the newest write was made that is in the repository or the spool."
    )
    stored = metrics.Gauge("mongodb_oplog_stored_seconds", "When the newest write was made that is in the repository.")
    spooled = metrics.Gauge("mongodb_oplog_spooled_bytes", "What is in memory and not in the repository yet.")
    held = metrics.Gauge("mongodb_oplog_held", "Whether nothing is read, since the spool is full.")
    looked = metrics.Gauge("mongodb_oplog_looked_at_seconds", "When all of this was looked at, in seconds since 1970.")
    for gauge, milliseconds in ((archived, state.archived), (stored, state.stored)):
        if milliseconds is not None:
            gauge.add({}, milliseconds / 1000)
    spooled.add({}, state.spooled)
    held.add({}, int(state.held))
    looked.add({}, int(now))
    return [archived, stored, spooled, held, looked]


def left(path: Path) -> tuple[State, float] | None:
    """The state that the archiver left last, and when, in seconds since 1970; None where it left none since the host's start."""
    try:
        return State(**json.loads(path.read_bytes())), path.stat().st_mtime
    except (OSError, ValueError, TypeError):
        return None


def progress_lines() -> tuple[list[str], list[str]]:
    """Lines of how far the archive is, and clauses of what is not well with it."""
    found = left(STATE)
    if found is None:
        return [], ["nothing was archived since this host was started"]
    state, told = found
    now = time.time()
    reasons = [] if now - told < _SILENT else [f"nothing was heard of it for {span(timedelta(seconds=now - told))}"]
    lines = [f"read from: {state.source or 'nobody yet'}", f"in memory, and not in the repository yet: {size(state.spooled)}"]
    for name, milliseconds in (("newest archived write", state.archived), ("newest write in the repository", state.stored)):
        age = f"{span(timedelta(seconds=now - milliseconds / 1000))} ago" if milliseconds is not None else "none yet"
        lines.append(f"{name}: {age}")
    return lines, reasons + ([state.hindrance] if state.hindrance else [])


def archive(settings: OplogSettings, tell: Tell) -> NoReturn:
    """Raises StrongholdError."""
    host = platform.node()
    spool = IN_MEMORY / "spool"
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)

    bases = Bases()

    def broken(gap: Gap) -> None:
        tell(f"the archive has a gap {gap}; a new base is taken")
        bases.want()

    with settings.restic() as restic, locks.held(locks.OPLOG, host, "archive the oplog"):
        if not restic.exists():
            restic.make()
            tell(f"made the repository {settings.repository}")
            bases.want()
        store = SegmentStore(restic, settings.home / "segments", IN_MEMORY / "work")
        Archiver(
            folder=spool,
            members=lambda: preferred(settings.login, settings.addresses),
            store=Tended(store, restic, BASES / "record.json", tell),
            new_base_wanted=broken,
            progress=Progress(settings.metrics_file, bases, tell),
        ).run()
