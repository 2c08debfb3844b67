# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup host remembers of its repository by itself: what whoever can write there says of times is not believed.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import memory, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import unfit
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import UNDER_WAY
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.retention import Kept, Policy, oplog_since

RUNS = 30
"""Of so many runs it is known how many backups went."""


@dataclass
class Record:
    """``arrived`` tells when a snapshot of restic was first seen here, ``verified`` when a backup was last proved to be whole.

    Both are ISO 8601 in UTC, by the id of the snapshot and of the backup. ``dropped`` are numbers, the newest run last. The
    oplog is wanted from ``oplog_since`` on, in seconds since 1970; 0 is all of it.
    """

    arrived: dict[str, str] = field(default_factory=dict)
    verified: dict[str, str] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    oplog_since: int = 0

    @classmethod
    def read(cls, path: Path) -> Record:
        """An empty one where there is none: then all has just arrived, and goes later. Raises StrongholdError."""
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise _unusable(path, f"of '{error}'") from error
        reasons = unfit(cls, found)
        if reasons:
            raise _unusable(path, "; ".join(reasons))
        return cls(**found)

    def write(self, path: Path) -> None:
        """Raises StrongholdError."""
        memory.keep(path, asdict(self), "make room there, or keep fewer backups")

    def see(self, snapshots: Iterable[str], now: datetime, written: Mapping[str, datetime] | None = None) -> None:
        """These are there now, and no others. ``written`` is when what some of them hold was written at last.

        That is when a new one arrived, where the clock is earlier, and earlier than what is remembered.
        """
        is_behind = any(moments.parse(time) > now for time in self.arrived.values())
        times = {one: max(now, (written or {}).get(one, now)) if is_behind else now for one in sorted(set(snapshots))}
        self.arrived = {one: self.arrived.get(one, moments.text(time, "milliseconds")) for one, time in times.items()}
        self.verified = {name: min(time, moments.text(now)) for name, time in self.verified.items()}

    def want_oplog(self, backups: Sequence[Backup], policy: Policy, now: datetime) -> None:
        """Since the oldest of those from which any point of the window is reached, with transactions that were under way then."""
        bases = [backup for backup in backups if not backup.manifest.partial]
        since = oplog_since([self.kept(base) for base in bases], policy, reached(bases, now))
        times = [one.manifest.cluster_time.time for one in bases if since and moments.parse(self.arrived[one.snapshot]) >= since]
        self.oplog_since = max(0, min(times, default=0) - UNDER_WAY)

    def kept(self, backup: Backup) -> Kept:
        """For retention, once it was seen."""
        name = backup.manifest.id
        return Kept(name, moments.parse(self.arrived[backup.snapshot]), name in self.verified)

    def older(self, snapshots: Iterable[str], now: datetime, age: timedelta) -> list[str]:
        """Those of ``snapshots`` that were seen first so long ago."""
        return [one for one in snapshots if now - moments.parse(self.arrived[one]) >= age]

    def went(self, backups: Iterable[str], count: int | None = None) -> None:
        """Backups that are no more, in a run that dropped ``count`` by the rules; None where it was a person's wish."""
        for name in backups:
            self.verified.pop(name, None)
        if count is not None:
            self.dropped = [*self.dropped, count][-RUNS:]


def written(backup: Backup) -> datetime:
    """When the last of what it holds was written, by the clock of its set."""
    return datetime.fromtimestamp(backup.manifest.consistent_at.time, timezone.utc)


def reached(bases: Iterable[Backup], now: datetime) -> datetime:
    """``now``, but not later than what the newest base holds: where the clock is ahead, none of them is older for that."""
    return min(now, max(map(written, bases), default=now))


def _unusable(path: Path, reason: str) -> StrongholdError:
    remedy = "remove it; then all backups count as having arrived now"
    return StrongholdError(platform.node(), f"read {path}", reason, remedy)
