# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""mongodb_user_info and mongodb_role_info against real servers; superusers are proved by what they can make of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.harness import Mongod, mongods, run_module
from pymongo import monitoring
from pymongo.errors import OperationFailure

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.directory import Directory, databases_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.overview import Wanted, user_entries
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.report import accounts_report
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

PORT = ports.first(__file__)
ADMIN = {"login_user": "root", "login_password": "r00t"}
Client = pymongo.MongoClient[dict[str, Any]]


@pytest.fixture(scope="module", params=["5.0.4", pytest.param("6.0.5", marks=pytest.mark.long), "6.0.27"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with mongods(tmp_path_factory.mktemp("info"), 1, request.param, "--auth", port=PORT) as (mongod,):
        with mongod.client() as client:
            client.admin.command("createUser", "root", pwd="r00t", roles=["root"])
        yield mongod


@pytest.fixture
def root(server: Mongod) -> Iterator[Client]:
    """The superuser; what a test leaves behind is dropped."""
    with server.client(username="root", password="r00t") as client:
        yield client
        client.admin["system.users"].delete_many({"user": {"$ne": "root"}})
        for database in ("admin", "shop", "bare"):
            client[database].command("dropAllRolesFromDatabase")


def info(server: Mongod, kind: str, **options: Any) -> dict[str, dict[str, Any]]:
    """Title of the user or role -> its entry."""
    where = {"login_host": "127.0.0.1", "login_port": server.port, "tls": False}
    result = run_module(f"mongodb_{kind}_info", **{**where, **ADMIN, **options})
    assert result["changed"] is False, result
    return {f"{entry['name']}@{entry['database']}": entry for entry in result[f"{kind}s"]}


def on(database: str, collection: str, *actions: str) -> dict[str, Any]:
    return {"resource": {"db": database, "collection": collection}, "actions": list(actions)}


# Privileges of an account e@admin -> whether it is a superuser.
CASES: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "grant on admin": ([on("admin", "", "grantRole")], True),
    "grant anywhere": ([on("", "", "grantRole")], True),
    "grant on everything": ([{"resource": {"anyResource": True}, "actions": ["grantRole"]}], True),
    "password on admin": ([on("admin", "", "changePassword")], True),
    "write accounts": ([on("admin", "system.users", "update", "find")], True),
    "add accounts": ([on("admin", "system.users", "insert")], True),
    "write accounts of any": ([on("", "system.users", "update", "find")], True),
    "write roles": ([on("admin", "system.roles", "update", "find")], True),
    "write everything": ([{"resource": {"anyResource": True}, "actions": ["update"]}], True),
    "anything": ([{"resource": {"anyResource": True}, "actions": ["anyAction"]}], True),
    "anything in databases": ([on("", "", "anyAction")], True),
    "grant on shop": ([on("shop", "", "grantRole", "revokeRole")], False),
    "grant on a collection": ([on("admin", "c", "grantRole")], False),
    "grant on the cluster": ([{"resource": {"cluster": True}, "actions": ["grantRole"]}], False),
    "create without giving": ([on("", "", "createUser", "createRole", "revokeRole", "dropUser")], False),
    "password on shop": ([on("shop", "", "changePassword")], False),
    "write all data": ([on("", "", "find", "insert", "update", "remove")], False),
    "anything on the cluster": ([{"resource": {"cluster": True}, "actions": ["anyAction"]}], False),
}
ROOT = {"role": "root", "db": "admin"}
ATTEMPTS: list[Callable[[Client], Any]] = [
    lambda client: client.admin.command("grantRolesToUser", "e", roles=["root"]),
    lambda client: client.admin.command("createUser", "z", pwd="z", roles=["root"]),
    lambda client: client.admin.command("updateRole", "t", roles=["root"]),
    lambda client: client.admin.command("updateUser", "root", pwd="r00t"),
    lambda client: client.admin["system.users"].update_one({"user": "e"}, {"$set": {"roles": [ROOT]}}),
    lambda client: client.admin["system.users"].insert_one({"_id": "admin.y", "user": "y", "db": "admin", "roles": [ROOT]}),
    lambda client: client.admin["system.roles"].update_one({"role": "t"}, {"$set": {"roles": [ROOT]}}),
]


def succeeds(server: Mongod, attempt: Callable[[Client], Any]) -> bool:
    with server.client(username="e", password="e", authSource="admin") as client:
        try:
            attempt(client)
        except OperationFailure:
            return False
    return True


def test_superusers_are_those_that_can_make_themselves_anything(server: Mongod, root: Client) -> None:
    for title, (privileges, expected) in CASES.items():
        root.admin.command("createRole", "t", privileges=privileges, roles=[])
        root.admin.command("createUser", "e", pwd="e", roles=["t"])
        directory = Directory(root, Login(tls=False))
        users = directory.users()
        (entry,) = user_entries(users, directory.roles(databases_of(users)), directory.now(), Wanted(names=frozenset({"e"})))
        assert (entry["superuser"], bool(entry["superuser_because"])) == (expected, expected), title
        assert any(succeeds(server, attempt) for attempt in ATTEMPTS) is expected, title
        root.admin["system.users"].delete_many({"user": {"$ne": "root"}})
        root.admin.command("dropAllRolesFromDatabase")


def test_whoever_commands_a_superuser_is_one(server: Mongod, root: Client) -> None:
    root.admin.command("createRole", "mighty", privileges=[on("admin", "", "grantRole")], roles=[])
    root.admin.command("createUser", "direct", pwd="x", roles=["root"])
    root.shop.command("createUser", "boss", pwd="x", roles=[{"role": "mighty", "db": "admin"}])
    root.shop.command("createUser", "helper", pwd="x", roles=[])
    root.shop.command("createRole", "reset", privileges=[on("shop", "", "changePassword")], roles=[])
    root.admin.command("createUser", "desk", pwd="x", roles=[{"role": "reset", "db": "shop"}])
    root.shop.command("createUser", "keeper", pwd="x", roles=["userAdmin"])
    found = info(server, "user")
    assert {title: entry["superuser_because"] for title, entry in found.items() if entry["superuser"]} == {
        "root@admin": ["has the role root"],
        "direct@admin": ["has the role root"],
        "boss@shop": ["may give any role of the cluster to anybody (grantRole on admin)"],
        "desk@admin": ["may set the password of the superuser boss@shop (changePassword on shop)"],
        "keeper@shop": [
            "may give the role reset@shop, which is as good as root (grantRole on shop)",
            "may set the password of the superuser boss@shop (changePassword on shop)",
        ],
    }
    roles = info(server, "role")
    assert {title: entry["superuser"] for title, entry in roles.items()} == {
        "mighty@admin": True,
        "reset@shop": True,
    }
    # Where nobody worth it is left in shop, the desk commands nobody.
    root.shop.command("dropUser", "boss")
    root.shop.command("dropUser", "keeper")
    assert info(server, "user")["desk@admin"]["superuser"] is False


def test_everything_that_is_told_of_a_user(server: Mongod, root: Client) -> None:
    until = datetime(2031, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    grant = {"valid_until": until, "granted_by": "ann", "reason": "ticket 7", "granted_at": until.replace(year=2030)}
    root.shop.command("createRole", "clerk", privileges=[on("shop", "orders", "find")], roles=[])
    root.shop.command(
        "createUser",
        "u",
        pwd="Canary-1",
        roles=["clerk", {"role": "read", "db": "fin"}],
        mechanisms=["SCRAM-SHA-256"],
        authenticationRestrictions=[{"clientSource": ["10.1.2.3/8"]}],
        customData={"stronghold": grant, "since": until, "blob": b"\x00"},
    )
    root["$external"].command("createUser", "CN=x", roles=[])
    found = info(server, "user")
    assert set(found) == {"root@admin", "u@shop", "CN=x@$external"}
    user = found["u@shop"]
    assert user["roles"] == [{"role": "read", "db": "fin"}, {"role": "clerk", "db": "shop"}]
    privileges = {json.dumps(each["resource"]): each["actions"] for each in user["effective_privileges"]}
    assert privileges['{"db": "shop", "collection": "orders"}'] == ["find"]
    assert "find" in privileges['{"db": "fin", "collection": ""}']
    assert (user["superuser"], user["address_restricted"], user["mechanisms"]) == (False, True, ["SCRAM-SHA-256"])
    assert user["authentication_restrictions"] == [{"clientSource": ["10.0.0.0/8"]}]
    assert user["grant"] == {
        "valid_until": "2031-02-03T04:05:06Z",
        "granted_by": "ann",
        "reason": "ticket 7",
        "granted_at": "2030-02-03T04:05:06Z",
        "expired": False,
    }
    assert user["custom_data"] == {"since": "2031-02-03T04:05:06Z", "blob": "b'\\x00'"}
    assert (found["root@admin"]["grant"], found["root@admin"]["address_restricted"]) == (None, False)
    assert found["CN=x@$external"]["mechanisms"] == ["external"]
    assert set(info(server, "user", databases=["shop"])) == {"u@shop"}
    assert set(info(server, "user", names=["root", "u"], databases=["admin"])) == {"root@admin"}
    said = json.dumps(found)
    assert [word for word in ("Canary", "storedKey", "serverKey", "salt") if word in said] == []


def test_what_an_account_says_of_itself_is_a_finding_where_it_should_not(server: Mongod, root: Client) -> None:
    """As an administrator of one database can have it, who wants to stay."""
    until = datetime(2031, 2, 3, tzinfo=timezone.utc)
    root.shop.command("createUser", "keeper", pwd="k", roles=["userAdmin"])
    with server.client(username="keeper", password="k", authSource="shop") as keeper:
        keeper.shop.command("createUser", "marked", pwd="x", roles=[], customData={"stronghold": {"internal": True}})
        keeper.shop.command("createUser", "endless", pwd="x", roles=[], customData={"stronghold": {"valid_until": "later"}})
        keeper.shop.command("updateUser", "keeper", customData={"stronghold": {"valid_until": until, "internal": True}})
    root.admin.command("createRole", "stronghold_expiry", privileges=[], roles=[])
    root.admin.command("createUser", "stronghold_expiry", pwd="x", roles=["stronghold_expiry"])
    found = info(server, "user")
    stranger = "says that it is an account of this collection, and is none"
    assert found["marked@shop"]["findings"] == [stranger]
    assert found["endless@shop"]["findings"] == ["has an end that is no date, so that it never comes"]
    assert found["keeper@shop"]["findings"][0] == stranger
    assert "could lift its own end, or outlive it as another: it may change" in found["keeper@shop"]["findings"][1]
    assert [title for title, entry in found.items() if entry["internal"]] == ["stronghold_expiry@admin"]
    assert [found[title]["findings"] for title in ("stronghold_expiry@admin", "root@admin")] == [[], []]
    document = accounts_report([*found.values()], [], "orders", "2030-01-01")
    assert f"| `marked@shop` | {stranger} |" in document


def test_everything_that_is_told_of_a_role(server: Mongod, root: Client) -> None:
    root.shop.command("createRole", "clerk", privileges=[on("shop", "orders", "find")], roles=[])
    root.shop.command("createRole", "manager", privileges=[on("shop", "orders", "update")], roles=["clerk"])
    root.admin.command("createUser", "ann", pwd="x", roles=[{"role": "clerk", "db": "shop"}])
    found = info(server, "role")
    assert set(found) == {"clerk@shop", "manager@shop"}
    assert found["clerk@shop"]["held_by"] == ["user ann@admin", "role manager@shop"]
    assert found["manager@shop"]["held_by"] == []
    assert found["manager@shop"]["privileges"] == [on("shop", "orders", "update")]
    assert found["manager@shop"]["effective_privileges"] == [on("shop", "orders", "find", "update")]
    assert found["manager@shop"]["inherited_roles"] == [{"role": "clerk", "db": "shop"}]
    assert set(info(server, "role", names=["clerk"])) == {"clerk@shop"}
    assert info(server, "role", databases=["admin"]) == {}


@pytest.mark.parametrize(
    ("restrictions", "restricted"),
    [
        ([], False),
        ([{"clientSource": ["10.0.0.0/8"]}], True),
        ([{"serverAddress": ["127.0.0.1"]}], False),
        ([{"clientSource": ["10.0.0.0/8"]}, {"serverAddress": ["127.0.0.1"]}], False),
        ([{"clientSource": ["10.0.0.0/8", "0.0.0.0/0"]}], False),
    ],
)
def test_address_restrictions_of_accounts_and_of_their_roles(
    server: Mongod, root: Client, restrictions: Any, restricted: bool
) -> None:
    root.admin.command("createUser", "own", pwd="x", roles=[], authenticationRestrictions=restrictions)
    root.admin.command("createRole", "r", privileges=[], roles=[], authenticationRestrictions=restrictions)
    root.admin.command("createUser", "by_role", pwd="x", roles=["r"])
    found = info(server, "user")
    assert (found["own@admin"]["address_restricted"], found["by_role@admin"]["address_restricted"]) == (restricted, restricted)


def test_an_account_that_the_server_cannot_show_hides_no_other(server: Mongod, root: Client) -> None:
    root.admin.command("createRole", "bad", privileges=[], roles=[], authenticationRestrictions=[{"clientSource": ["nowhere"]}])
    for name in ("a", "b", "c"):
        root.admin.command("createUser", name, pwd="x", roles=["bad"] if name == "b" else ["read"])
    found = info(server, "user")
    assert "Invalid IP address" in found["b@admin"]["problem"]
    assert found["b@admin"]["roles"] == [{"role": "bad", "db": "admin"}]
    assert [found[title]["problem"] for title in ("a@admin", "c@admin", "root@admin")] == [None, None, None]
    assert found["c@admin"]["effective_privileges"]


def test_a_narrow_account_is_enough_and_a_narrower_one_is_told_what_it_lacks(server: Mongod, root: Client) -> None:
    looks = [
        on("", "", "viewUser", "viewRole"),
        {"resource": {"cluster": True}, "actions": ["viewUser", "viewRole", "listDatabases"]},
    ]
    root.admin.command("createRole", "looker", privileges=looks, roles=[])
    root.bare.command("createRole", "hidden", privileges=[], roles=[])  # in a database without data
    root.admin.command("createUser", "looker", pwd="l00ker", roles=["looker", {"role": "hidden", "db": "bare"}])
    root.shop.command("createRole", "clerk", privileges=[], roles=[])
    root.shop.orders.insert_one({})
    found = info(server, "role", login_user="looker", login_password="l00ker")
    assert set(found) == {"looker@admin", "clerk@shop", "hidden@bare"}
    root.admin.command("updateRole", "looker", privileges=looks[:1])
    where = {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "tls": False,
        "login_user": "looker",
        "login_password": "l00ker",
    }
    refused = run_module("mongodb_user_info", **where)
    assert "lacks" in refused["msg"]
    assert "Traceback" not in json.dumps(refused)


class Counter(monitoring.CommandListener):
    """Counts the commands that a client sends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def test_a_thousand_users_take_few_commands(server: Mongod, root: Client) -> None:
    root.admin.command("createUser", "one", pwd="x", roles=[{"role": "readWrite", "db": "shop"}])
    stored = root.admin["system.users"].find_one({"user": "one"}) or {}
    del stored["userId"]
    root.admin["system.users"].insert_many({**stored, "_id": f"admin.u{n}", "user": f"u{n}"} for n in range(1000))
    counter = Counter()
    with server.client(username="root", password="r00t", event_listeners=[counter]) as client:
        directory = Directory(client, Login(tls=False))
        users = directory.users()
        entries = user_entries(users, directory.roles(databases_of(users)), directory.now(), Wanted())
    assert len(entries) == 1002
    assert all(entry["effective_privileges"] for entry in entries)
    asked = [name for name in counter.names if not name.startswith("sasl")]
    assert len(asked) <= 16, asked
