# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine that measures: what it is, and its kernel settings, which lab hosts share and so must be put back."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.shell import as_root, progress, run

# What either side sets and no network namespace keeps apart; an order in which writing one does not reset another.
KERNEL_SETTINGS = [
    *(f"/proc/sys/vm/{name}" for name in ("swappiness", "dirty_ratio", "dirty_background_ratio", "max_map_count")),
    *("/proc/sys/vm/zone_reclaim_mode", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/file-max"),
    *("/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"),
    *(f"/sys/kernel/mm/transparent_hugepage/{name}" for name in ("enabled", "defrag", "khugepaged/max_ptes_none")),
]


def describe() -> dict[str, str]:
    model = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "Processor": f"{model[0] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "Memory": f"{memory:.0f} GiB",
        "System": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, kernel {platform.release()}",
        "Load average at the start": f"{os.getloadavg()[0]:.1f}",
    }


def warn_if_busy() -> None:
    load = os.getloadavg()[0]
    if load > 1:
        progress(f"the load average is {load:.1f}: something else runs here, and the times will not be worth much")


@contextmanager
def kept_kernel_settings() -> Iterator[None]:
    """Put back what hosts change of the machine's kernel, so that each side begins with the same."""
    before = {Path(path): _read(Path(path)) for path in KERNEL_SETTINGS if Path(path).exists()}
    try:
        yield
    finally:
        for path, value in before.items():
            if _read(path) != value:
                run(*as_root("tee", str(path)), stdin=value)


def _read(path: Path) -> str:
    """The value, or of a list of choices the chosen one, which stands in brackets."""
    text = path.read_text().strip()
    return text.split("[")[1].split("]")[0] if "[" in text else text
