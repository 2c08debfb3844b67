# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups stay, and since when the oplog does. Pure.

Times are those at which the backup host saw a backup arrive, never those that whoever wrote it claims: otherwise a thousand
backups dated into the future would push all others out.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

USUAL = 3
"""So many backups may go in one run, whatever the days before were like."""


@dataclass(frozen=True)
class Policy:
    """``daily``, ``weekly`` and ``monthly`` are numbers of days, ISO weeks and months, in UTC, of which the newest backup stays.

    Those without a backup are not counted. ``window`` is how far back any point in time can be restored, in days.
    """

    daily: int = 7
    weekly: int = 4
    monthly: int = 12
    window: int = 7


@dataclass(frozen=True)
class Kept:
    """What retention looks at of a backup: ``arrived`` is a time with its zone, ``verified`` tells of a proof that went well."""

    id: str
    arrived: datetime
    verified: bool = False


_PERIODS: Mapping[str, Callable[[datetime], tuple[int, ...]]] = {
    "daily": lambda time: (time.year, time.month, time.day),
    "weekly": lambda time: tuple(time.isocalendar())[:2],
    "monthly": lambda time: (time.year, time.month),
}


def keep(backups: Iterable[Kept], policy: Policy, now: datetime, reached: datetime | None = None) -> dict[str, list[str]]:
    """The ids of backups that stay, newest first, each with the reasons why.

    The window ends at ``reached``, else now. Those that arrived later than now, as a clock that is or was wrong has it, all stay,
    and displace none.
    """
    ordered = sorted(backups, key=lambda backup: (backup.arrived, backup.id), reverse=True)
    newest_first = [backup for backup in ordered if backup.arrived <= now]
    reasons: dict[str, list[str]] = {backup.id: ["later than now"] for backup in ordered if backup.arrived > now}

    def stays(backup: Kept | None, reason: str) -> None:
        if backup is not None:
            reasons.setdefault(backup.id, []).append(reason)

    stays(next(iter(newest_first), None), "newest")
    stays(next((backup for backup in newest_first if backup.verified), None), "newest verified")
    for name, period in _PERIODS.items():
        for backup in _newest_of_each(newest_first, period, getattr(policy, name)):
            stays(backup, name)
    begin = _window(policy, reached or now)
    stays(_base_of(newest_first, begin), "begin of the window")
    # One that was never verified may not be restorable, so that the one before it stays, too.
    stays(_base_of([backup for backup in newest_first if backup.verified], begin), "verified begin of the window")
    return {backup.id: reasons[backup.id] for backup in ordered if backup.id in reasons}


def oplog_since(backups: Iterable[Kept], policy: Policy, now: datetime) -> datetime | None:
    """The arrival of the oldest base from which the oplog is replayed: from then on it stays. None where there is no base."""
    newest_first = sorted(backups, key=lambda backup: (backup.arrived, backup.id), reverse=True)
    begin = _window(policy, now)
    verified = [backup for backup in newest_first if backup.verified]
    found = [base for base in (_base_of(newest_first, begin), _base_of(verified, begin)) if base is not None]
    return min((base.arrived for base in found), default=None)


def excess(dropping: int, before: Sequence[int]) -> str | None:
    """Why it would be too many to drop in one run; None where it is as usual. ``before`` is how many went in the runs before."""
    usual = max(USUAL, 2 * max(before, default=0))
    if dropping <= usual:
        return None
    return f"{dropping} backups would go at once, and at most {usual} are usual"


def _window(policy: Policy, now: datetime) -> datetime:
    return now - timedelta(days=policy.window)


def _base_of(newest_first: Sequence[Kept], time: datetime) -> Kept | None:
    """The newest that is not younger than ``time``, else the oldest of all."""
    return next((backup for backup in newest_first if backup.arrived <= time), newest_first[-1] if newest_first else None)


def _newest_of_each(newest_first: Sequence[Kept], period: Callable[[datetime], tuple[int, ...]], count: int) -> list[Kept]:
    found: dict[tuple[int, ...], Kept] = {}
    for backup in newest_first:
        found.setdefault(period(backup.arrived.astimezone(timezone.utc)), backup)
    return list(found.values())[:count]
