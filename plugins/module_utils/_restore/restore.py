# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup, and an archived oplog after it, put into an empty private server: exactly what there was at a point in time.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp, spelled
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace, Reader
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import ARCHIVE, Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.judge import Judge
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.load import Loader
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.replay import Replay, Wants, everything
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.streams import own_log, whole
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.target import ATTEMPT, Target
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.unrolled import Unrolled

if TYPE_CHECKING:
    from pymongo import MongoClient


@dataclass(frozen=True)
class Restored:
    """What was done: ``documents`` put in, ``entries`` read of the oplog and ``operations`` replayed, ``indexes`` built.

    ``tolerated`` are failures before the backup is consistent, ``unfinished`` transactions that were not committed at the point.
    """

    at: Timestamp
    documents: int
    entries: int
    operations: int
    tolerated: int
    unfinished: int
    indexes: int


@dataclass
class Restore:
    """``client`` is of a private, empty mongod in no set; ``folder`` takes what of the oplog is too large for memory.

    ``wants`` is as of the selection of a partial backup; ``accounts`` tells whether users and roles are wanted.
    """

    client: MongoClient[dict[str, Any]]
    where: str
    restic: Restic
    folder: Path
    wants: Wants = everything
    accounts: bool = False

    def run(self, manifest: Manifest, log: Iterable[Entry] = (), to: Timestamp | None = None) -> Restored:
        """To when the backup is consistent, or with ``log``, the entries after its ``cluster_time``, to the later time ``to``.

        ``log`` may begin earlier, and has to where a transaction was under way then. Raises StrongholdError and PyMongo's errors.
        """
        after: Timestamp = manifest.cluster_time
        consistent: Timestamp = manifest.consistent_at
        end = to or consistent
        if end < consistent:
            reason = f"the backup is consistent only at {spelled(consistent)}, and not at {spelled(end)} yet"
            raise StrongholdError(self.where, ATTEMPT, reason, "choose an earlier base")
        target = Target(self.client, self.where)
        target.require_empty()
        target.be_as(manifest.server_version, manifest.compatibility)
        judge = Judge(self.where, consistent if after < consistent else (0, 0))
        with target.unexpired():
            uuids = {Namespace(item.database, item.collection): item.uuid for item in manifest.items}
            loader = Loader(target, uuids, accounts=self.accounts)
            for stream in manifest.streams:
                if stream.name.endswith(ARCHIVE):
                    whole(self.restic, manifest, stream, lambda source: loader.load(Reader(source)))
            loader.finish()
            replay = Replay(target, judge, wants=self.wants, accounts=self.accounts)
            unrolled = Unrolled(chain(own_log(self.restic, manifest), log), after, end, self.folder)
            replay.run(unrolled)
            indexes = target.build()
        return Restored(end, loader.documents, unrolled.entries, replay.operations, judge.tolerated, unrolled.unfinished, indexes)
