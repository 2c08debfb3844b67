# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that the tests download and build, at once: ``python -m lab.prepare``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lab import images, mirror
from lab.binaries import rclone, restic
from lab.mongosh import mongosh
from lab.shell import LabError
from lab.tools import stock_tool


def main() -> None:
    steps: list[Callable[[], object]] = [
        mirror.build,
        mongosh,
        partial(stock_tool, "mongodump"),
        *(partial(images.ensure, name) for name in images.SUITES),
        *(partial(restic, suite) for suite in images.SUITES.values()),
        rclone,
    ]
    with ThreadPoolExecutor(len(steps)) as at_once:
        for made in [at_once.submit(step) for step in steps]:
            print(made.result())


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"lab: {error}")
