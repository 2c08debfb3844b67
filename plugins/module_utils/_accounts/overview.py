# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has which effective privileges, from when to when and from where: JSON-like results without credentials. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import privileges as sets
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import Offer
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.directory import PROBLEM, Document
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import (
    grant_of,
    is_expired,
    is_marked,
    is_unreadable,
    public,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.own import is_own
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.plain import plain
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.powers import Holder, lifts_end, superusers
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.restrictions import Restriction, comparable, flat
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.roles import title_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.scram import STRONGEST_FIRST


def wanted_argument_spec() -> dict[str, dict[str, Any]]:
    """Which entries to show; documented in the doc fragment ``many``."""
    names = {"type": "list", "elements": "str", "default": []}
    return {"databases": names, "names": names}


@dataclass(frozen=True)
class Wanted:
    """Which entries to show: those of these databases, with these names; empty means all."""

    databases: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Wanted:
        """From module parameters of ``wanted_argument_spec``."""
        return cls(frozenset(params["databases"]), frozenset(params["names"]))

    def includes(self, key: Key) -> bool:
        return (not self.databases or key.database in self.databases) and (not self.names or key.name in self.names)


def user_entries(
    users: Sequence[Document], roles: Sequence[Document], now: datetime, wanted: Wanted, offer: Offer | None = None
) -> list[dict[str, Any]]:
    """An entry for each wanted user. All users and roles are given, as who commands a superuser is one.

    ``offer`` is what the server offers, None where that is not known.
    """
    almighty, _roles = superusers([_holder(user, "user") for user in users], [_holder(role, "role") for role in roles])
    return [_user_entry(user, almighty.get(Key.of(user, "user"), []), now, offer) for user in _chosen(users, "user", wanted)]


def role_entries(users: Sequence[Document], roles: Sequence[Document], wanted: Wanted) -> list[dict[str, Any]]:
    """An entry for each wanted custom role."""
    _users, almighty = superusers([_holder(user, "user") for user in users], [_holder(role, "role") for role in roles])
    held = _held_by(users, roles)
    return [
        _role_entry(role, almighty.get(Key.of(role, "role"), []), held.get(Key.of(role, "role"), []))
        for role in _chosen(roles, "role", wanted)
    ]


def _user_entry(user: Document, because: list[str], now: datetime, offer: Offer | None) -> dict[str, Any]:
    own, custom_data = flat(user.get("authenticationRestrictions")), user.get("customData") or {}
    grant = grant_of(custom_data)
    return {
        "name": user["user"],
        "database": user["db"],
        **_common(user, because, [own, *(user.get("inheritedAuthenticationRestrictions") or ())]),
        "mechanisms": sorted(user.get("mechanisms") or ()),
        "usable_mechanisms": offer and _usable(user.get("mechanisms") or (), offer.mechanisms),
        "authentication_restrictions": comparable(own),
        "grant": grant
        and {
            "valid_until": plain(grant.valid_until),
            "granted_by": grant.granted_by,
            "reason": grant.reason,
            "granted_at": plain(grant.granted_at),
            "expired": is_expired(grant, now),
        },
        "internal": _is_own(user),
        "findings": _findings(user),
        "custom_data": plain(public(custom_data)),
    }


def _is_own(user: Document) -> bool:
    return is_own(Key.of(user, "user"), [Key.of(role, "role") for role in user["roles"]])


def _findings(user: Document) -> list[str]:
    """What an account says of itself and should not, or what its end is worth. Clauses about it."""
    custom_data, found = user.get("customData") or {}, []
    if is_marked(custom_data) and not _is_own(user):
        found.append("says that it is an account of this collection, and is none")
    if is_unreadable(custom_data):
        found.append("has an end that is no date, so that it never comes")
    if grant_of(custom_data):
        reasons = lifts_end(_effective(user), user["db"])
        found += [f"could lift its own end, or outlive it as another: it {' and '.join(reasons)}"] if reasons else []
    return found


def _usable(stored: Iterable[str], offered: frozenset[str]) -> list[str]:
    """Those of an account's mechanisms by which the server lets it log in; "external" stands for all that are not SCRAM."""
    known = offered | ({"external"} if offered - set(STRONGEST_FIRST) else set())
    return sorted(known.intersection(stored))


def _role_entry(role: Document, because: list[str], held_by: list[str]) -> dict[str, Any]:
    return {
        "name": role["role"],
        "database": role["db"],
        **_common(role, because, role.get("inheritedAuthenticationRestrictions") or ()),
        "privileges": sets.documents(sets.merged(role.get("privileges") or ())),
        "authentication_restrictions": comparable(flat(role.get("authenticationRestrictions"))),
        "held_by": held_by,
    }


def _common(document: Document, because: list[str], restrictions: Iterable[Sequence[Restriction]]) -> dict[str, Any]:
    return {
        "roles": _references(document["roles"]),
        "inherited_roles": _references(document.get("inheritedRoles") or ()),
        "effective_privileges": sets.documents(_effective(document)),
        "superuser": bool(because),
        "superuser_because": because,
        "address_restricted": any(_confines(each) for each in restrictions),
        "problem": document.get(PROBLEM),
    }


def _confines(restrictions: Sequence[Restriction]) -> bool:
    """Whether a login has to come from a declared source. It must satisfy one element of the list, all keys of it."""
    sources = [entry.get("clientSource") or ["::/0"] for entry in restrictions]
    return bool(sources) and all(_prefix(source) > 0 for listed in sources for source in listed)


def _prefix(source: str) -> int:
    try:
        return ipaddress.ip_network(source, strict=False).prefixlen
    except ValueError:
        return 0


def _holder(document: Document, noun: str) -> Holder:
    inherited = document.get("inheritedRoles") or ()
    return Holder(Key.of(document, noun), frozenset(Key.of(role, "role") for role in inherited), _effective(document))


def _effective(document: Document) -> sets.Privileges:
    return sets.merged(document.get("inheritedPrivileges") or ())


def _held_by(users: Iterable[Document], roles: Iterable[Document]) -> dict[Key, list[str]]:
    """Role -> who has it directly."""
    found: dict[Key, list[str]] = {}
    for documents, title in ((users, _user_title), (roles, lambda role: title_of(Key.of(role, "role")))):
        for document in documents:
            for role in document["roles"]:
                found.setdefault(Key.of(role, "role"), []).append(title(document))
    return found


def _user_title(user: Document) -> str:
    return f"user {Key.of(user, 'user')}"


def _chosen(documents: Iterable[Document], noun: str, wanted: Wanted) -> list[Document]:
    return sorted((each for each in documents if wanted.includes(Key.of(each, noun))), key=lambda each: Key.of(each, noun))


def _references(roles: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [key.document("role") for key in sorted(Key.of(role, "role") for role in roles)]
