# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a command of the program is on a host as it would be installed, by the survey of that host.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

RUNNING = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


def differs(survey: Mapping[str, Any], digest: str, options: Mapping[str, Any]) -> bool:
    """``digest`` is that of the program, ``options`` are those of ``mongodb_program`` for a command without a login."""
    command = options["command"]
    unit = f"stronghold-{command}"
    files: Mapping[str, Mapping[str, Any]] = survey["files"]
    wanted = {
        f"/etc/systemd/system/{unit}.service": {"content": options["service"], "mode": "0644", "uid": 0},
        f"/etc/systemd/system/{unit}.timer": {"content": options["timer"], "mode": "0644", "uid": 0},
    }
    kept = files.get(f"/etc/stronghold/{command}.json", {})
    return (
        survey["units"].get(f"{unit}.timer") != RUNNING
        or survey["program"] != {"sha256": digest, "mode": "0755", "uid": 0}
        or any(files.get(path) != file for path, file in wanted.items())
        or (kept.get("mode"), kept.get("uid")) != ("0600", 0)
        or _parsed(kept["content"]) != options.get("settings", {})
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
