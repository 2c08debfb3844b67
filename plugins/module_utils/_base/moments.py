# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Points in time, as people write them.

PRIVATE to the collection.
"""

from __future__ import annotations

from datetime import datetime, timezone


def moment(text: str) -> datetime:
    """A point in time in UTC from ISO 8601. Raises ValueError, also where the zone is missing."""
    spelled = text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text
    try:
        found = datetime.fromisoformat(spelled)
    except ValueError:
        raise ValueError(f"{text!r} is not a time as in ISO 8601, such as 2030-12-31T18:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; append Z for UTC, or an offset such as +01:00")
    return milliseconds(found)


def spelled(seconds: int) -> str:
    """ISO 8601 in UTC of seconds since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_utc(time: datetime) -> datetime:
    """The same point in time in UTC; one without a zone is taken for UTC."""
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)


def milliseconds(time: datetime) -> datetime:
    """In UTC, cut to whole milliseconds."""
    return in_utc(time).replace(microsecond=time.microsecond // 1000 * 1000)
