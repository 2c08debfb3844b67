# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a host has to be visited to bring a command of the program up to date."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installed import RUNNING, differs, settings_text

LOGIN = Login(user="stronghold_expiry", password="secret")  # noqa: S106
OPTIONS: dict[str, dict[str, Any]] = {
    "expiry": {"command": "expiry", "service": "[Service]\n", "timer": "[Timer]\n"},
    "certificates": {
        "command": "certificates",
        "service": "[Service]\n",
        "timer": "[Timer]\n",
        "settings": {"ca_file": "/ca.pem"},
    },
}


def survey(command: str) -> dict[str, Any]:
    options = OPTIONS[command]
    text = settings_text(command, options.get("settings", {}), LOGIN)
    return {
        "units": {f"stronghold-{command}.timer": RUNNING},
        "program": {"sha256": "p", "mode": "0755", "uid": 0},
        "settings": {command: {"sha256": hashlib.sha256(text.encode()).hexdigest(), "mode": "0600", "uid": 0}},
        "files": {
            f"/etc/systemd/system/stronghold-{command}.{kind}": {"content": options[kind], "mode": "0644", "uid": 0}
            for kind in ("service", "timer")
        },
    }


@pytest.mark.parametrize("command", OPTIONS)
def test_nothing_differs(command: str) -> None:
    assert not differs(survey(command), "p", OPTIONS[command], LOGIN)


@pytest.mark.parametrize("command", OPTIONS)
@pytest.mark.parametrize("part", ["units", "settings", "files"])
def test_what_is_missing_differs(command: str, part: str) -> None:
    assert differs({**survey(command), part: {}}, "p", OPTIONS[command], LOGIN)


def test_every_difference_is_seen() -> None:
    options = OPTIONS["certificates"]
    found = survey("certificates")
    assert differs(found, "other", options, LOGIN)
    assert differs({**found, "program": None}, "p", options, LOGIN)
    assert differs(found, "p", {**options, "service": "[Service]\nType=oneshot\n"}, LOGIN)
    assert differs(found, "p", {**options, "settings": {"ca_file": "/other.pem"}}, LOGIN)
    found["settings"]["certificates"]["mode"] = "0644"
    assert differs(found, "p", options, LOGIN)


def test_another_password_differs_where_the_command_logs_in_and_nowhere_else() -> None:
    other = Login(user="stronghold_expiry", password="other")  # noqa: S106
    assert differs(survey("expiry"), "p", OPTIONS["expiry"], other)
    assert not differs(survey("certificates"), "p", OPTIONS["certificates"], other)
    assert "secret" not in settings_text("certificates", {}, LOGIN)
