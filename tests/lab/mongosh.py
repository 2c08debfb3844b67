# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real mongosh, from npm."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from lab.shell import CACHE, one_at_a_time, progress, run

VERSION = "2.12.0"


def mongosh() -> Path:
    """The program; installed once, then cached. Without the scripts of its packages, which build what it does not need."""
    tree = CACHE / "mongosh" / VERSION
    if not tree.exists():
        with one_at_a_time(tree.parent):
            if not tree.exists():
                progress(f"fetching mongosh {VERSION}")
                with TemporaryDirectory(dir=tree.parent) as scratch:
                    staged = Path(scratch, "tree")
                    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error")
                    run("npm", "install", *quiet, "--prefix", staged, f"mongosh@{VERSION}")
                    staged.rename(tree)
    return tree / "node_modules" / ".bin" / "mongosh"
