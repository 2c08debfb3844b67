# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Points in time, as people write them.

PRIVATE to the collection.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def parse(spelled: str) -> datetime:
    """A point in time in UTC from ISO 8601. Raises ValueError, also where the zone is missing."""
    plain = spelled[:-1] + "+00:00" if spelled[-1:] in ("Z", "z") else spelled
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        raise ValueError(f"{spelled!r} is not a time as in ISO 8601, such as 2030-12-31T18:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError(f"{spelled!r} has no time zone; append Z for UTC, or an offset such as +01:00")
    return in_utc(found)


def text(time: datetime | float, timespec: str = "seconds") -> str:
    """ISO 8601 in UTC of a time, or of seconds since 1970; ``timespec`` as of ``datetime.isoformat``."""
    aware = in_utc(time) if isinstance(time, datetime) else datetime.fromtimestamp(time, timezone.utc)
    return aware.isoformat(timespec=timespec).replace("+00:00", "Z")


def is_recent(time: datetime, span: timedelta, now: datetime) -> bool:
    """Whether less than ``span`` has gone by since then; not of a time yet to come, by a clock that is or was wrong."""
    return timedelta(0) <= now - time < span


def in_utc(time: datetime) -> datetime:
    """The same point in time in UTC, cut to whole milliseconds as MongoDB stores it; one without a zone is taken for UTC."""
    aware = time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    return aware.replace(microsecond=time.microsecond // 1000 * 1000)
