# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what is written to a folder reaches a disk only encrypted, as the kernel tells in sysfs.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files

SYS, MOUNTS = Path("/sys"), Path("/proc/self/mountinfo")
_CRYPT = "CRYPT-"  # what the UUID of a mapping of cryptsetup begins with; source: dm_prepare_uuid in lib/libdevmapper.c
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def is_kept_from_disks(folder: Path) -> bool:
    """Whether it lies in memory, or on block devices that are all encrypted. It need not exist yet. Raises OSError."""
    there = files.nearest(folder)
    device = there.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _dash, rest = line.partition(" - ")
        kind, source = rest.split()[:2]
        if fields.split()[2] != number:
            continue
        if kind in _IN_MEMORY:
            return True
        if os.major(device) == 0:  # of a file system that spans several devices, or of none
            with suppress(OSError):
                made = Path(source).stat().st_rdev
                number = f"{os.major(made)}:{os.minor(made)}"
        break
    return is_encrypted(SYS / "dev/block" / number)


def is_encrypted(device: Path) -> bool:
    """Of a block device, by its folder in sysfs: it is a mapping that encrypts, or all lie below it that do."""
    with suppress(OSError):
        if (device / "dm/uuid").read_text(encoding="ascii").startswith(_CRYPT):
            return True
    with suppress(OSError):
        below = sorted((device / "slaves").iterdir())
        return bool(below) and all(is_encrypted(one) for one in below)
    return False
