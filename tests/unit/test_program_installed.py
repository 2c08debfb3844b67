# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host needs a visit for a command that runs there by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installed import differs, settings_text

LOGIN = Login(user="stronghold_expiry", password="secret")  # noqa: S106
UNITS: dict[str, Any] = {"service": "[Service]\n", "timer": "[Timer]\n"}
EXPIRY = {"command": "expiry", **UNITS}
CERTIFICATES = {"command": "certificates", "settings": {"ca_file": "/ca.pem", "servers": [{"port": 27017}]}, **UNITS}
UNIT = "/etc/systemd/system/stronghold-certificates"


def survey(options: dict[str, Any]) -> dict[str, Any]:
    """Of a host that has the command."""
    command = options["command"]
    text = settings_text(command, options.get("settings", {}), LOGIN)
    return {
        "program": {"sha256": "digest", "mode": "0755", "uid": 0},
        "units": {f"stronghold-{command}.timer": {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}},
        "settings": {command: {"sha256": hashlib.sha256(text.encode()).hexdigest(), "mode": "0600", "uid": 0}},
        "files": {
            f"/etc/systemd/system/stronghold-{command}.{kind}": {"content": content, "mode": "0644", "uid": 0}
            for kind, content in UNITS.items()
        },
    }


@pytest.mark.parametrize(
    "options", [EXPIRY, CERTIFICATES, {"command": "allowlist", **UNITS}], ids=lambda options: options["command"]
)
def test_a_host_that_has_it_is_left_alone(options: dict[str, Any]) -> None:
    assert differs(survey(options), "digest", options, LOGIN) is False


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
        lambda survey: survey["files"].pop(f"{UNIT}.service"),
        lambda survey: survey["files"][f"{UNIT}.timer"].update(content="[Timer]\nOnBootSec=1\n"),
        lambda survey: survey["files"][f"{UNIT}.timer"].update(uid=1000),
        lambda survey: survey["settings"].clear(),
        lambda survey: survey["settings"]["certificates"].update(mode="0644"),
        lambda survey: survey["settings"]["certificates"].update(sha256="other"),
    ],
)
def test_whatever_differs_is_seen(change: Callable[[dict[str, Any]], object]) -> None:
    found = survey(CERTIFICATES)
    change(found)
    assert differs(found, "digest", CERTIFICATES, LOGIN) is True


def test_other_settings_are_seen() -> None:
    assert differs(survey(CERTIFICATES), "digest", {**CERTIFICATES, "settings": {"ca_file": "/other.pem"}}, LOGIN) is True


def test_another_password_differs_where_the_command_logs_in_and_nowhere_else() -> None:
    other = Login(user="stronghold_expiry", password="other")  # noqa: S106
    assert differs(survey(EXPIRY), "digest", EXPIRY, other) is True
    assert differs(survey(CERTIFICATES), "digest", CERTIFICATES, other) is False
    assert "secret" not in settings_text("certificates", {}, LOGIN)
