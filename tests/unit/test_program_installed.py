# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host needs a visit for what it runs by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from programs import ansible

from ansible_collections.stronghold.mongodb.plugins.filter.program import _declared, program_differs
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installed import record_text

PYTHON = "/opt/stronghold/venv/bin/python"
UNITS: dict[str, Any] = {"service": {"description": "Watch", "families": ["AF_UNIX"]}, "timer": {"calendar": "daily"}}
LOGIN = {"login_user": "stronghold_expiry", "login_password": "secret"}
EXPIRY = {"command": "expiry", "login": LOGIN, **UNITS}
CERTIFICATES = {"command": "certificates", "settings": {"ca_file": "/ca.pem", "servers": [{"port": 27017}]}, **UNITS}
ALLOWLIST = {"command": "allowlist", **UNITS}
NOTICES = {"command": "notices", "service": {**UNITS["service"], "kind": "exec"}}
ALL = [ALLOWLIST, CERTIFICATES, EXPIRY, NOTICES]
UNIT = "/etc/systemd/system/stronghold-certificates"


def secret(text: str) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "mode": "0600", "uid": 0}


def survey(*commands: dict[str, Any]) -> dict[str, Any]:
    """Of a host that has the commands."""
    found: dict[str, Any] = {
        "program": {"sha256": "of the file", "mode": "0755", "uid": 0},
        "units": {
            f"stronghold-{name}.{kind}": {"ActiveState": "inactive", "UnitFileState": "", "NeedDaemonReload": "no"}
            for name in NAMES
            for kind in ("service", "timer")
        },
        "settings": {"program": secret(record_text(PYTHON, "digest", "of the file"))},
        "files": {},
    }
    for command in map(_declared, commands):
        name = command.command.name
        runs = "service" if name == "notices" else "timer"
        found["units"][f"stronghold-{name}.{runs}"] = {
            "ActiveState": "active",
            "UnitFileState": "enabled",
            "NeedDaemonReload": "no",
        }
        found["settings"][name] = secret(command.settings)
        for kind, content in (("service", command.service), ("timer", command.timer)):
            if content:
                path = f"/etc/systemd/system/stronghold-{name}.{kind}"
                found["files"][path] = {"content": content, "mode": "0644", "uid": 0}
    return found


NAMES = [str(command["command"]) for command in ALL]


def differs(found: dict[str, Any], *commands: dict[str, Any]) -> bool:
    return program_differs(found, commands, "digest", PYTHON)


def absent(name: str) -> dict[str, Any]:
    return {"command": name, "state": "absent"}


@pytest.mark.parametrize("commands", [[], *([command] for command in ALL), ALL], ids=lambda found: str(len(found)))
def test_a_host_that_has_it_is_left_alone(commands: list[dict[str, Any]]) -> None:
    assert differs(survey(*commands), *commands) is False
    assert differs(survey(*commands), *commands, *(absent(name) for name in NAMES if name not in str(commands))) is False


@pytest.mark.parametrize(
    "change",
    [
        lambda survey: survey.update(program=None),
        lambda survey: survey["program"].update(sha256="other"),
        lambda survey: survey["program"].update(mode="0777"),
        lambda survey: survey["program"].update(uid=1000),
        lambda survey: survey["settings"].pop("program"),
        lambda survey: survey["settings"].update(program=secret(record_text(PYTHON, "other", "of the file"))),
        lambda survey: survey["settings"].update(program=secret(record_text("/usr/bin/python3", "digest", "of the file"))),
        lambda survey: survey["settings"]["program"].update(uid=1000),
        lambda survey: survey["units"].clear(),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(ActiveState="inactive"),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(UnitFileState="disabled"),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(NeedDaemonReload="yes"),
        lambda survey: survey["files"].pop(f"{UNIT}.service"),
        lambda survey: survey["files"][f"{UNIT}.timer"].update(content="[Timer]\nOnBootSec=1\n"),
        lambda survey: survey["files"][f"{UNIT}.timer"].update(uid=1000),
        lambda survey: survey["units"]["stronghold-notices.service"].update(ActiveState="activating"),
        lambda survey: survey["units"]["stronghold-notices.service"].update(UnitFileState="disabled"),
        lambda survey: survey["files"].pop("/etc/systemd/system/stronghold-notices.service"),
        lambda survey: survey["settings"].clear(),
        lambda survey: survey["settings"]["certificates"].update(mode="0644"),
        lambda survey: survey["settings"]["certificates"].update(sha256="other"),
    ],
)
def test_whatever_differs_is_seen(change: Callable[[dict[str, Any]], object]) -> None:
    found = survey(*ALL)
    change(found)
    assert differs(found, *ALL) is True


@pytest.mark.parametrize(
    "left",
    [
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(ActiveState="active"),
        lambda survey: survey["units"]["stronghold-certificates.timer"].update(UnitFileState="enabled"),
        lambda survey: survey["settings"].update(certificates=secret("{}")),
        lambda survey: survey["files"].update({f"{UNIT}.service": {"content": "", "mode": "0644", "uid": 0}}),
    ],
)
def test_whatever_is_left_of_an_unwanted_one_is_seen(left: Callable[[dict[str, Any]], object]) -> None:
    found = survey(EXPIRY)
    left(found)
    assert differs(found, EXPIRY) is False
    assert differs(found, EXPIRY, absent("certificates")) is True


def test_the_program_does_not_matter_where_nothing_is_wanted() -> None:
    found = survey()
    found["program"] = None
    assert differs(found, *map(absent, NAMES)) is False


def test_other_settings_are_seen() -> None:
    assert differs(survey(CERTIFICATES), {**CERTIFICATES, "settings": {"ca_file": "/other.pem"}}) is True


def test_another_password_differs_where_the_command_logs_in_and_nowhere_else() -> None:
    other = {**LOGIN, "login_password": "other"}
    assert differs(survey(EXPIRY), {**EXPIRY, "login": other}) is True
    assert differs(survey(CERTIFICATES), {**CERTIFICATES, "login": other}) is False
    assert "secret" not in _declared({**CERTIFICATES, "login": LOGIN}).settings


def test_a_service_that_is_left_of_an_unwanted_one_is_seen() -> None:
    found = survey(EXPIRY)
    found["units"]["stronghold-notices.service"]["ActiveState"] = "active"
    assert differs(found, EXPIRY, absent("notices")) is True


@pytest.mark.parametrize(
    "broken",
    [
        {"command": "expiry"},
        {**EXPIRY, "colour": "blue"},
        {**EXPIRY, "timer": {}},
        {**EXPIRY, "timer": None},
        {**NOTICES, **UNITS},
        {**NOTICES, "timer": UNITS["timer"]},
        {**NOTICES, "service": UNITS["service"]},
    ],
)
def test_what_the_module_would_refuse_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="could not "):
        differs(survey(EXPIRY), broken)


def test_what_is_still_to_be_templated_is_templated(tmp_path: Path) -> None:
    """With a test that nothing has loaded before, as in the variables of a role."""
    state = "{{ ['metrics'] if '/var/lib/x' is match('/var/lib/') else [] }}"
    lazy = {**CERTIFICATES, "state": "{{ 'present' }}", "service": {**UNITS["service"], "state": state}}
    found = survey({**CERTIFICATES, "service": {**UNITS["service"], "state": ["metrics"]}})
    asked = "survey | stronghold.mongodb.program_differs([lazy], 'digest', python)"
    task = {"ansible.builtin.assert": {"that": f"not {asked}"}}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"survey": found, "lazy": lazy, "python": PYTHON},
        "tasks": [task],
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    done = ansible("playbook", "-i", "localhost,", str(tmp_path / "play.json"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_value_of_several_lines_is_refused() -> None:
    service = {**UNITS["service"], "writes": ["/a\nExecStartPre=/bin/sh"]}
    with pytest.raises(
        AnsibleFilterError,
        match=r"could not accept the units of the command expiry because service\.writes has more than one line",
    ):
        differs(survey(EXPIRY), {**EXPIRY, "service": service})
