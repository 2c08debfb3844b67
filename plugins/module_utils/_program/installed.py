# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host has what it is to run by itself, by the survey of that host.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._program.declaration import Declared

RUNNING = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
_UNITS = "/etc/systemd/system"
RECORD = "program"  # beside the settings of commands, none of which has that name


def record_text(python: str, sources: str, program: str) -> str:
    """What the program is made of, so that nobody needs its interpreter to tell whether it is the one that is wanted.

    ``sources`` is ``bundle.digest``, ``program`` the SHA-256 of the file. They disagree where the file was altered.
    """
    return json.dumps({"program": program, "python": python, "sources": sources}, indent=2, sort_keys=True) + "\n"


def differs(survey: Mapping[str, Any], sources: str, python: str, commands: Sequence[Declared]) -> bool:
    """``sources`` is ``bundle.digest``, ``python`` the path of the interpreter on the host. Paths are the module's defaults."""
    present = [command for command in commands if command.present]
    return (bool(present) and _program_differs(survey, sources, python)) or any(
        _lacks(survey, command) if command.present else _has(survey, command) for command in commands
    )


def _program_differs(survey: Mapping[str, Any], sources: str, python: str) -> bool:
    program = survey["program"]
    if program is None or (program["mode"], program["uid"]) != ("0755", 0):
        return True
    return bool(survey["settings"].get(RECORD) != _secret(record_text(python, sources, program["sha256"])))


def _lacks(survey: Mapping[str, Any], command: Declared) -> bool:
    return bool(
        survey["units"].get(command.starts) != RUNNING
        or survey["settings"].get(command.command.name) != _secret(command.settings)
        or any(
            survey["files"].get(f"{_UNITS}/{name}") != {"content": content, "mode": "0644", "uid": 0}
            for name, content in command.files.items()
        )
    )


def _has(survey: Mapping[str, Any], command: Declared) -> bool:
    state = survey["units"].get(command.starts, {})
    return (
        state.get("ActiveState") == "active"
        or state.get("UnitFileState") == "enabled"
        or command.command.name in survey["settings"]
        or any(f"{_UNITS}/{name}" in survey["files"] for name in command.files)
    )


def _secret(text: str) -> dict[str, Any]:
    """A file for root alone, as the survey tells of it."""
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "mode": "0600", "uid": 0}
