# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared custom roles against stored ones, superusers, and privileges in words, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import privileges as sets
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.powers import Holder, superusers
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.role_server import needs
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.roles import (
    Role,
    Scene,
    StoredRole,
    decide,
    ordered,
    refuse_held,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.words import abilities, access
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError, StrongholdError

Keys = frozenset[tuple[str, str]]


def on(database: str, collection: str, *actions: str) -> dict[str, Any]:
    return {"resource": {"db": database, "collection": collection}, "actions": list(actions)}


def privileges(*items: dict[str, Any]) -> sets.Privileges:
    return sets.declared_privileges(items)


def keys(*names: str) -> Keys:
    return frozenset(Key("admin", name) for name in names)


def stored(*below: str, **fields: Any) -> StoredRole:
    defaults: dict[str, Any] = {
        "privileges": {},
        "roles": keys(*below),
        "inherited": keys(*below),
        "restrictions": (),
        "built_in": False,
    }
    return StoredRole(**{**defaults, **fields})


def scene(declared: list[Role], **there: StoredRole) -> Scene:
    return Scene({role.key: role for role in declared}, {Key("admin", name): role for name, role in there.items()})


def command(role: Role, there: StoredRole | None = None, **others: StoredRole) -> dict[str, Any] | None:
    known = {**others, **({role.name: there} if there else {})}
    step = decide(role, scene([role], **known), "db.example")
    return dict(step.command) if step else None


def order(*roles: Role, **there: StoredRole) -> list[str]:
    return [role.name for role in ordered(scene(list(roles), **there), "db.example")]


FIND = on("shop", "", "find")


def test_order_doubles_and_split_resources_make_no_difference() -> None:
    once = privileges(on("a", "", "find", "insert"), on("b", "c", "find"))
    assert once == privileges(on("b", "c", "find", "find"), on("a", "", "insert"), on("a", "", "find"))
    assert once != privileges(on("a", "", "find", "insert"), on("b", "", "find"))
    assert privileges(on("a", "", "find", "anyAction")) == privileges(on("a", "", "anyAction"))


def test_documents_are_what_the_server_takes() -> None:
    assert sets.documents(privileges({"resource": {"cluster": True}, "actions": ["top"]}, on("b", "c", "insert", "find"))) == [
        {"resource": {"cluster": True}, "actions": ["top"]},
        {"resource": {"db": "b", "collection": "c"}, "actions": ["find", "insert"]},
    ]


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"db": "a"},
        {"collection": "a"},
        {"cluster": False},
        {"cluster": True, "anyResource": True},
        {"cluster": True, "db": "a"},
    ],
)
def test_a_resource_that_means_nothing_is_refused(resource: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a resource has the keys db and collection"):
        privileges({"resource": resource, "actions": ["find"]})


def test_a_new_role_has_both_arrays() -> None:
    assert command(Role("a")) == {"createRole": "a", "privileges": [], "roles": []}
    whole = Role("a", privileges=privileges(FIND), roles=keys("b"), restrictions=({"clientSource": ["10.0.0.0/8"]},))
    assert command(whole, b=stored()) == {
        "createRole": "a",
        "privileges": [FIND],
        "roles": [{"role": "b", "db": "admin"}],
        "authenticationRestrictions": [{"clientSource": ["10.0.0.0/8"]}],
    }


FULL = stored("b", privileges=privileges(FIND), restrictions=({"clientSource": ["10.1.2.3/8"]},))


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role("a"), None),
        (Role("a", privileges=privileges(FIND), roles=keys("b"), restrictions=({"clientSource": ["10.0.0.0/8"]},)), None),
        (Role("a", privileges={}), {"updateRole": "a", "privileges": []}),
        (Role("a", roles=frozenset()), {"updateRole": "a", "roles": []}),
        (Role("a", restrictions=()), {"updateRole": "a", "authenticationRestrictions": []}),
        (Role("a", present=False), {"dropRole": "a"}),
    ],
)
def test_unset_keeps_and_empty_clears(role: Role, expected: dict[str, Any] | None) -> None:
    assert command(role, FULL, b=stored()) == expected


def test_absent_and_not_there_is_no_change() -> None:
    assert command(Role("a", present=False)) is None


def test_inherited_roles_come_first_and_heirs_go_first() -> None:
    assert order(Role("a", roles=keys("b")), Role("b", roles=keys("c")), Role("c")) == ["c", "b", "a"]
    gone = [Role(name, present=False) for name in "bca"]
    assert order(*gone, a=stored("b", "c"), b=stored("c"), c=stored()) == ["a", "b", "c"]
    assert order(Role("x", present=False), Role("y", roles=keys("z")), z=stored(), x=stored()) == ["y", "x"]


def test_a_chain_that_is_turned_round_begins_with_its_new_end() -> None:
    there = {"a": stored("b"), "b": stored("c"), "c": stored()}
    assert order(Role("a", roles=frozenset()), Role("b", roles=keys("a")), Role("c", roles=keys("b")), **there) == ["a", "b", "c"]


@pytest.mark.parametrize("there", [{}, {"b": stored("c"), "c": stored("a")}])
def test_a_circle_is_named_also_where_part_of_it_is_only_stored(there: dict[str, StoredRole]) -> None:
    declared = [Role("a", roles=keys("b"))]
    if not there:
        declared += [Role("b", roles=keys("c")), Role("c", roles=keys("a"))]
    with pytest.raises(
        StrongholdError,
        match=r"role (\w)@admin inherits role (\w)@admin, which inherits role (\w)@admin, which inherits role \1@admin",
    ):
        order(*declared, **there)


def test_an_old_link_that_is_cut_makes_no_circle() -> None:
    assert order(Role("a", roles=frozenset()), Role("b", roles=keys("u")), a=stored("b"), b=stored(), u=stored("a")) == ["a", "b"]


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (Role("a", roles=keys("nope")), r"does not exist \(role nope@admin\)"),
        (Role("a", database="shop", privileges=privileges(on("fin", "", "find"))), "cannot reach beyond it, to database fin"),
        (Role("a", database="shop", privileges=privileges(on("", "", "find"))), "cannot reach beyond it, to any database"),
        (
            Role("a", database="shop", roles=frozenset({Key("fin", "read")})),
            "cannot inherit one of another database, role read@fin",
        ),
        (Role("a", database="$external"), "holds no roles"),
        (Role("a", restrictions=({"clientSource": ["10.0.0.1", "x"]},)), r"no address or network \(x\)"),
        (Role("a", restrictions=({"clientSource": []},)), "names no address"),
        (Role("a", restrictions=({"clientSource": ["192.0.2.1"], "serverAddress": []},)), "names no address"),
    ],
)
def test_what_cannot_be_is_refused(role: Role, told: str) -> None:
    with pytest.raises(ItemError, match=told):
        command(role)


def test_a_role_that_goes_in_the_same_task_cannot_be_inherited() -> None:
    there = scene([Role("a", roles=keys("b")), Role("b", present=False)], b=stored())
    with pytest.raises(ItemError, match="does not exist"):
        decide(there.declared["admin", "a"], there, "db.example")


def test_built_in_roles_are_left_alone() -> None:
    for role in (Role("read"), Role("read", present=False)):
        with pytest.raises(ItemError, match="one of MongoDB's own roles"):
            command(role, stored(built_in=True))


def test_holders_are_named_the_first_of_many() -> None:
    refuse_held(Role("a"), [], "db.example")
    with pytest.raises(ItemError, match=r"from user u0@x, user u1@x, user u2@x, user u3@x, user u4@x and 3 more; take it"):
        refuse_held(Role("a"), [f"user u{number}@x" for number in range(8)], "db.example")


def test_needed_privileges_of_commands_about_roles() -> None:
    assert needs({"rolesInfo": [{"role": "a", "db": "x"}]}, "admin") == {("viewRole", "x")}
    assert needs({"rolesInfo": 1}, "x") == {("viewRole", "x")}
    create = {"createRole": "a", "privileges": [on("y", "", "find")], "roles": [{"role": "r", "db": "z"}]}
    assert needs(create, "x") == {("createRole", "x"), ("grantRole", "y"), ("grantRole", "z")}
    assert needs({"updateRole": "a", "roles": []}, "x") == {("revokeRole", "")}
    assert needs({"updateRole": "a", "authenticationRestrictions": []}, "x") == {("setAuthenticationRestriction", "x")}
    assert needs({"dropRole": "a"}, "x") == {("dropRole", "x")}


def holder(name: str, *items: dict[str, Any], database: str = "admin", roles: Keys = frozenset()) -> Holder:
    return Holder(Key(database, name), roles, privileges(*items))


def names(*holders: Holder, roles: tuple[Holder, ...] = ()) -> list[str]:
    return sorted(name for _database, name in superusers(holders, roles)[0])


def test_superusers_follow_from_privileges_and_from_each_other() -> None:
    boss = holder("boss", roles=keys("root"), database="shop")
    desk = holder("desk", on("shop", "", "changePassword"), database="fin")
    chain = holder("chain", on("fin", "", "changePassword"), database="help")
    assert names(desk, chain) == []
    assert names(chain, desk, boss) == ["boss", "chain", "desk"]
    anywhere = holder("anywhere", on("", "", "changePassword"), database="fin")
    assert names(anywhere, holder("boss", roles=keys("root"), database="$external")) == ["boss"]


def test_nobody_gains_by_the_own_password() -> None:
    alone = holder("alone", on("admin", "", "changePassword"))
    assert names(alone) == []
    writer = holder("writer", on("admin", "", "changePassword"), on("admin", "system.users", "update"))
    assert superusers([writer], [])[0]["admin", "writer"] == ["may write admin.system.users, where accounts are kept"]


def test_an_empty_name_stands_for_any_but_not_for_what_the_system_keeps() -> None:
    anything = privileges(on("", "", "find"))
    assert sets.covers(anything, "find", "shop", "orders")
    assert sets.covers(anything, "find", "shop")
    assert not sets.covers(anything, "find", "admin", "system.users")
    assert not sets.covers(privileges(on("shop", "orders", "find")), "find", "shop")
    assert sets.covers(privileges({"resource": {"anyResource": True}, "actions": ["find"]}), "find", "admin", "system.users")
    assert not sets.covers(privileges({"resource": {"cluster": True}, "actions": ["find"]}), "find", "admin")


def test_who_can_give_a_mighty_role_is_mighty() -> None:
    giver = holder("giver", on("shop", "", "grantRole"))
    mighty = holder("mighty", roles=keys("root"), database="shop")
    assert names(giver) == []
    assert names(giver, roles=(mighty,)) == ["giver"]
    assert superusers([giver], [mighty])[0]["admin", "giver"] == [
        "may give the role mighty@shop, which is as good as root (grantRole on shop)"
    ]


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (["find"], ["read"]),
        (["insert"], ["add"]),
        (["insert", "update", "remove", "find", "collStats"], ["read", "write"]),
        (["viewUser"], ["see accounts and roles"]),
        (["viewUser", "dropUser"], ["drop accounts and roles", "see accounts and roles"]),
        (
            [*("createUser", "dropRole", "grantRole", "changePassword", "changeCustomData", "viewUser", "find")],
            ["read", "manage accounts and roles"],
        ),
        (["collStats"], ["see names and statistics"]),
        (["anyAction"], ["do anything"]),
        (["madeUpLater", "find"], ["read", "madeUpLater"]),
    ],
)
def test_actions_in_words(actions: list[str], told: list[str]) -> None:
    assert abilities(actions) == told


def test_access_says_nothing_twice() -> None:
    found = access(
        privileges(
            on("", "", "find"),
            on("shop", "", "find", "insert"),
            on("shop", "system.js", "find", "insert"),
            on("shop", "log", "remove"),
            on("fin", "", "find"),
            {"resource": {"cluster": True}, "actions": ["serverStatus"]},
        )
    )
    assert found == [
        ("the servers", ["watch"]),
        ("every database", ["read"]),
        ("database shop", ["read", "add"]),
        ("database shop, collection log", ["delete"]),
    ]


@pytest.mark.parametrize("value", [False, True, 1.5])
def test_a_resource_on_what_is_no_name_is_refused(value: Any) -> None:
    for resource in ({"db": value, "collection": "x"}, {"db": "x", "collection": value}):
        with pytest.raises(ValueError, match="write it in quotes"):
            sets.declared_privileges([{"resource": resource, "actions": ["find"]}])


def test_a_resource_with_numbers_for_names() -> None:
    found = sets.declared_privileges([{"resource": {"db": 2024, "collection": ""}, "actions": ["find"]}])
    assert list(found) == [(("collection", ""), ("db", "2024"))]
