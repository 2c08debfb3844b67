# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Custom roles of a running server: reading them and their holders, and making them as ``roles`` decided.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.authority import Need
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import Step
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.own import OWN_ROLES
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.roles import (
    Role,
    Scene,
    StoredRole,
    decide,
    ordered,
    refuse_held,
    title_of,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import (
    READ_AT_ONCE,
    Accounts,
    Outrun,
    Refused,
    tries,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Change, Instead, Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code


class Roles(Accounts):
    """The custom roles that a client can manage."""

    def stored(self, keys: Iterable[Key]) -> dict[Key, StoredRole]:
        """Those of ``keys`` that exist, with all that they have. Raises ItemError, and StrongholdError for the connection."""
        found: dict[Key, StoredRole] = {}
        wanted = sorted(set(keys))
        for start in range(0, len(wanted), READ_AT_ONCE):
            page = [key.document("role") for key in wanted[start : start + READ_AT_ONCE]]
            command = {"rolesInfo": page, "showPrivileges": True, "showAuthenticationRestrictions": True}
            for document in self.ask("admin", command, "read the roles")["roles"]:
                found[Key.of(document, "role")] = StoredRole.from_document(document)
        return found

    def scene(self, declared: Sequence[Role]) -> Scene:
        """The declared roles, as they are, and all that they inherit or shall inherit."""
        roles = {role.key: role for role in declared}
        stored: dict[Key, StoredRole] = {}
        wanted = {*roles, *(key for role in declared for key in role.roles or ())}
        while wanted:
            found = self.stored(wanted)
            stored.update(found)
            wanted = {key for role in found.values() for key in role.inherited} - stored.keys()
        return Scene(roles, stored)

    def custom(self, databases: Iterable[str]) -> list[Key]:
        """All custom roles that are defined in ``databases``."""
        return [key for database in sorted(set(databases)) for key in sorted(self._beside(database))]

    def holders(self, keys: Collection[Key]) -> dict[Key, set[str]]:
        """Who has each of these roles directly."""
        held: dict[Key, set[str]] = {key: set() for key in keys}
        if not held:
            return held
        wanted = {"$elemMatch": {"$or": [key.document("role") for key in sorted(held)]}}
        command = {"usersInfo": {"forAllDBs": True}, "filter": {"roles": wanted}}
        for user in self.ask("admin", command, "find who has the roles")["users"]:
            for role in user["roles"]:
                held.get(Key.of(role, "role"), set()).add(f"user {Key.of(user, 'user')}")
        # Only a role of admin can inherit one of another database.
        for database in sorted({"admin", *(key.database for key in held)}):
            for heir, inherited in self._beside(database).items():
                for key in inherited & held.keys():
                    held[key].add(title_of(heir))
        return held

    def _beside(self, database: str) -> dict[Key, frozenset[Key]]:
        """The custom roles of a database, each with those directly below it."""
        answer = self.ask(database, {"rolesInfo": 1}, f"list the roles of {database}")["roles"]
        return {Key.of(role, "role"): frozenset(Key.of(each, "role") for each in role["roles"]) for role in answer}

    def _needs(self, command: Mapping[str, Any], database: str) -> set[Need]:
        return needs(command, database)


def needs(command: Mapping[str, Any], database: str) -> set[Need]:
    """What a command about roles demands where it is sent to ``database`` (manual, "Required Access" of each command)."""
    name = next(iter(command))
    if name == "usersInfo":
        return {("viewUser", "")}
    if name == "rolesInfo":
        roles = command[name]
        return {("viewRole", role["db"]) for role in roles} if isinstance(roles, list) else {("viewRole", database)}
    # Privileges on the cluster or on everything are given by who may give roles of admin.
    given = {role["db"] for role in command.get("roles", ())}
    given |= {privilege["resource"].get("db", "admin") for privilege in command.get("privileges", ())}
    needed = {("grantRole", where) for where in given}
    if command.get("authenticationRestrictions") is not None:
        needed.add(("setAuthenticationRestriction", database))
    if name != "updateRole":
        return needed | {(name, database)}
    return needed | ({("revokeRole", "")} if {"roles", "privileges"} & set(command) else set())


def surplus_roles(server: Roles, declared: Sequence[Role], databases: Sequence[str]) -> list[Role]:
    """The custom roles of ``databases`` that are neither declared nor of the collection itself, as roles that are to go."""
    named = {role.key for role in declared} | OWN_ROLES
    return [Role(key.name, key.database, present=False) for key in server.custom(databases) if key not in named]


def plan_roles(server: Roles, declared: Sequence[Role]) -> Plan:
    """The changes that ``declared`` needs. What cannot be is among the plan's failures. Raises StrongholdError."""
    scene = server.scene(declared)
    roles = ordered(scene, server.host)
    holders = server.holders([role.key for role in roles if not role.present and role.key in scene.stored])
    plan = Plan()
    for role in roles:
        try:
            step = decide(role, scene, server.host)
            if step and not role.present:
                refuse_held(role, _remaining(holders[role.key], scene, role.key, plan), server.host)
        except ItemError as error:
            plan.failures[role.title] = error
            continue
        if step:
            plan.changes.append(_change(server, role, scene, step))
    return plan


def _remaining(holders: Collection[str], scene: Scene, key: Key, plan: Plan) -> list[str]:
    """Those of the holders that still have the role when all that was planned before it is done."""
    losing = {
        role.title
        for role in scene.declared.values()
        if role.title not in plan.failures and (not role.present or key not in scene.below(role.key))
    }
    return [holder for holder in holders if holder not in losing]


def _change(server: Roles, role: Role, scene: Scene, step: Step) -> Change:
    return Change(step.summary, role.title, step.before, step.after, lambda: carry_out(server, role, scene, step))


def carry_out(server: Roles, role: Role, scene: Scene, step: Step) -> Instead | None:
    """Make the change, or what has become of it where others change the same role meanwhile.

    None when ``step`` itself was made. Raises ItemError and StrongholdError.
    """
    planned, uncertain, hopeless = step, False, False
    for turn in tries():
        if turn.number > 1:
            again = decide(role, Scene(scene.declared, server.scene([role]).stored), server.host)
            if again is None:
                return None if uncertain else Instead()
            if again == step and hopeless:
                break
            step = again
        try:
            if not role.present:
                refuse_held(role, server.holders([role.key])[role.key], server.host)
            server.change(role.database, step.command, step.summary)
            return None if step is planned else Instead((_change(server, role, scene, step),))
        except Outrun as outrun:
            failure = outrun
        except Refused as error:
            if error.code not in (Code.ROLE_NOT_FOUND, Code.ROLE_EXISTS):
                raise
            failure = Outrun(error)
        uncertain = uncertain or failure.uncertain
        hopeless = not failure.uncertain and isinstance(failure.error, ItemError)
    raise failure.error from failure
