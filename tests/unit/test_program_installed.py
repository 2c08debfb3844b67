# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host needs a visit for a command that runs there by itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installed import differs

UNITS = "/etc/systemd/system/stronghold-certificates"
SETTINGS = {"ca_file": "/ca.pem", "servers": [{"port": 27017}]}
OPTIONS = {"command": "certificates", "service": "[Service]\n", "timer": "[Timer]\n", "settings": SETTINGS}


def file(content: str, mode: str = "0644") -> dict[str, Any]:
    return {"content": content, "mode": mode, "uid": 0}


SURVEY: dict[str, Any] = {
    "program": {"sha256": "digest", "mode": "0755", "uid": 0},
    "units": {"stronghold-certificates.timer": {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}},
    "files": {
        f"{UNITS}.service": file("[Service]\n"),
        f"{UNITS}.timer": file("[Timer]\n"),
        "/etc/stronghold/certificates.json": file(json.dumps(SETTINGS, indent=2), "0600"),
    },
}


def test_a_host_that_has_it_is_left_alone() -> None:
    assert differs(SURVEY, "digest", OPTIONS) is False


def test_a_command_without_settings() -> None:
    survey = copy.deepcopy(SURVEY)
    survey["files"]["/etc/stronghold/certificates.json"] = file("{}\n", "0600")
    assert differs(survey, "digest", {**OPTIONS, "settings": {}}) is False
    assert differs(survey, "digest", {name: OPTIONS[name] for name in ("command", "service", "timer")}) is False


@pytest.mark.parametrize(
    "change",
    [
        lambda survey: survey.update(program=None),
        lambda survey: survey["program"].update(sha256="other"),
        lambda survey: survey["program"].update(mode="0777"),
        lambda survey: survey["units"].clear(),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(ActiveState="inactive"),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(UnitFileState="disabled"),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(NeedDaemonReload="yes"),
        lambda survey: survey["files"].pop(f"{UNITS}.service"),
        lambda survey: survey["files"].update({f"{UNITS}.timer": file("[Timer]\nOnBootSec=1\n")}),
        lambda survey: survey["files"][f"{UNITS}.timer"].update(uid=1000),
        lambda survey: survey["files"].pop("/etc/stronghold/certificates.json"),
        lambda survey: survey["files"]["/etc/stronghold/certificates.json"].update(mode="0644"),
        lambda survey: survey["files"]["/etc/stronghold/certificates.json"].update(content='{"ca_file": "/other.pem"}'),
        lambda survey: survey["files"]["/etc/stronghold/certificates.json"].update(content="cut o"),
    ],
)
def test_whatever_differs_is_seen(change: Callable[[dict[str, Any]], object]) -> None:
    survey = copy.deepcopy(SURVEY)
    change(survey)
    assert differs(survey, "digest", OPTIONS) is True
