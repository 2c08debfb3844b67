# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What many users at once are decided by: purge, missing privileges, plans in which one item fails."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.authority import lacking, needs
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import reachable_superusers
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.purge import Purge, undeclared
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import Items
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Change, Instead, Plan


def document(name: str, **custom_data: Any) -> dict[str, Any]:
    return {"user": name, "db": "shop", "roles": [], **({"customData": custom_data} if custom_data else {})}


@pytest.mark.parametrize(
    ("protected", "gone"),
    [
        (set(), ["old", "a@b", "marked"]),
        ({"old"}, ["a@b", "marked"]),
        ({"old@shop", "a@b"}, ["marked"]),
        ({"old@admin", "a", "a@b@admin", "MARKED"}, ["old", "a@b", "marked"]),
        ({"a@b@shop"}, ["old", "marked"]),
    ],
)
def test_a_purge_spares_the_declared_the_protected_and_the_one_in_use_whatever_others_say_of_themselves(
    protected: set[str], gone: list[str]
) -> None:
    documents = [
        *(document(name) for name in ("kept", "old", "me", "a@b")),
        document("marked", stronghold={"internal": True}),
    ]
    doomed = undeclared(Purge(("shop",), frozenset(protected)), documents, {("shop", "kept")}, {("shop", "me")})
    assert [user.name for user in doomed] == gone
    assert {(user.database, user.present) for user in doomed} == {("shop", False)}


EXPIRY, BACKUP, ROTATION = "stronghold_expiry", "stronghold_backup", "stronghold_rotation"


@pytest.mark.parametrize(
    ("name", "database", "roles", "own"),
    [
        (EXPIRY, "admin", [EXPIRY], True),
        (EXPIRY, "admin", [], True),
        (BACKUP, "admin", [BACKUP], True),
        (BACKUP, "admin", [EXPIRY], False),
        (EXPIRY, "admin", [EXPIRY, "root"], False),
        (EXPIRY, "shop", [EXPIRY], False),
        ("CN=db-a,OU=clients,O=orders", "$external", [ROTATION], True),
        ("CN=db-a,OU=clients,O=orders", "$external", [ROTATION, "read"], False),
        ("CN=db-a,OU=clients,O=orders", "$external", [], False),
        (ROTATION, "admin", [ROTATION], False),
    ],
)
def test_a_purge_knows_the_collections_own_by_what_only_a_superuser_gives(
    name: str, database: str, roles: list[str], own: bool
) -> None:
    account = {"user": name, "db": database, "roles": [{"role": role, "db": "admin"} for role in roles]}
    assert undeclared(Purge((database,)), [account], set(), set()) == ([] if own else [User(name, database, present=False)])


def test_the_same_name_elsewhere_spares_nobody() -> None:
    doomed = undeclared(Purge(("shop",)), [document("kept")], {("admin", "kept")}, {("admin", "kept")})
    assert [user.key for user in doomed] == [("shop", "kept")]


CREATE = {
    "createUser": "u",
    "pwd": "x",
    "customData": {},
    "roles": [{"role": "read", "db": "other"}],
    "authenticationRestrictions": [],
}
GRANT = [{"resource": {"db": "", "collection": ""}, "actions": ["grantRole", "revokeRole"]}]
SHOP = [{"resource": {"db": "shop", "collection": ""}, "actions": ["createUser", "changePassword", "grantRole", "viewUser"]}]


@pytest.mark.parametrize(
    ("command", "privileges", "missing"),
    [
        (CREATE, [], ["createUser on shop", "grantRole on other", "setAuthenticationRestriction on shop"]),
        (CREATE, SHOP, ["grantRole on other", "setAuthenticationRestriction on shop"]),
        (CREATE, SHOP + GRANT, ["setAuthenticationRestriction on shop"]),
        (CREATE, [{"resource": {"anyResource": True}, "actions": ["anyAction"]}], []),
        ({"updateUser": "u", "pwd": "x"}, SHOP, []),
        ({"updateUser": "u", "pwd": "x"}, GRANT, ["changePassword on shop"]),
        ({"updateUser": "u", "roles": []}, SHOP, ["revokeRole on any database"]),
        ({"updateUser": "u", "roles": []}, GRANT, []),
        ({"updateUser": "u", "customData": {}}, SHOP, ["changeCustomData on shop"]),
        ({"dropUser": "u"}, SHOP, ["dropUser on shop"]),
        ({"usersInfo": [{"user": "u", "db": "shop"}, {"user": "u", "db": "other"}]}, SHOP, ["viewUser on other"]),
        ({"usersInfo": 1}, [{"resource": {"cluster": True}, "actions": ["viewUser"]}], ["viewUser on shop"]),
        ({"usersInfo": 1}, [{"resource": {"db": "shop", "collection": "c"}, "actions": ["viewUser"]}], ["viewUser on shop"]),
    ],
)
def test_the_missing_privilege_is_found(command: dict[str, Any], privileges: list[dict[str, Any]], missing: list[str]) -> None:
    assert lacking(needs(command, "shop"), privileges) == missing


def refuse() -> None:
    raise ItemError("db", "do it", "it is full", "empty it")


def test_a_plan_goes_on_after_an_item_and_tells_what_was_done() -> None:
    done: list[str] = []
    other = Change("two, differently", "b", None, None, lambda: None)
    plan = Plan()
    plan.add("one", "a", None, None, refuse)
    plan.add("one again", "a", None, None, lambda: done.append("never"))
    plan.add("two", "b", None, None, lambda: Instead((other,)))
    plan.add("three", "c", None, None, Instead)
    plan.add("four", "d", None, None, lambda: done.append("four"))
    plan.apply()
    assert (plan.applied, plan.summaries(), done) == (["two, differently", "four"], ["two, differently", "four"], ["four"])
    assert list(plan.failures) == ["a"]


def test_a_failure_of_everything_ends_the_plan() -> None:
    def break_down() -> None:
        raise StrongholdError("db", "go on", "it is gone", "bring it back")

    plan = Plan()
    plan.add("one", "a", None, None, lambda: None)
    plan.add("two", "b", None, None, break_down)
    plan.add("three", "c", None, None, lambda: None)
    with pytest.raises(StrongholdError, match="it is gone"):
        plan.apply()
    assert plan.applied == ["one"]


@pytest.mark.parametrize(
    ("failed", "total", "sentence"),
    [
        (["a"], 1, "db: could not do it because it is full; empty it."),
        (["a"], 3, "db: could not manage 1 of 3 users because of a (it is full); empty it."),
        (["a", "b"], 3, "of a (it is full) and b (it is full); see users in the result for what to do about each."),
        (["a", "b", "c"], 3, "of a (it is full), b (it is full) and c (it is full); see"),
    ],
)
def test_one_sentence_counts_and_names_the_failures(failed: list[str], total: int, sentence: str) -> None:
    plan = Plan(failures={name: ItemError("db", "do it", "it is full", "empty it") for name in failed})
    items = Items("users", {name: {"name": name} for name in "abcd"[:total]})
    assert sentence in str(items.failure(plan))
    assert [("error" in entry, entry["changed"]) for entry in items.results(plan)] == [
        (name in failed, False) for name in "abcd"[:total]
    ]


def test_many_secrets_are_not_looked_for_in_a_copy_of_what_was_given() -> None:
    """Ansible searches each value of a result for each secret: a thousand users with a thousand passwords took a second."""
    given = {"login_user": "root", "users": [{"name": "a", "password": "x"}, {"name": "b", "password": "y"}], "purge": False}
    shown = Items("users", {}, option="users").invocation(given)
    assert shown == {"module_args": {"login_user": "root", "users": "2 users", "purge": False}}
    single = {"name": "a", "users": None}
    assert Items("users", {}, option="users").invocation(single) == {"module_args": single}


def test_superusers_who_may_log_in_from_anywhere_are_told_of() -> None:
    root, plain = frozenset({Key("admin", "root")}), frozenset({Key("shop", "readWrite")})
    here: tuple[dict[str, list[str]], ...] = ({"clientSource": ["192.0.2.1"]},)
    users = [
        User("admin", roles=root, restrictions=()),
        User("kept", roles=root),
        User("limited", roles=root, restrictions=here),
        User("gone", roles=root, restrictions=(), present=False),
        User("app", roles=plain, restrictions=()),
    ]
    (told,) = reachable_superusers(users)
    assert told.startswith("admin@admin may do anything, and may log in from wherever the port can be reached; limit that by")
    assert reachable_superusers(users[1:]) == []
