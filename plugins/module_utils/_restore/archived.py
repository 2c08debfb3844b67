# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archived oplog, as a restore reads it.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import UNDER_WAY, needed
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.unrolled import entries


def archived(store: SegmentStore, after: Timestamp, to: Timestamp) -> Iterator[Entry]:
    """Every entry after ``after`` up to ``to``, some besides, and some twice. Raises StrongholdError, also for a gap."""
    for path in store.files(needed(store.segments(), after, to, UNDER_WAY)):
        with path.open("rb") as source:
            yield from entries(source)
