# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel settings of this machine that hosts of the lab change, since no namespace keeps them apart.

They are remembered before the first fleet starts and put back when the last one is gone.
"""

from __future__ import annotations

import json
from pathlib import Path

from lab.shell import CACHE, as_root, run

# An order in which writing one does not reset another.
SETTINGS = [
    *(f"/proc/sys/vm/{name}" for name in ("swappiness", "dirty_ratio", "dirty_background_ratio", "max_map_count")),
    *("/proc/sys/vm/zone_reclaim_mode", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/file-max"),
    *("/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"),
    *(f"/sys/kernel/mm/transparent_hugepage/{name}" for name in ("enabled", "defrag", "khugepaged/max_ptes_none")),
]
RECORD = CACHE / "kernel.json"


def remember() -> None:
    if not RECORD.exists():
        RECORD.write_text(json.dumps({path: _read(path) for path in SETTINGS if Path(path).exists()}))


def restore() -> None:
    if not RECORD.exists():
        return
    for path, value in json.loads(RECORD.read_text()).items():
        if _read(path) != value:
            run(*as_root("tee", path), stdin=value)
    RECORD.unlink()


def _read(path: str) -> str:
    """The value, or of a list of choices the chosen one, which stands in brackets."""
    text = Path(path).read_text().strip()
    return text.split("[")[1].split("]")[0] if "[" in text else text
