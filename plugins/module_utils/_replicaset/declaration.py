# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the options that declare a set. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.names import name_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.text_options import misread
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import PENDING_TAG, Wanted

MEMBER_SPEC: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "required": True},
    "zone": {"type": "str"},
    "priority": {"type": "float"},
    "votes": {"type": "int"},
    "tags": {"type": "dict"},
    "hidden": {"type": "bool"},
    "secondary_delay_secs": {"type": "int"},
    "arbiter_only": {"type": "bool"},
}
SETTINGS_SPEC: dict[str, dict[str, Any]] = {
    "chainingAllowed": {"type": "bool"},
    "heartbeatTimeoutSecs": {"type": "int"},
    "electionTimeoutMillis": {"type": "int"},
    "catchUpTimeoutMillis": {"type": "int"},
    "catchUpTakeoverDelayMillis": {"type": "int"},
    "getLastErrorModes": {"type": "dict"},
}
WRITE_CONCERN_SPEC: dict[str, dict[str, Any]] = {
    "w": {"type": "raw", "required": True},
    "j": {"type": "bool"},
    "wtimeout": {"type": "int"},
}
_FIELDS = {"votes": "votes", "hidden": "hidden", "secondary_delay_secs": "delay", "arbiter_only": "arbiter"}


@dataclass(frozen=True)
class Declaration:
    """What is asked for; None is not said. ``write_concern`` holds w and perhaps j and wtimeout (milliseconds)."""

    name: str
    members: Sequence[Wanted] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    write_concern: Mapping[str, Any] | None = None
    allow: Sequence[str] = ()


def parse_members(entries: Sequence[Any] | None) -> list[Wanted] | None:
    """The declared members, each a string or a dict of ``MEMBER_SPEC``; raises ValueError naming the entry at fault."""
    return None if entries is None else [_parse_member(entry) for entry in entries]


def _parse_member(entry: Any) -> Wanted:
    if isinstance(entry, str):
        return Wanted(parse_address(entry))
    if not isinstance(entry, Mapping):
        raise ValueError(  # noqa: TRY004 - a user's mistake like the others
            f"'{entry}' is neither a string nor a dictionary"
        )
    for reason in misread(MEMBER_SPEC, entry):
        raise ValueError(f"member '{entry.get('host', entry)}': {reason}")
    checked = ArgumentSpecValidator(MEMBER_SPEC).validate(dict(entry))
    if checked.error_messages:
        raise ValueError(f"member '{entry.get('host', entry)}': {'; '.join(checked.error_messages)}")
    values = {name: value for name, value in checked.validated_parameters.items() if value is not None}
    fields = {field: values[name] for name, field in _FIELDS.items() if name in values}
    if "priority" in values:
        fields["priority"] = int(values["priority"]) if values["priority"].is_integer() else values["priority"]
    if "tags" in values:
        fields["tags"] = _tags(values)
    return Wanted(parse_address(values["host"]), values.get("zone"), fields)


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    tags = {
        name_of(name, "the name of a tag"): name_of(value, f"the tag {name}", empty=True)
        for name, value in values["tags"].items()
    }
    if "zone" in tags and "zone" in values and tags["zone"] != values["zone"]:
        raise ValueError(f"member '{values['host']}': zone is '{values['zone']}' but its tag zone is '{tags['zone']}'")
    if PENDING_TAG in tags:
        raise ValueError(f"member '{values['host']}': the tag {PENDING_TAG} is the module's own")
    return tags


def parse_modes(modes: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """getLastErrorModes with numbers as numbers, which templates often hand over as strings; raises ValueError."""
    parsed = {}
    for name, tags in modes.items():
        if not isinstance(tags, Mapping):
            raise ValueError(f"the mode '{name}' of getLastErrorModes is not a dictionary of tags and counts")  # noqa: TRY004
        if not all(str(count).isdecimal() for count in tags.values()):
            raise ValueError(f"the mode '{name}' of getLastErrorModes has a count that is no whole number")
        parsed[name_of(name, "a mode of getLastErrorModes")] = {
            name_of(tag, f"a tag of the mode {name}"): int(count) for tag, count in tags.items()
        }
    return parsed


def parse_write_concern(concern: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What was said of the default write concern; a ``w`` of digits is a number."""
    if concern is None:
        return None
    said = {name: value for name, value in concern.items() if value is not None}
    wanted = said.get("w")
    if isinstance(wanted, bool) or not isinstance(wanted, (int, str)) or wanted == "":
        raise ValueError(f"w of default_write_concern is '{wanted}'")
    return {**said, "w": int(wanted) if str(wanted).isdigit() else wanted}
