# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A physical backup: the files of one member, as they lie while its server writes nothing, or in a snapshot of their volume.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.origin import (
    ATTEMPT,
    OF_BACKUP,
    cluster_time,
    compatibility_of,
    complete,
    new_id,
    require_data,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.layout import LEFT_OUT, Layout
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.lock import Locked, locked
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.snapshot import mounted
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.volume import Place, Volume
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    FILES,
    PHYSICAL,
    SNAPSHOT,
    Manifest,
    Stream,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic

if TYPE_CHECKING:
    from bson import Timestamp


@dataclass(frozen=True)
class Taken:
    """``locked`` is how long the server wrote nothing, in seconds."""

    manifest: Manifest
    locked: float


@dataclass
class _Still:
    """Files of one moment, in ``folder``: all up to ``sure`` is in them, nothing after ``latest``.

    ``watch`` raises StrongholdError where they do not last. ``held`` tells how long the server was locked, where it was.
    """

    folder: Path
    sure: Timestamp
    latest: Timestamp
    rollback_id: int
    watch: Callable[[], None] | None = None
    held: Locked = field(default_factory=Locked)


def capture(login: Login, restic: Restic, layout: Layout, source: tuple[Volume, Place] | None = None) -> Taken:
    """Save them, and write the manifest; with ``source`` out of a snapshot of that volume, otherwise while the server is locked.

    Raises StrongholdError; then there is no backup, the server is not locked, and no snapshot is left.
    """
    begun = time.time()
    name = new_id(begun)
    with connect(login, ATTEMPT) as client:
        set_name, rolled_back = require_data(client, login)
        version, compatibility = str(client.server_info()["version"]), compatibility_of(client)
        member = str(client.admin.command("hello")["me"])
    with ExitStack() as stack:
        still = _locked(stack, login, layout) if source is None else _frozen(stack, login, restic.host, source, name)
        tag = f"{OF_BACKUP}{name}"
        snapshot = restic.save_content(still.folder, PHYSICAL, tag, without=LEFT_OUT, watch=still.watch)
    if still.rollback_id != rolled_back:
        remedy = "take another one when the set has settled"
        raise StrongholdError(login.where, ATTEMPT, "the member rolled back meanwhile", remedy)
    manifest = Manifest(
        id=name,
        method=PHYSICAL if source is None else SNAPSHOT,
        replica_set=set_name,
        member=member,
        server_version=version,
        compatibility=compatibility,
        begun=moments.text(begun, "milliseconds"),
        ended=moments.text(time.time(), "milliseconds"),
        cluster_time=cluster_time(still.sure),
        consistent_at=cluster_time(still.latest),
        rollback_id=rolled_back,
        partial=False,
        streams=(Stream(FILES, snapshot.id, layout.size, snapshot.tree),),
        items=(),
        storage=layout.storage,
    )
    complete(restic, manifest)
    return Taken(manifest, still.held.seconds)


def _locked(stack: ExitStack, login: Login, layout: Layout) -> _Still:
    held = stack.enter_context(locked(login))
    applied, rolled_back = _position(login)
    return _Still(layout.folder, applied, applied, rolled_back, held=held)


def _frozen(stack: ExitStack, login: Login, host: str, source: tuple[Volume, Place], name: str) -> _Still:
    """What the journal had before the snapshot is in it, what was applied after it is not."""
    volume, place = source
    with connect(login, ATTEMPT) as client:
        durable = client.admin.command("replSetGetStatus")["optimes"]["durableOpTime"]["ts"]
    taken = stack.enter_context(mounted(host, volume, place, f"stronghold-{name}"))
    applied, rolled_back = _position(login)
    return _Still(taken.folder, durable, applied, rolled_back, taken.require_sound)


def _position(login: Login) -> tuple[Timestamp, int]:
    """The last time that the member has applied, and its rollback id."""
    with connect(login, ATTEMPT) as client:
        rolled_back = require_data(client, login)[1]
        return client.admin.command("hello")["lastWrite"]["opTime"]["ts"], rolled_back
