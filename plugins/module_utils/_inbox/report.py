# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inboxes and the vault as people and Prometheus read them.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import span
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.memory import Memory
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.serving import closed
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import IntakeSettings

LATE = timedelta(hours=3)
"""After which a run, of which there is one each hour, is overdue."""


def gauges(found: Known, memory: Memory, states: Mapping[str, str] | None, now: float) -> list[metrics.Gauge]:
    """``now`` in seconds since 1970, as all times are; ``states`` as of ``closed``."""
    last = metrics.Gauge("mongodb_files_last_seconds", "When the newest copy of a member's files arrived.")
    count = metrics.Gauge("mongodb_files_count", "How many copies of a member's files there are.")
    well = metrics.Gauge("mongodb_intake_ok", "Whether all that members sent was taken in, and nothing was strange.")
    ran = metrics.Gauge("mongodb_intake_last_seconds", "When that was last looked at.")
    is_open = metrics.Gauge("mongodb_inbox_open", "Whether a member can send its files.")
    arrived: dict[str, list[float]] = {}
    for backup in found.catalogue.backups:
        at = moments.parse(found.record.arrived[backup.snapshot]).timestamp()
        arrived.setdefault(backup.manifest.member, []).append(at)
    for member, times in sorted(arrived.items()):
        last.add({"member": member}, int(max(times)))
        count.add({"member": member}, len(times))
    for name in memory.inboxes:
        is_open.add({"inbox": name}, int((states or {}).get(name) == ""))
    well.add({}, int(not memory.failure))
    ran.add({}, int(now))
    return [last, count, well, ran, is_open]


def state(settings: IntakeSettings) -> tuple[list[str], list[str]]:
    """Lines of what is there, and clauses of what is not well."""
    memory, now = Memory.read(settings.home), datetime.now(timezone.utc)
    if not memory.ran:
        return ["last look into the inboxes: not yet"], []
    age = now - moments.parse(memory.ran)
    lines = [f"last look into the inboxes: {span(age)} ago"]
    reasons = [f"the last look into the inboxes was {span(age)} ago"] if age > LATE else []
    if memory.failure:
        reasons.append(f"the last look failed ({memory.failure.rstrip('.')})")
    states = closed(settings.sources)
    if states is None:
        reasons.append("no inbox is open, since stronghold-inbox does not run")
    for source in settings.inboxes:
        why = (states or {}).get(source.name, "")
        if why:
            reasons.append(f"the inbox {source.name} is closed: {why}")
        strange = len(memory.of(source.name).refused)
        if strange:
            reasons.append(f"{source.name} sent {strange} that call themselves backups and are none of its own")
    return lines, reasons
