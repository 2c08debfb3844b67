# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot of a logical volume, mounted for a block, and never left behind, however the program ends.

LVM freezes the file system for the moment of the snapshot, so that it is what a power cut would have left: what the server's
journal has by then is all there. A tag of LVM's, set with the snapshot itself, tells whoever comes later what is to go
(``release``).

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import find, run
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical import volume as lvm
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.volume import Place, Volume

ATTEMPT = "take a snapshot of the server's volume"
REMOVE = "remove the snapshot of the server's volume"
MARK = "stronghold_files"
"""The tag, of LVM, of those that are made here."""
FOLDER = Path("/run/stronghold/snapshot")
"""Where one is mounted."""
_FULL = 95.0  # percent, at which it is given up, so that the server has room to write
_TIMEOUT = 300.0
_REMEDY = "give the volume group more room, or take backups when less is written"


@dataclass(frozen=True)
class Mounted:
    """``folder`` is in the snapshot ``name``, which is GROUP/VOLUME."""

    host: str
    folder: Path
    name: str

    def require_sound(self) -> None:
        """Raises StrongholdError where the snapshot is void, or runs out of room."""
        found = next((one for one in lvm.volumes(self.host) if one.name == self.name), None)
        if found is None:
            raise StrongholdError(self.host, ATTEMPT, f"{self.name} was removed meanwhile", "run again")
        if found.used is not None and found.used >= _FULL:
            what = "the pool" if found.thin else "the room"
            raise StrongholdError(self.host, ATTEMPT, f"{what} of {self.name} is full to {found.used:g} %", _REMEDY)


@contextmanager
def mounted(host: str, origin: Volume, place: Place, name: str) -> Iterator[Mounted]:
    """The folder of ``place`` as it is now, for a block, in the new snapshot ``name``. Raises StrongholdError.

    Where the snapshot did not last as long as the block, it is raised at the end.
    """
    try:
        made = _make(host, origin, name)
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        _run(host, ATTEMPT, "mount", "-t", place.kind, "-o", place.options, made.path, str(FOLDER))
        taken = Mounted(host, FOLDER / place.inside, made.name)
        yield taken
        taken.require_sound()
    except BaseException:
        with suppress(StrongholdError):
            release(host)
        raise
    release(host)


def release(host: str) -> list[str]:
    """Remove what was left of snapshots that were made here; their names. Raises StrongholdError."""
    if find("lvs") is None:
        return []
    if FOLDER.is_mount():
        _run(host, REMOVE, "umount", str(FOLDER))
    with suppress(OSError):
        FOLDER.rmdir()
    left = [one for one in lvm.volumes(host) if MARK in one.tags and one.origin]
    for one in left:
        _run(host, REMOVE, "lvremove", "--yes", one.name)
    return [one.name for one in left]


def _make(host: str, origin: Volume, name: str) -> Volume:
    size = () if origin.thin else ("--size", f"{origin.room}b")
    words = ("--yes", "--snapshot", "--ignoremonitoring", "--name", name, "--addtag", MARK, *size, origin.name)
    _run(host, ATTEMPT, "lvcreate", *words)
    full_name = f"{origin.name.partition('/')[0]}/{name}"
    if origin.thin:  # others are active at once
        _run(host, ATTEMPT, "lvchange", "--activate", "y", "--ignoreactivationskip", "--ignoremonitoring", full_name)
    return next(one for one in lvm.volumes(host) if one.name == full_name)


def _run(host: str, attempt: str, *words: str) -> None:
    run(words, host=host, attempt=attempt, timeout=_TIMEOUT, missing="install the package lvm2", environment=lvm.QUIET)
