# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Podman, called so that it also runs where a container may not raise its own limits."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lab.shell import as_root, run

CAP_SYS_RESOURCE = 24
PROCESSES = 30000


def command(*arguments: str) -> list[str]:
    """The command line of a Podman call; runc is preferred because it starts in hybrid cgroup hierarchies too."""
    runtime = ("--runtime", "runc") if shutil.which("runc") else ()
    return as_root("podman", *runtime, *arguments)


def call(*arguments: str) -> str:
    return run(*command(*arguments))


def exists(kind: str, name: str) -> bool:
    return subprocess.run(command(kind, "exists", name), capture_output=True, check=False).returncode == 0


def inspect(kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(kind, "inspect", name))[0]
    return found


def limits() -> list[str]:
    """Options for a machine on which root may not raise limits: stay within those that Podman itself was left with."""
    if _may_raise_limits():
        return []
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return ["--ulimit", f"nofile={files}:{files}", "--ulimit", f"nproc={PROCESSES}:{PROCESSES}"]


def _may_raise_limits() -> bool:
    status = Path("/proc/self/status").read_text()
    effective = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    return bool(effective >> CAP_SYS_RESOURCE & 1) or os.geteuid() != 0
