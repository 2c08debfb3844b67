# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an inbox may be open, by the room that it takes and that there is.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LEAST = 4096  # bytes that any file or folder counts for, or a million of empty ones would be free
_OPENS = 0.9  # of its quota, below which one that was closed opens again, or it would open and close all the time


@dataclass(frozen=True)
class Use:
    """In bytes: what an inbox takes, and what is free on its disk."""

    taken: int
    free: int

    def refusal(self, quota: int, reserve: int, *, closed: bool) -> str | None:
        """Why the inbox may not be open, as a clause; None where it may. One that is ``closed`` needs some room to open."""
        share = _OPENS if closed else 1
        if self.taken > quota * share:
            return f"it takes {self.taken} bytes, and its quota is {quota}"
        if self.free * share < reserve:
            return f"its disk has {self.free} bytes left, and {reserve} are to stay free"
        return None


def measured(folder: Path) -> int:
    """Bytes of all that is in it; what comes or goes meanwhile may count or not."""
    total, left = 0, [str(folder)]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    total += max(LEAST, entry.stat(follow_symlinks=False).st_size)
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except FileNotFoundError:
            continue
    return total
