# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command of the program has on a host, and whether it is there, by the survey of that host.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.program import CONNECTING

RUNNING = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


def settings_text(command: str, settings: Mapping[str, Any], login: Login) -> str:
    """The file of ``_program.program``: what is unset is left out, and so is ``login`` where the command does not connect."""
    found = dict(settings)
    if command in CONNECTING:
        found["login"] = {name: value for name, value in asdict(login).items() if value is not None}
    return (json.dumps(found, indent=2, sort_keys=True) if found else "{}") + "\n"


def differs(survey: Mapping[str, Any], digest: str, options: Mapping[str, Any], login: Login) -> bool:
    """``digest`` is that of the program; ``options`` are those of ``mongodb_program``, ``login`` what those of them say."""
    command = options["command"]
    unit = f"stronghold-{command}"
    text = settings_text(command, options.get("settings", {}), login)
    units = {f"/etc/systemd/system/{unit}.{kind}": options[kind] for kind in ("service", "timer")}
    return (
        survey["units"].get(f"{unit}.timer") != RUNNING
        or survey["program"] != {"sha256": digest, "mode": "0755", "uid": 0}
        or survey["settings"].get(command) != {"sha256": hashlib.sha256(text.encode()).hexdigest(), "mode": "0600", "uid": 0}
        or any(survey["files"].get(path) != {"content": content, "mode": "0644", "uid": 0} for path, content in units.items())
    )
