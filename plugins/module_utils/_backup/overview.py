# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups and the archive of the oplog as plain data.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.archive import STATE, left
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import table
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import OplogSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import Window, chain, windows
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Segment, Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import VIEW
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Item, Manifest


def point(at: Timestamp) -> dict[str, Any]:
    """A cluster time: ``time`` is ISO 8601 in UTC, ``t`` and ``i`` are those of a BSON timestamp."""
    return {"time": moments.text(at[0]), "t": at[0], "i": at[1]}


def entry(known: Known, backup: Backup, *, collections: bool = False) -> dict[str, Any]:
    """One backup, of which the catalogue has been seen; with ``collections``, also each of those."""
    manifest, record = backup.manifest, known.record
    found = {
        "id": manifest.id,
        "method": manifest.method,
        "replica_set": manifest.replica_set,
        "member": manifest.member,
        "server_version": manifest.server_version,
        "feature_compatibility_version": manifest.compatibility,
        "partial": manifest.partial,
        "begun": manifest.begun,
        "ended": manifest.ended,
        "cluster_time": point(manifest.cluster_time),
        "consistent_at": point(manifest.consistent_at),
        "arrived": record.arrived.get(backup.snapshot),
        "verified": record.verified.get(manifest.id),
        "kept_as": list(known.reasons.get(manifest.id, ())),
        "documents": sum(item.documents for item in manifest.items),
        "size": sum(stream.size for stream in manifest.streams),
    }
    return {**found, "collections": [_collection(manifest, item) for item in manifest.items]} if collections else found


def _collection(manifest: Manifest, item: Item) -> dict[str, Any]:
    as_of_one_time = item.kind == VIEW or item.times == (manifest.cluster_time,)
    return {
        "database": item.database,
        "collection": item.collection,
        "kind": item.kind,
        "documents": item.documents,
        "size": item.size,
        "consistency": "snapshot" if as_of_one_time else "oplog",
    }


def backups(known: Known, *, collections: bool = False) -> list[dict[str, Any]]:
    """All of them, oldest first."""
    ordered = sorted(known.catalogue.backups, key=lambda one: known.record.arrived[one.snapshot])
    return [entry(known, one, collections=collections) for one in ordered]


def listing(known: Known, *, as_json: bool) -> list[str]:
    """Lines for people, or the one text of a JSON document."""
    return [json.dumps(backups(known), indent=2)] if as_json else table(known)


def _told(unreadable: Iterable[tuple[str, StrongholdError]]) -> list[dict[str, str]]:
    return [{"snapshot": snapshot, "reason": str(error)} for snapshot, error in unreadable]


def archive(segments: Sequence[Segment]) -> dict[str, Any]:
    """What is in the repository of the oplog."""
    found = chain(segments)
    return {
        "segments": len(segments),
        "windows": [{"from": point(one.start.at), "to": point(one.end.at)} for one in found.windows],
        "gaps": [
            {
                "after": point(gap.after.position.at) if gap.after else None,
                "before": point(gap.before.at) if gap.before else None,
                "reason": gap.why.value,
            }
            for gap in found.gaps
        ],
    }


def restorable(manifests: Iterable[Manifest], found: Iterable[Window]) -> list[dict[str, Any]]:
    """To which points in time a backup of all, and in each window the archive after the oldest one in it, can be put back.

    A replay begins at the backup's ``cluster_time`` and cannot stop before ``consistent_at``, which is all without a window.
    """
    bases = sorted((one for one in manifests if not one.partial), key=lambda one: (one.consistent_at, one.id))
    reached: list[tuple[Manifest, Timestamp, Timestamp]] = []
    alone = list(bases)
    for window in found:
        within = [base for base in bases if window.start.at <= base.cluster_time and base.consistent_at <= window.end.at]
        if within:
            first = within[0]
            reached.append((first, first.consistent_at, window.end.at))
            alone = [base for base in alone if base not in within]
    reached += [(base, base.consistent_at, base.consistent_at) for base in alone]
    ordered = sorted(reached, key=lambda one: (one[1], one[2]))
    return [{"backup": base.id, "from": point(begin), "to": point(end)} for base, begin, end in ordered]


def archiver(path: Path, now: float) -> dict[str, Any] | None:
    """What the archiver told last; ``now`` in seconds since 1970. None where nothing was told since the host was started."""
    found = left(path)
    if found is None:
        return None
    state, told = found
    return {
        "source": state.source,
        "archived": None if state.archived is None else moments.text(state.archived / 1000, "milliseconds"),
        "stored": None if state.stored is None else moments.text(state.stored / 1000, "milliseconds"),
        "spooled": state.spooled,
        "held": state.held,
        "hindrance": state.hindrance,
        "told": moments.text(told),
        "rpo_seconds": None if state.archived is None else max(0.0, round(now - state.archived / 1000, 3)),
    }


def whole(known: Known, settings: OplogSettings | None, now: float, *, collections: bool) -> dict[str, Any]:
    """All of it, without a trace on this host. Raises StrongholdError where the repository of the oplog cannot be read."""
    segments: Sequence[Segment] = ()
    strange: dict[str, StrongholdError] = {}
    if settings is not None:
        with settings.restic(cached=False) as restic:
            if restic.exists():
                store = SegmentStore(restic, settings.home / "segments", STATE.parent / "work", caching=False)
                segments, strange = store.segments(), store.unreadable
    return {
        "backups": backups(known, collections=collections),
        "unreadable": _told(known.catalogue.unreadable),
        "archive": None if settings is None else {**archive(segments), "unreadable": _told(strange.items())},
        "archiver": None if settings is None else archiver(STATE, now),
        "restorable": restorable((one.manifest for one in known.catalogue.bases), windows(segments)),
    }
