# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a physical backup, put where a server can open them, with all that its oplog has.

A server that is started on them as it is would lose what the last stable checkpoint does not have: replication catches that up,
which a server of its own leaves out unless it is told to.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.private_server import PrivateServer
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import FILES, OF_FILES, Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic

ATTEMPT = "restore the files of a backup"
_RECOVERING = {"recoverFromOplogAsStandalone": True, "takeUnstableCheckpointOnShutdown": True}


def put(restic: Restic, manifest: Manifest, server: PrivateServer) -> PrivateServer:
    """Have the files of a backup in the empty data directory of ``server``, recovered; a server that opens them.

    Raises StrongholdError.
    """
    folder = server.db_path
    if manifest.method not in OF_FILES:
        raise StrongholdError(restic.host, ATTEMPT, f"{manifest.id} is a {manifest.method} backup", "choose another one")
    if any(folder.iterdir()):
        raise StrongholdError(restic.host, ATTEMPT, f"{folder} is not empty", "name an empty folder")
    restic.restore(manifest.stream(FILES).snapshot, folder)
    _give(folder, server.user)
    opened = replace(server, storage={**server.storage, **manifest.storage})
    with replace(opened, parameters={**server.parameters, **_RECOVERING}).running():
        pass
    return opened


def _give(folder: Path, user: str) -> None:
    """To the account of the server here, which may have another number than where they are from."""
    account = pwd.getpwnam(user)
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
