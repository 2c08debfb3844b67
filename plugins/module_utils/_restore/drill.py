# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore drill of a backup host: that what it has becomes a database again, and exactly the one that was.

The last backup but one is restored into a server for this run alone, the archived oplog is replayed to the very time of the last
one, and what comes of it has to equal what that one holds: so capture, archive and replay are proved together.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import KNOWN, SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import DrillSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.encryption import is_kept_from_disks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.private_server import PrivateServer
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import needed, windows
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.archived import archived
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.compare import (
    Content,
    content,
    differences,
    invalid,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.outcome import Outcome
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.restore import Restore, Restored

if TYPE_CHECKING:
    from pymongo import MongoClient

IN_MEMORY = Path("/run/stronghold/scratch")
ATTEMPT = "drill a restore"
BESIDES = 512 << 20
"""Bytes that a server takes besides its documents, for its journal, its logs and its indexes."""
_CACHE = 0.5  # GB
_PATIENCE = 300  # seconds, for a server
_ARCHIVED = 180.0  # seconds until what was just written is in the repository
_SHOWN = 3
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Drill:
    """``scratch`` is a folder for this run alone."""

    settings: DrillSettings
    bases: Restic
    store: SegmentStore
    scratch: Path

    def run(self, outcome: Outcome) -> Outcome:
        """What came of it, from ``outcome``, which tells when it began. Raises StrongholdError where it went wrong."""
        base, other = self._chosen()
        self._require_room(max(_size(one) for one in (base, other or base)))
        to, uncompared = self._goal(base, other)
        begun = time.monotonic()
        with self._server() as client:
            done = self._restored(client, base, to)
            spent = time.monotonic() - begun
            _require(invalid(client), f"the restored backup {base.id} is not sound")
            replayed = content(client, accounts=True)
        outcome = replace(
            outcome,
            base=base.id,
            to=moments.text(done.at[0]),
            seconds=round(spent, 1),
            documents=done.documents,
            operations=done.operations,
            uncompared=uncompared,
        )
        if other is None or uncompared:
            return outcome
        _require(differences(replayed, self._content(other)), f"{base.id} and the oplog after it are not {other.id}")
        return replace(outcome, compared=other.id)

    def _chosen(self) -> tuple[Manifest, Manifest | None]:
        """The last but one, and the last; or the only one. Of those of which nothing was selected."""
        found = [backup.manifest for backup in look(self.bases, self.settings.home / "manifests").bases]
        whole = sorted(found, key=lambda one: (one.consistent_at, one.id))
        if not whole:
            raise StrongholdError(self.bases.host, ATTEMPT, "there is no backup yet", "run 'stronghold backup run'")
        last = whole[-1]
        before = [one for one in whole[:-1] if one.consistent_at <= last.cluster_time and one.replica_set == last.replica_set]
        return (before[-1], last) if before else (last, None)

    def _goal(self, base: Manifest, other: Manifest | None) -> tuple[Timestamp | None, str]:
        """To when the oplog is replayed, None where there is none, and why nothing can be compared."""
        if other is None:
            found = [window.end.at for window in windows(self.store.segments()) if window.start.at <= base.cluster_time]
            reached = max(found, default=(0, 0))
            return (reached if reached >= base.consistent_at else None), "there is no other backup yet"
        for turn in patience(_ARCHIVED, pause=5.0):
            try:
                needed(self.store.segments(), base.cluster_time, other.consistent_at)
            except StrongholdError as error:
                if turn.spent:
                    return None, f"of the archive: {error.reason}"
            else:
                break
        return other.consistent_at, ""

    def _restored(self, client: MongoClient[dict[str, Any]], base: Manifest, to: Timestamp | None) -> Restored:
        restore = Restore(client, self.bases.host, self.bases, self.scratch, accounts=True)
        done = restore.run(base, archived(self.store, base.cluster_time, to) if to else (), to)
        documents = sum(item.documents for item in base.items)
        if done.documents != documents:
            reason = f"the backup {base.id} has {done.documents} documents, and {documents} were saved"
            raise StrongholdError(self.bases.host, ATTEMPT, reason, _REMEDY)
        return done

    def _content(self, taken: Manifest) -> Content:
        with self._server() as client:
            self._restored(client, taken, None)
            return content(client, accounts=True)

    @contextmanager
    def _server(self) -> Iterator[MongoClient[dict[str, Any]]]:
        """An empty one, while the block runs."""
        data = self.scratch / "data"
        data.mkdir(mode=0o700)
        account = pwd.getpwuid(os.geteuid()).pw_name
        storage = {"wiredTiger": {"engineConfig": {"cacheSizeGB": _CACHE}}}
        server = PrivateServer(self.settings.mongod, data, storage, account, _PATIENCE, home=self.scratch / "run")
        try:
            with server.running() as endpoint, connect(Login(str(endpoint), tls=False), ATTEMPT) as client:
                yield client
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def _require_room(self, size: int) -> None:
        wanted, free = size + BESIDES, shutil.disk_usage(self.scratch).free
        if free < wanted:
            reason = f"{wanted >> 20} MiB are wanted in {self.scratch}, and {free >> 20} are free"
            remedy = "set mongodb_backup_scratch to a folder on an encrypted disk with more room"
            raise StrongholdError(self.bases.host, ATTEMPT, reason, remedy)


_REMEDY = "keep both repositories as they are, take a backup, and find out what altered this one or what the log of the run tells"


def _size(taken: Manifest) -> int:
    return sum(item.size for item in taken.items)


def _require(reasons: Sequence[str], title: str) -> None:
    if reasons:
        more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        found = " ".join(reasons[:_SHOWN]).rstrip(".")
        raise StrongholdError(platform.node(), ATTEMPT, f"{title}: {found}{more}", _REMEDY)


@contextmanager
def drill(settings: DrillSettings) -> Iterator[Drill]:
    """One with its scratch folder, for a block; nothing else may do one then. Raises StrongholdError."""
    with _scratch(settings) as scratch, ExitStack() as opened:
        bases, oplog = opened.enter_context(settings.bases()), opened.enter_context(settings.oplog())
        yield Drill(settings, bases, SegmentStore(oplog, settings.home / "segments", scratch / "oplog", known=KNOWN), scratch)


@contextmanager
def _scratch(settings: DrillSettings) -> Iterator[Path]:
    folder = Path(settings.scratch) if settings.scratch else IN_MEMORY
    try:
        if not settings.scratch_in_clear and not is_kept_from_disks(folder):
            reason = f"{folder} is on a disk that is not encrypted"
            remedy = "set mongodb_backup_scratch to one that is, or set mongodb_backup_scratch_in_clear"
            raise StrongholdError(platform.node(), ATTEMPT, reason, remedy)
        own = folder / "drill"
        shutil.rmtree(own, ignore_errors=True)  # of a run that was killed
        own.mkdir(mode=0o700, parents=True)
    except OSError as error:
        reason, remedy = f"{folder} cannot be used ('{error.strerror}')", "correct mongodb_backup_scratch"
        raise StrongholdError(platform.node(), ATTEMPT, reason, remedy) from error
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
