# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who can make themselves anything, decided from effective privileges. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import EXTERNAL, Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import ANYTHING, Privileges, covers

ALMIGHTY = (("admin", "root"), ("admin", "__system"))
# Where accounts and roles are stored. Being able to write there is being able to write oneself a role.
STORES = {"system.users": "accounts", "system.roles": "roles"}


@dataclass(frozen=True)
class Holder:
    """An account or a custom role with all that it has, inherited or not."""

    key: Key
    roles: frozenset[Key]
    privileges: Privileges


def lifts_end(privileges: Privileges, database: str) -> list[str]:
    """Ways in which an account of ``database`` with ``privileges`` could lift its own end, or outlive it as somebody else.

    Clauses about it, such as "may create accounts (createUser on shop)".
    """
    if ANYTHING in privileges.get((("anyResource", True),), ()):
        return ["may do anything to everything"]
    own = {"changeOwnCustomData": "may change what is kept with it", "changeCustomData": "may change what is kept with accounts"}
    reasons = [f"{words} ({action} on {database})" for action, words in own.items() if covers(privileges, action, database)]
    others = {
        "createUser": "may create accounts",
        "grantRole": "may give roles",
        "changePassword": "may set the passwords of others",
    }
    for action, words in others.items():
        reasons += [f"{words} ({action} on {place or 'any database'})" for place in _wherever(privileges, action)[:1]]
    return reasons + _writes(privileges)


def _wherever(privileges: Privileges, action: str) -> list[str]:
    """Databases on which as a whole an action is allowed, the empty name for any."""
    places = ((dict(resource), actions) for resource, actions in privileges.items())
    return sorted(
        fields["db"]
        for fields, actions in places
        if "db" in fields and not fields.get("collection") and not actions.isdisjoint({action, ANYTHING})
    )


def _writes(privileges: Privileges) -> list[str]:
    return [
        f"may write admin.{store}, where {what} are kept"
        for store, what in STORES.items()
        if any(covers(privileges, action, "admin", store) for action in ("insert", "update"))
    ]


def superusers(accounts: Sequence[Holder], roles: Sequence[Holder]) -> tuple[dict[Key, list[str]], dict[Key, list[str]]]:
    """Those of the accounts, and those of the roles, that lead to every privilege there is, with the reasons in words.

    createUser, createRole and updateRole lead nowhere by themselves: a server lets nobody give a role or a privilege who
    lacks grantRole where that is defined (manual, "Privilege Actions").
    """
    found_accounts: dict[Key, list[str]] = {}
    found_roles: dict[Key, list[str]] = {}
    while True:  # whoever commands a superuser is one: until nobody is added
        more_accounts = _reasons(accounts, found_accounts, found_roles, themselves=True)
        more_roles = _reasons(roles, found_accounts, found_roles, themselves=False)
        if (more_accounts.keys(), more_roles.keys()) == (found_accounts.keys(), found_roles.keys()):
            return more_accounts, more_roles
        found_accounts, found_roles = more_accounts, more_roles


def _reasons(
    holders: Iterable[Holder], accounts: Mapping[Key, object], roles: Mapping[Key, object], *, themselves: bool
) -> dict[Key, list[str]]:
    """``accounts`` and ``roles`` are the superusers known so far; an account gains nothing from its own password."""
    told = {holder.key: _of_one(holder, accounts, roles, holder.key if themselves else None) for holder in holders}
    return {key: reasons for key, reasons in told.items() if reasons}


def _of_one(holder: Holder, accounts: Mapping[Key, object], roles: Mapping[Key, object], itself: Key | None) -> list[str]:
    almighty = [name for database, name in ALMIGHTY if (database, name) in holder.roles]
    if almighty:
        return [f"has the role {name}" for name in almighty]
    if ANYTHING in holder.privileges.get((("anyResource", True),), ()):
        return ["may do anything to everything"]
    if covers(holder.privileges, "grantRole", "admin"):
        return ["may give any role of the cluster to anybody (grantRole on admin)"]
    reasons = _writes(holder.privileges)
    reasons += [
        f"may give the role {key}, which is as good as root (grantRole on {key.database})"
        for key in sorted(roles)
        if covers(holder.privileges, "grantRole", key.database)
    ]
    victims = [key for key in sorted(accounts) if key.database != EXTERNAL and key != itself]
    commanded = next((key for key in victims if covers(holder.privileges, "changePassword", key.database)), None)
    if commanded:
        reasons.append(f"may set the password of the superuser {commanded} (changePassword on {commanded.database})")
    return reasons
