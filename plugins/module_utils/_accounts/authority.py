# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which privilege a refused command lacked: mongod only says that one was missing. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Need = tuple[str, str]  # (action, database), the database empty for any

_SHOWN_BY = {"usersInfo": "viewUser", "rolesInfo": "viewRole"}
# Field of updateUser: action on the user's database.
_BY_FIELD = {"pwd": "changePassword", "customData": "changeCustomData"}


def needs(command: Mapping[str, Any], database: str) -> set[Need]:
    """What createUser, updateUser, dropUser, usersInfo or rolesInfo demands where it is sent to ``database``.

    Manual: the section "Required Access" of each command.
    """
    name = next(iter(command))
    if name in _SHOWN_BY:
        shown = command[name]
        databases = {each["db"] for each in shown} if isinstance(shown, list) else {database}
        return {(_SHOWN_BY[name], each) for each in databases}
    needed = {("grantRole", role["db"]) for role in command.get("roles", ())}
    if command.get("authenticationRestrictions") is not None:
        needed.add(("setAuthenticationRestriction", database))
    if name != "updateUser":
        return needed | {(name, database)}
    if "roles" in command:
        needed.add(("revokeRole", ""))
    return needed | {(action, database) for field, action in _BY_FIELD.items() if field in command}


def lacking(needed: Iterable[Need], privileges: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of ``needed`` that ``privileges`` do not hold, for people.

    ``privileges`` is authenticatedUserPrivileges of connectionStatus: a list of {resource, actions}.
    """
    return [
        f"{action} on {database or 'any database'}"
        for action, database in sorted(set(needed))
        if not any(_covers(privilege, action, database) for privilege in privileges)
    ]


def _covers(privilege: Mapping[str, Any], action: str, database: str) -> bool:
    resource = privilege["resource"]
    if not {action, "anyAction"} & set(privilege["actions"]):
        return False
    return bool(resource.get("anyResource")) or (resource.get("db") in ("", database) and not resource.get("collection"))
