# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup as files that the vendor's tools restore: archives of mongodump, and the oplog up to a point in time.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from shlex import quote

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.encryption import is_kept_from_disks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp, spelled
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import ARCHIVE, LOGICAL
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import Hashed
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.point import Way
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.streams import own_log, whole

ATTEMPT = "export a backup"
LOG = "oplog.bson"
README = "README.txt"
_PIECE = 1 << 20
_TEXT = """\
The backup {id} of the replica set {set}, MongoDB {version}, as of {to}.

Each command adds to a server, in this order, and leaves alone what is there; begin with an empty one of the series {series}.
Add what it wants for a login, such as --uri or --config.

{commands}
"""


def export(restic: Restic, way: Way, log: Iterable[Entry], folder: Path, *, in_clear: bool = False) -> None:
    """Make ``folder``, with all files of a backup; ``log`` has the entries after its ``cluster_time``, others and some twice.

    It is readable by this account alone, and there only once all is in it. Raises StrongholdError, also where it would lie in
    clear on a disk, unless that is accepted by ``in_clear``.
    """
    _require_place(restic, way, folder, in_clear=in_clear)
    growing = folder.with_name(f".{folder.name}.export")
    try:
        shutil.rmtree(growing, ignore_errors=True)  # of a run that was killed
        growing.mkdir(mode=0o700)
        for stream in way.base.streams:
            if stream.name.endswith(ARCHIVE):
                whole(restic, way.base, stream, partial(_copy, path=growing / stream.name))
        if way.replays:
            _write_log(chain(own_log(restic, way.base), log), way, growing / LOG)
        files.write(growing / README, _readme(way).encode(), 0o600)
        growing.rename(folder)
    except OSError as error:
        raise _refused(restic, f"{folder} cannot be written ('{error.strerror}')", "name another folder, or make room") from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _require_place(restic: Restic, way: Way, folder: Path, *, in_clear: bool) -> None:
    if way.base.method != LOGICAL:
        raise _refused(restic, f"{way.base.id} is a {way.base.method} backup", "choose one that is logical")
    if folder.exists() or not folder.is_absolute() or not folder.parent.is_dir():
        raise _refused(restic, f"{folder} is no new folder in one that is there", "name another one, with its whole path")
    if not in_clear and not is_kept_from_disks(folder):
        remedy = "name one on an encrypted disk or in memory, or accept that all of it lies there in clear"
        raise _refused(restic, f"{folder} would be on a disk that is not encrypted", remedy)
    wanted, free = sum(stream.size for stream in way.base.streams), shutil.disk_usage(folder.parent).free
    if free < wanted:
        raise _refused(restic, f"{wanted >> 20} MiB are wanted for {folder}, and {free >> 20} are free", "make room")


def _refused(restic: Restic, reason: str, remedy: str) -> StrongholdError:
    return StrongholdError(restic.host, ATTEMPT, reason, remedy)


def _copy(source: Hashed, path: Path) -> None:
    with open(path, "xb", opener=_private) as into:
        while piece := source.read(_PIECE):
            into.write(piece)


def _write_log(log: Iterable[Entry], way: Way, path: Path) -> None:
    """In the order of time, each once."""
    last: Timestamp = way.base.cluster_time
    with open(path, "xb", opener=_private) as into:
        for entry in log:
            if last < entry.position.at <= way.to:
                into.write(entry.raw)
                last = entry.position.at


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _readme(way: Way) -> str:
    base = way.base
    names = [stream.name for stream in base.streams if stream.name.endswith(ARCHIVE)]
    commands = [f"mongorestore --archive={quote(name)}" for name in names]
    if way.replays:
        commands += ["mkdir nothing", f"mongorestore --oplogReplay --oplogFile={LOG} nothing"]
    series = ".".join(base.server_version.split(".")[:2])
    told = {"id": base.id, "set": base.replica_set, "version": base.server_version, "series": series, "to": spelled(way.to)}
    return _TEXT.format(**told, commands="\n".join(commands))
