# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups as people read them at a terminal.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments

LATE = timedelta(hours=26)
"""After which a base, of which there is one each day, is overdue."""
_HEADINGS = ("BACKUP", "ARRIVED", "RESTORABLE AS OF", "MEMBER", "DOCUMENTS", "SIZE", "VERIFIED", "KEPT AS")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def table(known: Known) -> list[str]:
    """A line for each backup, newest first, below its headings."""
    rows = [_HEADINGS, *_rows(known)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _rows(known: Known) -> Iterator[Sequence[str]]:
    for backup in sorted(known.catalogue.backups, key=lambda one: known.record.arrived[one.snapshot], reverse=True):
        manifest = backup.manifest
        yield (
            manifest.id,
            moments.text(moments.parse(known.record.arrived[backup.snapshot])),
            moments.text(manifest.consistent_at.time),
            manifest.member,
            str(sum(item.documents for item in manifest.items)),
            size(sum(stream.size for stream in manifest.streams)),
            known.record.verified.get(manifest.id, "-"),
            ", ".join(known.reasons.get(manifest.id, ["to be dropped"])),
        )


def state(known: Known) -> tuple[list[str], list[str]]:
    """Lines of what is well, and clauses of what is not."""
    newest = known.newest
    if newest is None:
        return [], ["there is no backup yet"]
    now = datetime.now(timezone.utc)
    age = now - moments.parse(known.record.arrived[newest.snapshot])
    verified = max(known.record.verified.values(), default="")
    lines = [
        f"last base: {newest.manifest.id}, {span(age)} ago, of {newest.manifest.replica_set} from {newest.manifest.member}",
        f"backups: {len(known.catalogue.backups)}",
        f"last verified: {span(now - moments.parse(verified)) + ' ago' if verified else 'never'}",
    ]
    late = [f"the last base is {span(age)} old"] if age > LATE else []
    strange = [f"{len(known.catalogue.unreadable)} that call themselves backups are none"] if known.catalogue.unreadable else []
    return lines, late + strange


def span(time: timedelta) -> str:
    """Of two units at most."""
    seconds = max(0, int(time.total_seconds()))
    for unit, name, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // part} {smaller}"
    return f"{seconds} s"


def size(amount: float) -> str:
    """Of bytes."""
    for unit in _UNITS[:-1]:
        if amount < 1024:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"
