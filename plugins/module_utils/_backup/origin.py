# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every backup says of where it is from, whatever its method, and that it is complete.

PRIVATE to the collection.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.tail import rollback_id
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import NAME, TAG, ClusterTime, Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo import MongoClient

ATTEMPT = "take a backup"
OF_BACKUP = "backup="
"""What the tag begins with that names the backup of a snapshot."""


def new_id(begun: float) -> str:
    """Of a backup that was begun then, in seconds since 1970."""
    return f"{moments.text(begun).replace(':', '').replace('-', '')}-{secrets.token_hex(3)}"


def require_data(client: MongoClient[dict[str, Any]], login: Login) -> tuple[str, int]:
    """The name of the set and the member's rollback id. Raises StrongholdError where it is no member with data in service."""
    hello = client.admin.command("hello")
    if "setName" not in hello:
        reason, remedy = "it is no member of a replica set", "make it one, since only a set has an oplog"
        raise StrongholdError(login.where, ATTEMPT, reason, remedy)
    if not (hello.get("secondary") or hello.get("isWritablePrimary")):
        reason = "it is an arbiter, or is not in service now"
        raise StrongholdError(login.where, ATTEMPT, reason, "name a secondary that is up, or the primary")
    return hello["setName"], rollback_id(client)


def compatibility_of(client: MongoClient[dict[str, Any]]) -> str:
    """Its feature compatibility version."""
    found = client.admin["system.version"].find_one({"_id": "featureCompatibilityVersion"})
    return str((found or {}).get("version", ""))


def cluster_time(at: Timestamp) -> ClusterTime:
    return ClusterTime(at.time, at.inc)


def complete(restic: Restic, manifest: Manifest) -> None:
    """Write the manifest, which makes a backup of the streams that it names. Raises StrongholdError; then there is none."""
    with restic.save(NAME, TAG, f"{OF_BACKUP}{manifest.id}") as saving:
        saving.write(manifest.text().encode())
