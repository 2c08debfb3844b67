# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files: never half-written, and those that hold secrets never readable by others for a moment.

PRIVATE to the collection.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience


def read(path: Path) -> bytes | None:
    """The content, or None where there is no file. Raises ValueError for anything but a regular file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"{path} is not a regular file")
        return path.read_bytes()
    except FileNotFoundError:
        return None


def write(path: Path, data: bytes, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace ``path`` as a whole; -1 leaves the owner or group to the system.

    The temporary name is fixed, so a run that was killed leaves nothing that the next one does not replace.
    Callers hold a lock.
    """
    temporary = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.write(data)
            os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, mode)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync(path.parent)


def nearest(path: Path) -> Path:
    """The path itself, or the first one above it that exists."""
    return next(found for found in (path, *path.parents) if found.exists())


def make_open(folder: Path) -> None:
    """Make a folder, and those above it that are missing, which everybody may enter and read."""
    for missing in [parent for parent in reversed([folder, *folder.parents]) if not parent.exists()]:
        missing.mkdir(exist_ok=True)
        missing.chmod(0o755)
    _sync(folder.parent)


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def remove(path: Path) -> None:
    path.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path, host: str, attempt: str, timeout: float = 60) -> Iterator[None]:
    """One process at a time in a folder of the controller's that is for its owner alone, since whoever can open it can lock it.

    Raises StrongholdError, with ``host`` and ``attempt``, where another one is still there after ``timeout`` seconds. On hosts
    there is ``locks``.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for turn in patience(timeout, pause=0.01, backoff=1.5, longest=0.2):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if turn.spent:
                    reason = f"another run uses {folder} and did not end within {timeout:g} s"
                    raise StrongholdError(host, attempt, reason, "wait for its end, and run again") from None
        yield
    finally:
        os.close(descriptor)
