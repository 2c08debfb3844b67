# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of restore drills, as a backup host remembers it.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import memory, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit

EACH = timedelta(days=6, hours=23)
"""A week, and a run that comes a moment early does not leave it to the next."""


@dataclass(frozen=True)
class Outcome:
    """``base`` is the backup that was restored, ``to`` the point in time, ISO 8601, to which the oplog was replayed.

    ``seconds`` is what both took, the recovery time (RTO). ``compared`` is the backup of that very time that it equals, empty
    where there was none; then ``uncompared`` tells why. ``failure`` is a sentence, empty where all was well.
    """

    at: str
    base: str
    to: str = ""
    seconds: float = 0.0
    documents: int = 0
    operations: int = 0
    compared: str = ""
    uncompared: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Outcomes:
    """The ``last`` one, and the last ``good`` one."""

    last: Outcome | None = None
    good: Outcome | None = None

    @classmethod
    def read(cls, path: Path) -> Outcomes:
        """None of either where nothing can be read: then it is time for a drill."""
        try:
            found = json.loads(path.read_bytes())
            return cls(*(_read(found.get(name)) for name in ("last", "good")))
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Raises StrongholdError."""
        memory.keep(path, asdict(self), "make room there")

    def with_another(self, outcome: Outcome) -> Outcomes:
        return Outcomes(outcome, self.good if outcome.failure else outcome)

    def is_due(self, now: datetime | None = None) -> bool:
        """Whether the last one was a week ago, or is yet to come by the clock, failed, or compared nothing."""
        if self.good is None or not self.good.compared or self.last != self.good:
            return True
        return not moments.is_recent(moments.parse(self.good.at), EACH, now or datetime.now(timezone.utc))


def _read(found: Mapping[str, Any] | None) -> Outcome | None:
    """Raises ValueError for what is none."""
    if found is None:
        return None
    reasons = unfit(Outcome, found)
    if reasons:
        raise ValueError("; ".join(reasons))
    outcome = filled(Outcome, found)
    moments.parse(outcome.at)
    return outcome
