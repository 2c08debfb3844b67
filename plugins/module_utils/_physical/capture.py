# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A physical backup: the files of one member, as they lie while its server writes nothing.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

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
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.lock import locked
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import FILES, PHYSICAL, Manifest, Stream
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic


@dataclass(frozen=True)
class Taken:
    """``locked`` is how long the server wrote nothing, in seconds."""

    manifest: Manifest
    locked: float


def capture(login: Login, restic: Restic, layout: Layout) -> Taken:
    """Save them, and write the manifest. Raises StrongholdError; then there is no backup, and the server is unlocked."""
    begun = time.time()
    name = new_id(begun)
    with connect(login, ATTEMPT) as client:
        set_name, rolled_back = require_data(client, login)
        version, compatibility = str(client.server_info()["version"]), compatibility_of(client)
        member = str(client.admin.command("hello")["me"])
    with locked(login) as held:
        applied, rolled_now = _position(login)
        snapshot = restic.save_content(layout.folder, PHYSICAL, f"{OF_BACKUP}{name}", without=LEFT_OUT)
    if rolled_now != rolled_back:
        remedy = "take another one when the set has settled"
        raise StrongholdError(login.where, ATTEMPT, "the member rolled back meanwhile", remedy)
    at = cluster_time(applied)
    manifest = Manifest(
        id=name,
        method=PHYSICAL,
        replica_set=set_name,
        member=member,
        server_version=version,
        compatibility=compatibility,
        begun=moments.text(begun, "milliseconds"),
        ended=moments.text(time.time(), "milliseconds"),
        cluster_time=at,
        consistent_at=at,
        rollback_id=rolled_back,
        partial=False,
        streams=(Stream(FILES, snapshot.id, layout.size, snapshot.tree),),
        items=(),
        storage=layout.storage,
    )
    complete(restic, manifest)
    return Taken(manifest, held.seconds)


def _position(login: Login) -> tuple[Any, int]:
    """The last time that the member has applied, and its rollback id."""
    with connect(login, ATTEMPT) as client:
        rolled_back = require_data(client, login)[1]
        return client.admin.command("hello")["lastWrite"]["opTime"]["ts"], rolled_back
