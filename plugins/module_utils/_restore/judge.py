# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which failures of a replay count.

A backup that is of several times becomes consistent at the last of them. Up to there, an operation may find what it made already
undone by a later one, so that some failures are of no account; after that every failure counts. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp, spelled


@dataclass
class Judge:
    """``consistent`` is as of the manifest, and ``cluster_time`` where that is the same; ``where`` is for errors."""

    where: str
    consistent: Timestamp
    tolerated: int = 0

    def is_fuzzy(self, at: Timestamp) -> bool:
        return at <= self.consistent

    def fail(self, at: Timestamp, reason: str) -> None:
        """Raises StrongholdError, or counts it."""
        if not self.is_fuzzy(at):
            raise self.error(at, reason)
        self.tolerated += 1

    def error(self, at: Timestamp, reason: str) -> StrongholdError:
        remedy = "choose a point in time before that, or another base"
        return StrongholdError(self.where, f"replay the oplog beyond {spelled(at)}", reason, remedy)
