# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host is to run by itself: options of ``mongodb_program``, and the files that follow from them.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import units
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.registry import COMMANDS

PROGRAM = "/opt/stronghold/bin/stronghold"
_LISTS = ("after", "writes", "state", "capabilities", "families", "peers", "devices", "memory")


def argument_spec() -> dict[str, dict[str, Any]]:
    """Options of one entry of ``commands``, checked by the module and by the filter that predicts what it would do."""
    return {
        "command": {"type": "str", "choices": sorted(COMMANDS), "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "settings": {"type": "dict", "default": {}},
        "login": {"type": "dict", "options": login_argument_spec()},
        "service": {
            "type": "dict",
            "options": {
                "description": {"type": "str", "required": True},
                "kind": {"type": "str", "choices": list(units.KINDS), "default": units.ONESHOT},
                "timeout": {"type": "int", "default": 40},
                "user": {"type": "str"},
                "on_failure": {"type": "str"},
                "background": {"type": "bool", "default": False},
                "volumes": {"type": "bool", "default": False},
                "restart": {"type": "str", "choices": ["no", "on-failure", "always"]},
                "limits": {"type": "dict", "default": {}},
                **{name: {"type": "list", "elements": "str", "default": []} for name in _LISTS},
            },
        },
        "timer": {
            "type": "dict",
            "options": {
                "calendar": {"type": "str", "required": True},
                "spread": {"type": "int", "default": 0},
                "boot": {"type": "str"},
            },
        },
    }


@dataclass(frozen=True)
class Declared:
    """A command that a host is to have, by the text of its files, or that it is not to have (``present`` is false).

    ``writes`` are folders without which systemd would not start its service.
    """

    command: Command[Any]
    present: bool
    settings: str = ""
    service: str = ""
    timer: str = ""
    writes: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The name of its units, without what follows the dot."""
        return self.command.unit

    @property
    def starts(self) -> str:
        """The unit that is started, now and at boot."""
        return f"{self.unit}.{'service' if self.command.endless else 'timer'}"

    @property
    def files(self) -> dict[str, str]:
        """Its units: name and text."""
        timer = {} if self.command.endless else {f"{self.unit}.timer": self.timer}
        return {f"{self.unit}.service": self.service, **timer}

    @classmethod
    def from_params(cls, params: Mapping[str, Any], program: str) -> Declared:
        """From parameters of ``argument_spec``; ``program`` is the path of the program. Raises StrongholdError."""
        command = COMMANDS[params["command"]]
        if params["state"] == "absent":
            return cls(command, False)
        service, timer = params["service"], params["timer"]
        reasons = _ill_matched(command, service, timer) or units.problems(service, timer or {})
        if reasons:
            attempt = f"accept the units of the command {command.name}"
            raise StrongholdError(platform.node(), attempt, "; ".join(reasons), "correct them")
        reached = {name: tuple(service[name] or ()) for name in _LISTS[1:]}
        state = tuple(dict.fromkeys((*command.state, *reached["state"])))
        reach = units.Reach(**{**reached, "state": state, "volumes": service["volumes"]})
        words = {
            name: service[name] for name in ("description", "kind", "timeout", "user", "on_failure", "restart", "background")
        }
        unit = units.Service(
            command.unit,
            command=f"{program} {command.name}",
            after=tuple(service["after"] or ()),
            limits=service["limits"] or {},
            reach=reach,
            afterwards=f"{program} {command.name} {command.afterwards}" if command.afterwards else "",
            **words,
        )
        return cls(
            command,
            True,
            _settings(command, params["settings"], params["login"]),
            unit.text(),
            "" if timer is None else units.Timer(service["description"], **timer).text(),
            tuple(path for path in reach.writes if path.startswith("/")),
        )

    def require_usable(self) -> None:
        """Raises StrongholdError where the command could not use its settings, or lacks a library on this host."""
        self.command.accept(json.loads(self.settings))
        self.command.require_libraries()


def _ill_matched(command: Command[Any], service: Mapping[str, Any] | None, timer: Mapping[str, Any] | None) -> list[str]:
    """Why these units cannot run the command, each a clause."""
    if service is None:
        return ["there is no service"]
    if command.endless:
        kind = ["it never ends, and the kind of its service is oneshot"] if service["kind"] == units.ONESHOT else []
        return kind + (["it never ends, and there is a timer"] if timer is not None else [])
    return ["there is no timer"] if timer is None else []


def _settings(command: Command[Any], settings: Mapping[str, Any], login: Mapping[str, Any] | None) -> str:
    """The command's file: what is unset is left out."""
    found = dict(settings)
    if command.connects and login is not None:
        found["login"] = {name: value for name, value in asdict(Login.from_params(dict(login))).items() if value is not None}
    return (json.dumps(found, indent=2, sort_keys=True) if found else "{}") + "\n"
