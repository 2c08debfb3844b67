# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""To which point in time a restore goes, and out of which backup. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import needed, windows
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Segment, Timestamp, spelled
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest

ATTEMPT = "find a way to that point in time"
LATEST = "latest"
_MOST = (1 << 32) - 1


@dataclass(frozen=True)
class Way:
    """From the backup ``base``, with the oplog up to ``to`` and with that; without any where both are of one time."""

    base: Manifest
    to: Timestamp

    @property
    def replays(self) -> bool:
        return self.base.cluster_time < self.to


def parsed(text: str) -> Timestamp | None:
    """None for ``LATEST``. Raises ValueError, with a clause.

    A time of ISO 8601 is that instant, cut to whole seconds: what was done in the second that begins with it is later, since a
    cluster time tells no more than the second. An exact one is ``{"t": SECONDS, "i": NUMBER}``, and what was done then is in.
    """
    if text == LATEST:
        return None
    if text.startswith("{"):
        return _exact(text)
    return int(moments.parse(text).timestamp()), 0


def _exact(text: str) -> Timestamp:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    fits = isinstance(found, dict) and set(found) == {"t", "i"}
    if not fits or not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _MOST for one in found.values()):
        raise ValueError(f'{text!r} is no exact cluster time, such as {{"t": 1767225600, "i": 3}}')
    return found["t"], found["i"]


def way(host: str, bases: Iterable[Manifest], segments: Sequence[Segment], to: Timestamp | None) -> Way:
    """From the newest backup out of which ``to`` is reached; ``bases`` are those of which nothing was selected.

    With None, to the last that is archived and reached from a backup. Raises StrongholdError, with what is in the way.
    """
    newest_first = sorted(bases, key=lambda base: (base.consistent_at, base.id), reverse=True)
    if not newest_first:
        raise StrongholdError(host, ATTEMPT, "there is no backup yet", "take one by 'stronghold backup run'")
    if to is None:
        return _furthest(newest_first, segments)
    earlier = [base for base in newest_first if base.consistent_at <= to]
    if not earlier:
        reason = (
            f"the oldest backup is as of {spelled(newest_first[-1].consistent_at)}, and that point, {spelled(to)}, is earlier"
        )
        raise StrongholdError(host, ATTEMPT, reason, "choose a later one")
    hindrances = []
    for base in earlier:
        try:
            return _checked(base, segments, to)
        except StrongholdError as error:
            hindrances.append(error)
    raise hindrances[0]


def _checked(base: Manifest, segments: Sequence[Segment], to: Timestamp) -> Way:
    if base.consistent_at != to:
        needed(segments, base.cluster_time, to)
    return Way(base, to)


def _furthest(newest_first: Sequence[Manifest], segments: Sequence[Segment]) -> Way:
    ends = {
        base.id: max(
            (
                window.end.at
                for window in windows(segments)
                if window.start.at <= base.cluster_time and base.consistent_at <= window.end.at
            ),
            default=base.consistent_at,
        )
        for base in newest_first
    }
    base = max(newest_first, key=lambda one: (ends[one.id], one.consistent_at))
    return Way(base, ends[base.id])
