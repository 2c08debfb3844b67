# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's programs, run by this Python on this collection: in a checkout, or in a copy inside an ansible_collections tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT.parents[2] if ROOT.parent.name == "stronghold" else ROOT / ".tree"


def ansible(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``ansible-PROGRAM`` to its end, whatever that is."""
    return subprocess.run(
        [sys.executable, "-m", "ansible", program, *words],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(TREE), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"},
        stdin=subprocess.DEVNULL,  # one of its own, since others may leave that of all non-blocking
        capture_output=True,
        text=True,
        check=False,
    )
