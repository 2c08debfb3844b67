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
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


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
    Callers hold ``locked``.
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


def make_locked(folder: Path) -> None:
    """Make a folder, and those above it that are missing, with mode 0755; it is there only once this process holds its lock.

    The lock lasts as long as the process. Callers hold ``locked`` for the folder.
    """
    for missing in [parent for parent in reversed(folder.parents) if not parent.exists()]:
        missing.mkdir(exist_ok=True)
        missing.chmod(0o755)
    temporary = folder.with_name(f".{folder.name}.new")
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o755)
    fcntl.flock(os.open(temporary, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX)
    temporary.rename(folder)
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
def locked(folders: Collection[Path]) -> Iterator[None]:
    """One process at a time per folder; the kernel frees the lock of a process that dies.

    For a folder that is missing, the nearest one above it is locked. Raises NotADirectoryError where that is none.
    """
    held: set[Path] = set()
    with ExitStack() as stack:
        # Twice, because a folder may appear while the one above it is waited for.
        for _pass in range(2):
            for folder in sorted({nearest(folder) for folder in folders} - held):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                held.add(folder)
        yield
