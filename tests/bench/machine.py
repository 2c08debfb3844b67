# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine that measures."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from lab.shell import progress


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
