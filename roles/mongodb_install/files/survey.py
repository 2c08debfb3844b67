# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads which MongoDB packages this host has and what their repository is, and prints it as JSON; changes nothing.

Sent to the host's Python on standard input, with one argument: a JSON object with ``packages`` (names) and ``files`` (paths to
read).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DPKG = ("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\n")
RPM = ("rpm", "-q", "--qf", "%{NAME}\t%{VERSION}-%{RELEASE}\tinstall\tinstalled\n")
ABSENT = ("not-installed", "config-files")
FIELDS = 4


def managed_file(path):
    """Content, mode and owner of a file, or None."""
    try:
        state = Path(path).stat()
        content = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return {"content": content, "mode": format(state.st_mode & 0o7777, "04o"), "uid": state.st_uid}


def packages(names):
    """name -> version, held, complete; without those that are not installed."""
    query = DPKG if Path("/var/lib/dpkg/status").exists() else RPM
    answer = subprocess.run((*query, *names), capture_output=True, text=True, check=False)  # noqa: S603  fixed command
    rows = [line.split("\t") for line in answer.stdout.splitlines()]
    return {
        row[0]: {"version": row[1], "held": row[2] == "hold", "complete": row[3] == "installed"}
        for row in rows
        if len(row) == FIELDS and row[3] not in ABSENT
    }


def survey(wanted):
    return {
        "packages": packages(wanted["packages"]),
        "files": {path: managed_file(path) for path in wanted["files"]},
        "packages_interrupted": any(Path("/var/lib/dpkg/updates").glob("[0-9]*")),
    }


if __name__ == "__main__":
    print(json.dumps(survey(json.loads(sys.argv[1]))))
