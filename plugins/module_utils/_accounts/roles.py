# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared custom roles against stored ones: in which order, by which commands, and what is refused. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import privileges as sets
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import Step
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import Privileges
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.restrictions import (
    Restrictions,
    comparable,
    declared_restrictions,
    flat,
    require_addresses,
    restriction_argument_spec,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import roles_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError, StrongholdError

WITHOUT_ROLES = ("local", "$external")
NAMED_AT_MOST = 5


def role_argument_spec() -> dict[str, dict[str, Any]]:
    """The options of one role, for a module's top level or for the elements of a list."""
    return {
        "name": {"type": "str", "aliases": ["role"]},
        "database": {"type": "str", "default": "admin", "aliases": ["db"]},
        "privileges": sets.privilege_argument_spec(),
        "roles": {"type": "list", "elements": "raw"},
        "authentication_restrictions": restriction_argument_spec(),
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def title_of(key: Key) -> str:
    return f"role {key}"


@dataclass(frozen=True)
class Role:
    """What is declared of a custom role; None means keep what is there, empty means clear. ``roles`` are those it inherits."""

    name: str
    database: str = "admin"
    privileges: Privileges | None = None
    roles: frozenset[Key] | None = None
    restrictions: Restrictions | None = None
    present: bool = True

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Role:
        """From module parameters of ``role_argument_spec``. Raises ValueError for a malformed role or privilege."""
        given, inherited = params["privileges"], params["roles"]
        return cls(
            name=params["name"],
            database=params["database"],
            privileges=None if given is None else sets.declared_privileges(given),
            roles=None if inherited is None else roles_of(inherited, params["database"]),
            restrictions=declared_restrictions(params["authentication_restrictions"]),
            present=params["state"] == "present",
        )

    @property
    def key(self) -> Key:
        return Key(self.database, self.name)

    @property
    def title(self) -> str:
        return title_of(self.key)


@dataclass(frozen=True)
class StoredRole:
    """A role as the server has it. ``inherited`` are all the roles below it, ``roles`` those directly below."""

    privileges: Privileges
    roles: frozenset[Key]
    inherited: frozenset[Key]
    restrictions: Restrictions
    built_in: bool

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StoredRole:
        """From an element of ``rolesInfo``'s answer."""
        return cls(
            privileges=sets.merged(document.get("privileges") or ()),
            roles=_keys(document["roles"]),
            inherited=_keys(document.get("inheritedRoles") or ()),
            restrictions=flat(document.get("authenticationRestrictions")),
            built_in=document["isBuiltin"],
        )


@dataclass(frozen=True)
class Scene:
    """What is declared and what is stored of the roles that matter. A declared role that is not listed is left as it is."""

    declared: Mapping[Key, Role]
    stored: Mapping[Key, StoredRole]

    def below(self, key: Key) -> frozenset[Key]:
        """The roles directly below one, once all is as declared; of a role that goes, those below it now."""
        role = self.declared.get(key)
        if role and role.present and role.roles is not None:
            return role.roles
        return self.stored[key].roles if key in self.stored else frozenset()

    def will_exist(self, key: Key) -> bool:
        return self.declared[key].present if key in self.declared else key in self.stored


def ordered(scene: Scene, host: str) -> list[Role]:
    """Those that are to exist, inherited ones first, then those that go, their heirs first.

    Raises StrongholdError where roles would inherit each other.
    """
    graph = {key: sorted(scene.below(key)) for key in dict.fromkeys((*scene.declared, *scene.stored))}
    try:
        sequence = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = [title_of(key) for key in reversed(error.args[1])]
        raise StrongholdError(
            host,
            "put the roles in order",
            f"{circle[0]} inherits {', which inherits '.join(circle[1:])}",
            "let one of them inherit less",
        ) from None
    roles = [scene.declared[key] for key in sequence if key in scene.declared]
    return [role for role in roles if role.present] + [role for role in reversed(roles) if not role.present]


def decide(role: Role, scene: Scene, host: str) -> Step | None:
    """The change that a role needs. Raises ItemError for what cannot be done; who holds a role that goes is not looked at."""
    stored = scene.stored.get(role.key)
    if stored and stored.built_in:
        raise ItemError(host, f"manage {role.title}", "it is one of MongoDB's own roles", "choose another name")
    if not role.present:
        return Step(f"drop {role.title}", _stored(stored), None, {"dropRole": role.name}) if stored else None
    _require_possible(role, scene, host)
    return _update(role, stored) if stored else _create(role)


def refuse_held(role: Role, holders: Collection[str], host: str) -> None:
    """Raise ItemError if anybody has the role: dropping it would take it from them without a word."""
    if not holders:
        return
    names = sorted(holders)
    told = ", ".join(names[:NAMED_AT_MOST]) + (f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else "")
    raise ItemError(host, f"drop {role.title}", f"it would silently be taken from {told}", "take it from them first")


def _require_possible(role: Role, scene: Scene, host: str) -> None:
    attempt = f"have {role.title}"
    if role.database in WITHOUT_ROLES:
        raise ItemError(host, attempt, f"the database {role.database} holds no roles", "define it in another one, such as admin")
    outside = sets.foreign(role.privileges or {}, role.database)
    if outside:
        reason = f"a role of {role.database} cannot reach beyond it, to {sets.in_words(outside[0])}"
        raise ItemError(host, attempt, reason, "define it in admin")
    if role.database != "admin":
        strangers = sorted(key for key in role.roles or () if key.database != role.database)
        if strangers:
            reason = f"a role of {role.database} cannot inherit one of another database, {title_of(strangers[0])}"
            raise ItemError(host, attempt, reason, "define it in admin")
    missing = sorted(title_of(key) for key in role.roles or () if not scene.will_exist(key))
    if missing:
        told = f"what it inherits does not exist ({', '.join(missing)})"
        raise ItemError(host, attempt, told, "declare that role, too, or correct its name and database")
    require_addresses(role.restrictions, host, attempt)


def _create(role: Role) -> Step:
    whole = replace(role, privileges=role.privileges or {}, roles=role.roles or frozenset())
    return Step(f"create {role.title}", None, _declared(whole), {"createRole": role.name, **_arguments(whole)})


def _update(role: Role, stored: StoredRole) -> Step | None:
    changed = replace(
        role,
        privileges=role.privileges if role.privileges != stored.privileges else None,
        roles=role.roles if role.roles != stored.roles else None,
        restrictions=None if comparable(role.restrictions or ()) == comparable(stored.restrictions) else role.restrictions,
    )
    names = list(_declared(changed))
    if not names:
        return None
    before = _stored(stored) or {}
    summary = f"update {role.title}: {', '.join(names)}"
    return Step(summary, before, {**before, **_declared(changed)}, {"updateRole": role.name, **_arguments(changed)})


def _arguments(role: Role) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if role.privileges is not None:
        found["privileges"] = sets.documents(role.privileges)
    if role.roles is not None:
        found["roles"] = [key.document("role") for key in sorted(role.roles)]
    if role.restrictions is not None:
        found["authenticationRestrictions"] = list(role.restrictions)
    return found


def _declared(role: Role) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if role.privileges is not None:
        shown["privileges"] = sets.lines(role.privileges)
    if role.roles is not None:
        shown["roles"] = names_of(role.roles)
    if role.restrictions is not None:
        shown["authentication_restrictions"] = comparable(role.restrictions)
    return shown


def _stored(stored: StoredRole | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    return {
        "privileges": sets.lines(stored.privileges),
        "roles": names_of(stored.roles),
        "authentication_restrictions": comparable(stored.restrictions),
    }


def names_of(keys: Iterable[Key]) -> list[str]:
    return sorted(map(str, keys))


def _keys(items: Sequence[Mapping[str, str]]) -> frozenset[Key]:
    return frozenset(Key.of(item, "role") for item in items)
