# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps what a mongod logs within bounds, and tells how much room is left where it writes.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit, unusable
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.identity import Owner, acting_as
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.room import Room, rooms
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import log_files
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.log_files import Log


@dataclass(frozen=True)
class LogSettings:
    """``logs`` are those of the ``service``, which runs as ``user`` and ``group``; ``paths`` are absolute, where it writes.

    ``metrics_file`` receives metrics for the textfile collector of Prometheus' node exporter.
    """

    user: str
    group: str
    logs: tuple[Log, ...] = ()
    paths: tuple[str, ...] = ()
    service: str = "mongod"
    metrics_file: str | None = None


def accepted(found: Mapping[str, Any]) -> LogSettings:
    """Of a JSON object with the fields of ``LogSettings``, lists for tuples. Raises StrongholdError with all reasons."""
    entries = found.get("logs", [])
    reasons = unfit(LogSettings, found)
    reasons += (
        [reason for entry in entries for reason in unfit(Log, entry, "a log")]
        if isinstance(entries, list)
        else ["logs is no list"]
    )
    if not reasons:
        logs = tuple(filled(Log, entry) for entry in entries)
        reasons = [reason for log in logs for reason in log.problems()]
    if reasons:
        raise unusable("logs", reasons)
    return filled(LogSettings, {**found, "logs": logs})


def keep(settings: LogSettings, tell: Callable[[str], object]) -> list[StrongholdError]:
    """Do all of it once, and return what failed."""
    failures = []
    try:
        _rotate(settings, tell)
    except StrongholdError as error:
        failures.append(error)
    if settings.metrics_file:
        try:
            owner = Owner.named(settings.user, settings.group)
            with acting_as(owner):
                found = rooms(settings.paths)
            metrics.write(Path(settings.metrics_file), gauges(found, time.time()))
        except OSError as error:
            remedy = "make its directory, or choose another one"
            failures.append(StrongholdError(platform.node(), f"write {settings.metrics_file}", f"of '{error.strerror}'", remedy))
        except StrongholdError as error:
            failures.append(error)
    return failures


def _rotate(settings: LogSettings, tell: Callable[[str], object]) -> None:
    if not settings.logs:
        return
    owner = Owner.named(settings.user, settings.group)
    try:
        log_files.rotate(settings.logs, owner)
    finally:  # what was renamed is let go also where something else failed
        pid = Systemd(settings.service).main_pid()
        if pid and log_files.reopen(settings.logs, pid, owner):
            tell(f"{settings.service} writes to a new log")


def gauges(found: Sequence[Room], now: float) -> list[metrics.Gauge]:
    """``now`` in seconds since 1970."""
    free = metrics.Gauge("mongodb_storage_free_bytes", "Room that is left on a file system to which mongod writes.")
    size = metrics.Gauge("mongodb_storage_size_bytes", "Size of that file system.")
    looked = metrics.Gauge("mongodb_storage_looked_at_seconds", "When all of them were looked at, in seconds since 1970.")
    for room in found:
        free.add({"path": room.path}, room.free)
        size.add({"path": room.path}, room.size)
    looked.add({}, int(now))
    return [free, size, looked]
