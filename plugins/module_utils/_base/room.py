# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much room the file systems have that a service writes to.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files

MOUNTS = Path("/proc/self/mountinfo")


class Room(NamedTuple):
    """Of the file system at ``path``, in bytes; ``free`` is for accounts without privileges."""

    path: str
    free: int
    size: int


def rooms(paths: Iterable[str]) -> list[Room]:
    """One for each file system that is met at or below ``paths``, which need not exist yet; of several paths the first names it.

    What is a file system of its own below one of them counts too, by a mount or by a link, such as a folder for a journal.
    """
    found: dict[int, Room] = {}
    for path in [place for given in paths for place in _places(Path(given))]:
        try:
            there = files.nearest(path)
            device, room = there.stat().st_dev, os.statvfs(there)
        except OSError:
            continue
        found.setdefault(device, Room(str(path), room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize))
    return list(found.values())


def _places(path: Path) -> list[Path]:
    below = [point for point in _mount_points() if path in point.parents]
    return [path, *_links(path), *below]


def _links(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:  # which knows without another call, of a hundred thousand files
            return sorted(Path(entry.path) for entry in entries if entry.is_symlink())
    except OSError:
        return []


def _mount_points() -> list[Path]:
    """In order; blanks and the like are octal there (proc(5))."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    return sorted({Path(line.split()[4].replace("\\040", " ")) for line in lines})
