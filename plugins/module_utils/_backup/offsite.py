# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the backups and of the archived oplog in repositories elsewhere.

What goes there, goes by rules that hold there: nothing is dropped because the repository here does not have it any more.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import Record
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import span
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import RECORD, Tell, Vault
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import KNOWN, TAG, SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import OffsiteSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, memory, metrics, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic, Snapshot
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import (
    Kind,
    RepositoryError,
    without_password,
)

OFFSITE = Path("/var/lib", OffsiteSettings.state)
LATE = timedelta(hours=3)
"""After which copies, of which some are made each hour, are overdue."""
_MEMORY = "memory.json"
_WORK = Path("/run/stronghold/offsite")
ATTEMPT = "copy backups elsewhere"


class Places(NamedTuple):
    """Repositories of the bases and of the segments, here and elsewhere."""

    bases: Restic
    segments: Restic
    bases_copied: Restic
    segments_copied: Restic


@dataclass(frozen=True)
class Memory:
    """``good`` is when all was copied, in ISO 8601, ``failure`` how that failed since then; each empty where it never did.

    ``dropped`` are ids here of what has had its time there, and is not copied again.
    """

    good: str = ""
    failure: str = ""
    dropped: tuple[str, ...] = ()

    @classmethod
    def read(cls, home: Path) -> Memory:
        """An empty one where there is none."""
        try:
            found = json.loads((home / _MEMORY).read_bytes())
            made = cls(str(found["good"]), str(found["failure"]), tuple(map(str, found["dropped"])))
            if made.good:
                moments.parse(made.good)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()
        return made

    def write(self, home: Path) -> None:
        """Raises OSError, and StrongholdError."""
        memory.write(home / _MEMORY, asdict(self))


def offsite(settings: OffsiteSettings, tell: Tell) -> list[StrongholdError]:
    """Have copies of all that is there; what failed."""
    failures: list[StrongholdError] = []
    known = Memory.read(settings.home)
    dropped = set(known.dropped)
    with _places(settings) as places:
        here: set[str] = set()
        for work in (_bases, _segments):
            try:
                here |= work(settings, places, dropped, tell)
            except StrongholdError as error:
                failures.append(error)
        if not failures:
            dropped &= here
        good = known.good if failures else moments.text(time.time())
        try:
            Memory(good, " ".join(map(str, failures)), tuple(sorted(dropped))).write(settings.home)
            if settings.metrics_file and not failures:
                metrics.write(Path(settings.metrics_file), gauges(time.time()))
        except OSError as error:
            reason, remedy = f"of '{error.strerror}'", "make room there"
            failures.append(StrongholdError(platform.node(), "leave when copies were made", reason, remedy))
    return failures


@contextmanager
def _places(settings: OffsiteSettings) -> Iterator[Places]:
    with locks.held(locks.OFFSITE, platform.node(), ATTEMPT), ExitStack() as opened:
        yield Places(*(opened.enter_context(settings.restic(one)) for one in settings.repositories))


def _bases(settings: OffsiteSettings, places: Places, dropped: set[str], tell: Tell) -> set[str]:
    """What is here. Manifests come last, so that no backup is listed before all of it is there."""
    source, copy = places.bases, places.bases_copied
    here = _listed(source)
    if here is None:
        return set()
    there = _had(copy, source, settings.offsite, dropped, tell)
    missing = [one for one in look(source, settings.home / "manifests").backups if one.snapshot not in there]
    streams = tuple(stream.snapshot for backup in missing for stream in backup.manifest.streams)
    copy.copy(source, [one.id for one in here if streams and one.id.startswith(streams) and one.id not in there])
    copy.copy(source, [backup.snapshot for backup in missing])
    for backup in missing:
        tell(f"copied the backup {backup.manifest.id}")
    place = Vault(copy, settings.home / "copies", settings.keep)
    with _noted(copy, dropped, here):
        place.drop(place.seen(), tell)
    return {one.id for one in here}


def _segments(settings: OffsiteSettings, places: Places, dropped: set[str], tell: Tell) -> set[str]:
    """What is here. What was copied as minutes, and came again as an hour or a day, goes, as does what no base needs there."""
    source, copy = places.segments, places.segments_copied
    here = _listed(source, TAG)
    if here is None:
        return set()
    there = _had(copy, source, settings.oplog_offsite, dropped, tell)
    copy.copy(source, [one.id for one in here if one.id not in there])
    store = SegmentStore(copy, settings.home / "segments", _WORK, known=KNOWN)
    with _noted(copy, dropped, here):
        count = store.drop_doubles()
        since = Record.read(settings.home / "copies" / RECORD).oplog_since
        if since:
            count += store.drop_before((since, 0))
        if count:
            copy.prune()
    return {one.id for one in here}


@contextmanager
def _noted(copy: Restic, dropped: set[str], here: Sequence[Snapshot]) -> Iterator[None]:
    """Add to ``dropped`` copies of what is ``here`` that are gone after the block."""
    before = {one.original for one in copy.snapshots()}
    try:
        yield
    finally:
        gone = before - {one.original for one in copy.snapshots()}
        dropped |= gone & {one.id for one in here}


def _had(copy: Restic, source: Restic, name: str, dropped: set[str], tell: Tell) -> set[str]:
    """Snapshots of ``source`` of which there are copies, or were; the repository is made where there is none."""
    listed = _listed(copy)
    if listed is None:
        copy.make_like(source)
        dropped.clear()
        tell(f"made the repository {without_password(name)}")
    return {one.original for one in listed or ()} | dropped


def _listed(restic: Restic, *tags: str) -> list[Snapshot] | None:
    """None where there is no repository."""
    try:
        return restic.snapshots(*tags)
    except RepositoryError as error:
        if error.kind is Kind.ABSENT:
            return None
        raise


def gauges(now: float) -> list[metrics.Gauge]:
    """``now`` in seconds since 1970."""
    last = metrics.Gauge("mongodb_offsite_last_seconds", "When all that there is was last copied elsewhere.")
    last.add({}, int(now))
    return [last]


def state(home: Path) -> tuple[list[str], list[str]]:
    """A line of when all was copied, and clauses of what is not well; ``home`` is the state of its service."""
    known = Memory.read(home)
    reasons = [f"the last copy elsewhere failed ({known.failure.rstrip('.')})"] if known.failure else []
    if not known.good:
        return ["last copied elsewhere: not yet"], reasons
    age = datetime.now(timezone.utc) - moments.parse(known.good)
    if age > LATE:
        reasons.append(f"the copies elsewhere are {span(age)} old")
    return [f"last copied elsewhere: {span(age)} ago"], reasons
