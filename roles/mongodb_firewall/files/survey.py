# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what guards this host and whether it does so at the next boot too, and prints it as JSON; changes nothing.

Sent to the host's Python on standard input, with one argument: a JSON object with ``nft`` (path), ``file`` (path of the unit) and
``units`` (names).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SHOW = ("systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload")


def managed_file(path):
    """Content, mode and owner of a file, or None."""
    try:
        state = Path(path).stat()
        content = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return {"content": content, "mode": format(state.st_mode & 0o7777, "04o"), "uid": state.st_uid}


def units(names):
    """name -> properties, of units that do not exist too."""
    answer = subprocess.run((*SHOW, *names), capture_output=True, text=True, check=True).stdout  # noqa: S603  fixed command
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in answer.strip().split("\n\n")]
    return {block.pop("Id"): block for block in blocks}


def survey(wanted):
    return {"nft": os.access(wanted["nft"], os.X_OK), "file": managed_file(wanted["file"]), "units": units(wanted["units"])}


if __name__ == "__main__":
    print(json.dumps(survey(json.loads(sys.argv[1]))))
