# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.text_options import misread_variables
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.topology import HostVars, derive

ROLES = Path(__file__).resolve().parents[2] / "roles"


@lru_cache(maxsize=1)
def variables() -> dict[str, Any]:
    """The variables of all roles, as their argument specs have them."""
    found: dict[str, Any] = {}
    for file in ROLES.glob("*/meta/argument_specs.yml"):
        specs = yaml.load(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
        for entry in specs["argument_specs"].values():
            found.update(entry.get("options") or {})
    return found


def require_text(hostvars: Any, hosts: Iterable[str]) -> None:
    """Raises StrongholdError for a variable that is no text and should be, before anything was done with it."""
    for host in hosts:
        # As they are written: a variable may need what is only known later.
        given: Mapping[str, Any] = hostvars.raw_get(host) if hasattr(hostvars, "raw_get") else hostvars[host]
        for reason in sorted(misread_variables(variables(), given)):
            raise StrongholdError(host, "accept the declaration", reason, "write it in quotes, or leave it out")


def topology(
    hostvars: HostVars, members: Sequence[str], backups: Sequence[str] = (), port: int = 27017, zones: Sequence[str] = ()
) -> dict[str, Any]:
    try:
        require_text(hostvars, (*members, *backups))
        return derive(hostvars, members, backups, int(port), zones)
    except StrongholdError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"topology": topology}
