# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""mongodb_role against real servers that demand authentication."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.harness import Mongod, mongods, one_sentence, run_module, unchanged

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.role_server import Roles, plan_roles
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.roles import Role
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

PORT = ports.first(__file__)
ADMIN = {"login_user": "root", "login_password": "r00t"}
Client = pymongo.MongoClient[dict[str, Any]]

ORDERS = {"resource": {"db": "shop", "collection": "orders"}, "actions": ["find", "insert"]}


@pytest.fixture(scope="module", params=["5.0.4", pytest.param("6.0.5", marks=pytest.mark.long), "6.0.27"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A replica set of one member."""
    home = tmp_path_factory.mktemp("role")
    (home / "key").write_text("a2V5" * 16)
    (home / "key").chmod(0o600)
    options = ("--replSet", "rs", "--auth", "--keyFile", str(home / "key"))
    with mongods(home, 1, request.param, *options, port=PORT) as (mongod,):
        with mongod.client() as client:
            client.admin.command("replSetInitiate", {"_id": "rs", "members": [{"_id": 0, "host": mongod.address}]})
        with pymongo.MongoClient(mongod.address, replicaSet="rs", serverSelectionTimeoutMS=30000) as client:
            client.admin.command("createUser", "root", pwd="r00t", roles=["root"])
        yield mongod


@pytest.fixture
def root(server: Mongod) -> Iterator[Client]:
    """The superuser; what a test leaves behind is dropped."""
    with server.client(username="root", password="r00t") as client:
        yield client
        for database in ("admin", "shop"):
            client[database].command("dropAllRolesFromDatabase")
        client.shop.command("dropAllUsersFromDatabase")


def role(server: Mongod, *, check: bool = False, **options: Any) -> dict[str, Any]:
    where = {"login_host": "127.0.0.1", "login_port": server.port, "replica_set": "rs", "tls": False}
    return run_module("mongodb_role", check=check, **{**where, **ADMIN, **options})


def stored(root: Client, name: str, database: str = "admin") -> dict[str, Any] | None:
    command = {"rolesInfo": [{"role": name, "db": database}], "showPrivileges": True, "showAuthenticationRestrictions": True}
    found = root.admin.command(command)["roles"]
    return {key: value for key, value in found[0].items() if not key.startswith("inherited")} if found else None


LOG = {"resource": {"db": "shop", "collection": "log"}, "actions": ["insert"]}
LIFE = [
    ({"privileges": [ORDERS, LOG], "roles": ["read", {"role": "readWrite", "db": "fin"}]}, "create role r@admin"),
    ({"privileges": [LOG, ORDERS], "roles": [{"role": "readWrite", "db": "fin"}, {"role": "read", "db": "admin"}]}, None),
    (
        {
            "privileges": [
                {"resource": {"collection": "orders", "db": "shop"}, "actions": ["insert", "insert"]},
                LOG,
                {"resource": {"db": "shop", "collection": "orders"}, "actions": ["find"]},
            ]
        },
        None,
    ),
    ({}, None),
    ({"privileges": [LOG]}, "update role r@admin: privileges"),
    ({"roles": ["read"]}, "update role r@admin: roles"),
    (
        {"authentication_restrictions": [{"clientSource": ["127.0.0.1", "10.0.0.0/8"]}, {"serverAddress": ["127.0.0.1"]}]},
        "update role r@admin: authentication_restrictions",
    ),
    ({"authentication_restrictions": [{"serverAddress": ["127.0.0.1/32"]}, {"clientSource": ["10.1.2.3/8", "127.0.0.1"]}]}, None),
    (
        {"privileges": [{"resource": {"cluster": True}, "actions": ["serverStatus"]}, ORDERS]},
        "update role r@admin: privileges",
    ),
    (
        {"privileges": [{"resource": {"anyResource": True}, "actions": ["anyAction", "find"]}]},
        "update role r@admin: privileges",
    ),
    ({"privileges": [{"resource": {"anyResource": True}, "actions": ["find", "anyAction"]}]}, None),
    (
        {"privileges": [], "roles": [], "authentication_restrictions": []},
        "update role r@admin: privileges, roles, authentication_restrictions",
    ),
    ({"privileges": [], "roles": [], "authentication_restrictions": []}, None),
    ({"state": "absent"}, "drop role r@admin"),
    ({"state": "absent"}, None),
]


def test_the_life_of_a_role_is_predicted_and_reported_exactly(server: Mongod, root: Client) -> None:
    for options, change in LIFE:
        before = stored(root, "r")
        predicted = role(server, name="r", check=True, **options) if change else None
        assert stored(root, "r") == before
        done = role(server, name="r", **options)
        for key in ("changed", "changes", "diff", "roles"):
            assert predicted is None or predicted[key] == done[key], (options, done)
        assert (done["changes"], done["changed"]) == ([change] if change else [], bool(change)), options
        assert done["roles"] == [{"name": "r", "database": "admin", "changed": bool(change)}]
        assert (stored(root, "r") == before) is not bool(change)


def test_the_diff_says_what_changes(server: Mongod, root: Client) -> None:
    role(server, name="d", privileges=[ORDERS], roles=["read"])
    (diff,) = role(server, name="d", privileges=[LOG], authentication_restrictions=[{"clientSource": ["10.1.2.3/8"]}])["diff"]
    assert diff["before_header"] == "role d@admin"
    assert diff["before"] == {
        "privileges": ["collection orders of database shop: find, insert"],
        "roles": ["read@admin"],
        "authentication_restrictions": [],
    }
    assert diff["after"] == {
        "privileges": ["collection log of database shop: insert"],
        "roles": ["read@admin"],
        "authentication_restrictions": [{"clientSource": ["10.0.0.0/8"]}],
    }


def test_one_change_keeps_everything_else(server: Mongod, root: Client) -> None:
    role(server, name="k", privileges=[ORDERS], roles=["read"], authentication_restrictions=[{"clientSource": ["127.0.0.1"]}])
    before = stored(root, "k")
    assert role(server, name="k", roles=[])["changes"] == ["update role k@admin: roles"]
    after = stored(root, "k")
    assert before is not None
    assert after is not None
    for key in ("privileges", "authenticationRestrictions"):
        assert after[key] == before[key]


def test_drift_behind_ansibles_back_is_seen_and_mended(server: Mongod, root: Client) -> None:
    declared = {"name": "drift", "privileges": [ORDERS], "roles": ["read"]}
    role(server, **declared)
    root.admin.command("updateRole", "drift", privileges=[LOG], roles=["root"])
    assert role(server, **declared)["changes"] == ["update role drift@admin: privileges, roles"]
    assert unchanged(role(server, **declared))


CHAIN = [
    {"name": "top", "database": "shop", "roles": ["middle"]},
    {"name": "bottom", "database": "shop", "privileges": [ORDERS]},
    {"name": "middle", "database": "shop", "roles": ["bottom"]},
]


def test_roles_that_refer_to_each_other_come_and_go_in_the_right_order(server: Mongod, root: Client) -> None:
    predicted = role(server, custom_roles=CHAIN, check=True)
    done = role(server, custom_roles=CHAIN)
    order = ["create role bottom@shop", "create role middle@shop", "create role top@shop"]
    assert predicted["changes"] == done["changes"] == order
    assert [entry["name"] for entry in done["roles"]] == ["top", "bottom", "middle"]
    assert unchanged(role(server, custom_roles=CHAIN))
    turned = [
        {"name": "bottom", "database": "shop", "roles": ["middle"]},
        {"name": "middle", "database": "shop", "roles": ["top"]},
        {"name": "top", "database": "shop", "roles": []},
    ]
    assert [change.split(":")[0] for change in role(server, custom_roles=turned)["changes"]] == [
        "update role top@shop",
        "update role middle@shop",
        "update role bottom@shop",
    ]
    gone = [{"name": name, "database": "shop", "state": "absent"} for name in ("top", "middle", "bottom")]
    predicted = role(server, custom_roles=gone, check=True)
    done = role(server, custom_roles=gone)
    assert predicted["changes"] == done["changes"] == ["drop role bottom@shop", "drop role middle@shop", "drop role top@shop"]
    assert unchanged(role(server, custom_roles=gone))


def test_a_circle_is_refused_with_names(server: Mongod, root: Client) -> None:
    circle = [*CHAIN[:1], {"name": "bottom", "database": "shop", "roles": ["top"]}, *CHAIN[2:]]
    told = one_sentence(role(server, custom_roles=circle, check=True))
    assert "role top@shop inherits role middle@shop, which inherits role bottom@shop, which inherits role top@shop" in told
    role(server, custom_roles=CHAIN)
    through_stored = role(server, name="bottom", database="shop", roles=["top"], check=True)
    assert "which inherits role middle@shop" in one_sentence(through_stored)
    assert stored(root, "bottom", "shop")["roles"] == []  # type: ignore[index]


REFUSED = {
    "what it inherits does not exist (role nope@admin)": {"roles": ["nope"]},
    "cannot inherit one of another database, role read@fin": {"database": "shop", "roles": [{"role": "read", "db": "fin"}]},
    "cannot reach beyond it, to database fin": {
        "database": "shop",
        "privileges": [{**ORDERS, "resource": {"db": "fin", "collection": ""}}],
    },
    "cannot reach beyond it, to the cluster": {"database": "shop", "privileges": [{**ORDERS, "resource": {"cluster": True}}]},
    "the database local holds no roles": {"database": "local"},
    "no address or network (nowhere)": {"authentication_restrictions": [{"clientSource": ["nowhere"]}]},
    "names no address": {"authentication_restrictions": [{}]},
}


def test_what_cannot_be_is_said_before_anything_is_done(server: Mongod, root: Client) -> None:
    declared = [{"name": f"n{number}", **options} for number, options in enumerate(REFUSED.values())]
    declared.append({"name": "readWrite"})
    expected = [*REFUSED, "it is one of MongoDB's own roles"]
    for check in (True, False):
        failed = role(server, custom_roles=declared, check=check)
        assert f"could not manage {len(declared)} of {len(declared)} roles" in one_sentence(failed)
        assert [told for told, entry in zip(expected, failed["roles"]) if told not in entry["error"]] == []
    assert list(root.admin["system.roles"].find()) == []


@pytest.mark.parametrize(
    ("privilege", "told"),
    [
        ({**ORDERS, "resource": {"db": "shop"}}, "a resource has the keys db and collection"),
        ({**ORDERS, "actions": []}, "no action"),
    ],
)
def test_a_malformed_privilege_is_refused(server: Mongod, privilege: Any, told: str) -> None:
    assert told in role(server, name="n", privileges=[privilege])["msg"]


def test_what_the_server_refuses_is_one_sentence(server: Mongod, root: Client) -> None:
    unknown = role(server, name="n", privileges=[{**ORDERS, "actions": ["fnd"]}])
    assert "does not accept a value (Unrecognized action: fnd)" in one_sentence(unknown)
    assert "check login_user, login_password" in one_sentence(role(server, name="n", login_password="wrong"))
    root.shop.command("createUser", "weak", pwd="w3ak", roles=["userAdmin"])
    weak = {"login_user": "weak", "login_password": "w3ak", "login_database": "shop"}
    refused = role(server, name="n", privileges=[ORDERS], **weak)
    assert "the account in use lacks viewRole on admin" in one_sentence(refused)
    assert role(server, name="own", database="shop", privileges=[ORDERS], **weak)["changed"]
    root.shop.command(
        "createRole", "looker", privileges=[{"resource": {"db": "shop", "collection": ""}, "actions": ["viewRole"]}], roles=[]
    )
    root.shop.command("updateUser", "weak", roles=["looker"])
    refused = role(server, name="n", database="shop", privileges=[ORDERS], **weak)
    assert "lacks createRole on shop and grantRole on shop" in one_sentence(refused)
    assert stored(root, "n", "shop") is None


def test_one_that_cannot_be_does_not_stop_the_others(server: Mongod, root: Client) -> None:
    declared = [
        {"name": "bad", "roles": ["nope"]},
        {"name": "worse", "privileges": [{**ORDERS, "actions": ["fnd"]}]},
        {"name": "good", "privileges": [ORDERS]},
    ]
    failed = role(server, custom_roles=declared)
    assert "could not manage 2 of 3 roles" in one_sentence(failed)
    assert (failed["changed"], failed["applied"]) == (True, ["create role good@admin"])
    assert [("error" in entry, entry["changed"]) for entry in failed["roles"]] == [(True, False), (True, False), (False, True)]
    assert stored(root, "good") is not None


def test_one_declaration_per_role(server: Mongod) -> None:
    assert "more than once: role a@admin" in role(server, custom_roles=[{"name": "a"}, {"name": "b"}, {"name": "a"}])["msg"]


def test_a_role_that_somebody_has_is_not_dropped(server: Mongod, root: Client) -> None:
    role(server, custom_roles=CHAIN)
    root.shop.command("createUser", "holder", pwd="x", roles=["middle"])
    role(server, name="across", roles=[{"role": "middle", "db": "shop"}])
    gone = {"name": "middle", "database": "shop", "state": "absent"}
    for check in (True, False):
        told = one_sentence(role(server, check=check, **gone))
        assert "silently be taken from role across@admin, role top@shop, user holder@shop" in told
    failing = [gone, {**CHAIN[0], "state": "absent"}, {"name": "across", "roles": ["nope"]}]
    errors = {
        entry["name"]: entry["error"] for entry in role(server, custom_roles=failing, check=True)["roles"] if "error" in entry
    }
    assert "taken from role across@admin, user holder@shop;" in errors["middle"]
    # With the heirs that go, or lose it, in the same task, only the user is left.
    parting = [gone, {**CHAIN[0], "state": "absent"}, {"name": "across", "roles": []}]
    failed = role(server, custom_roles=parting)
    assert "silently be taken from user holder@shop;" in one_sentence(role(server, **gone))
    assert failed["applied"] == ["update role across@admin: roles", "drop role top@shop"]
    root.shop.command("updateUser", "holder", roles=[])
    assert role(server, **gone)["changes"] == ["drop role middle@shop"]


def test_who_gets_the_role_after_the_plan_was_made_keeps_it(server: Mongod, root: Client) -> None:
    role(server, custom_roles=CHAIN)
    plan = plan_roles(Roles(root, Login(tls=False)), [Role("top", "shop", present=False), Role("middle", "shop", present=False)])
    root.shop.command("createUser", "late", pwd="x", roles=["top"])
    plan.apply()
    assert {subject: error.reason.split("taken from ")[1] for subject, error in plan.failures.items()} == {
        "role top@shop": "user late@shop",
        "role middle@shop": "role top@shop",
    }
    assert stored(root, "top", "shop")["roles"] == [{"role": "middle", "db": "shop"}]  # type: ignore[index]


def test_purge(server: Mongod, root: Client) -> None:
    role(server, custom_roles=[*CHAIN, {"name": "elsewhere"}])
    declared = {"custom_roles": [{"name": "bottom", "database": "shop"}], "purge": True, "databases": ["shop"]}
    predicted = role(server, check=True, **declared)
    done = role(server, **declared)
    assert predicted["changes"] == done["changes"] == ["drop role top@shop", "drop role middle@shop"]
    assert predicted["roles"] == done["roles"]
    assert [(entry["name"], entry["changed"]) for entry in done["roles"]] == [("bottom", False), ("middle", True), ("top", True)]
    assert stored(root, "elsewhere") is not None
    assert unchanged(role(server, **declared))
    root.shop.command("createRole", "stray", privileges=[], roles=[])
    root.shop.command("createUser", "holder", pwd="x", roles=["stray", "read"])
    assert "silently be taken from user holder@shop" in one_sentence(role(server, **declared))
    assert stored(root, "stray", "shop") is not None
    assert "databases" in role(server, custom_roles=[], purge=True)["msg"]
    root.admin.command("createRole", "stronghold_rotation", privileges=[], roles=[])  # as where a task knows nothing of issuers
    assert unchanged(role(server, custom_roles=[{"name": "elsewhere"}], purge=True, databases=["admin"]))


def test_two_controllers_at_once(server: Mongod, root: Client) -> None:
    declared = [
        {"name": f"r{number}", "database": "shop", "privileges": [ORDERS], "roles": [f"r{number - 1}"] if number else []}
        for number in range(12)
    ]
    updated = [{**entry, "privileges": [LOG]} for entry in declared]
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _number: role(server, custom_roles=declared), range(2)))
        assert [result.get("msg") for result in both] == [None, None]
        assert sum(len(result["changes"]) for result in both) == len(declared)
        # Of an update that both make, neither can know.
        both = list(pool.map(lambda _number: role(server, custom_roles=updated), range(2)))
        assert [result.get("msg") for result in both] == [None, None]
        assert unchanged(role(server, custom_roles=updated, check=True))
        gone = [{**entry, "state": "absent"} for entry in declared]
        both = list(pool.map(lambda _number: role(server, custom_roles=gone), range(2)))
    assert [result.get("msg") for result in both] == [None, None]
    assert sum(len(result["changes"]) for result in both) == len(declared)
    assert [stored(root, entry["name"], "shop") for entry in declared] == [None] * len(declared)
