# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups as metrics.

PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import Record
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.metrics import Gauge
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Catalogue


def gauges(catalogue: Catalogue, record: Record, now: float) -> list[Gauge]:
    """``now`` in seconds since 1970, as all times are. Backups of a part are none here."""
    last = Gauge("mongodb_backup_last_seconds", "When the newest backup arrived.")
    point = Gauge("mongodb_backup_last_consistent_seconds", "The cluster time of the newest backup.")
    verified = Gauge("mongodb_backup_last_verified_seconds", "When a backup was last read as a whole and found whole.")
    count = Gauge("mongodb_backup_count", "How many backups there are.")
    strange = Gauge("mongodb_backup_unreadable_count", "How many that call themselves backups are none.")
    looked = Gauge("mongodb_backup_looked_at_seconds", "When all of this was looked at.")
    sets: dict[str, list[tuple[float, int, str]]] = {}
    for backup in catalogue.bases:
        manifest = backup.manifest
        arrived = moments.parse(record.arrived[backup.snapshot]).timestamp()
        sets.setdefault(manifest.replica_set, []).append((arrived, manifest.consistent_at.time, manifest.id))
    for name, found in sorted(sets.items()):
        labels = {"replica_set": name}
        newest = max([one for one in found if one[0] <= now] or found)  # a clock that was ahead is no backup of now
        last.add(labels, int(newest[0]))
        point.add(labels, newest[1])
        count.add(labels, len(found))
        proofs = [record.verified[backup] for _arrived, _time, backup in found if backup in record.verified]
        if proofs:
            verified.add(labels, moments.parse(max(proofs)).timestamp())
    strange.add({}, len(catalogue.unreadable))
    looked.add({}, int(now))
    return [last, point, verified, count, strange, looked]
