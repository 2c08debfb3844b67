# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""mongodb_user against real servers that demand authentication."""

from __future__ import annotations

import json
import string
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration.harness import Mongod, mongods, run_module

PORT = 20300
ADMIN = {"login_user": "root", "login_password": "r00t"}
TALKATIVE = ("--slowms", "-1", "-vv")


@pytest.fixture(scope="module", params=["5.0.4", "6.0.27"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    home = tmp_path_factory.mktemp("user")
    with mongods(home, 1, request.param, "--auth", *TALKATIVE, port=PORT) as (mongod,):
        with mongod.client() as client:
            client.admin.command("createUser", "root", pwd="r00t", roles=["root"])
        yield mongod


@pytest.fixture
def root(server: Mongod) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    with server.client(username="root", password="r00t") as client:
        yield client


def user(server: Mongod, *, check: bool = False, **options: Any) -> dict[str, Any]:
    where = {"login_host": "127.0.0.1", "login_port": server.port, "tls": False}
    return run_module("mongodb_user", check=check, **{**where, **ADMIN, **options})


def stored(root: pymongo.MongoClient[dict[str, Any]], name: str, database: str = "admin") -> dict[str, Any] | None:
    command = {"usersInfo": {"user": name, "db": database}, "showCredentials": True, "showAuthenticationRestrictions": True}
    found = root.admin.command(command)["users"]
    return {key: value for key, value in found[0].items() if not key.startswith("inherited")} if found else None


def logs_in(server: Mongod, name: str, password: str, database: str = "admin") -> bool:
    try:
        with server.client(username=name, password=password, authSource=database) as client:
            client.admin.command("ping")
    except pymongo.errors.OperationFailure:
        return False
    return True


def unchanged(result: dict[str, Any]) -> bool:
    return not result.get("failed") and result["changed"] is False


def one_sentence(result: dict[str, Any]) -> str:
    assert result["failed"]
    assert result["msg"].count("\n") == 0
    assert "Traceback" not in json.dumps(result)
    assert {"host", "attempt", "reason", "remedy"} <= set(result)
    return str(result["msg"])


LIFE = [
    ({"password": "one", "roles": ["read", {"role": "readWrite", "db": "shop"}]}, "create user u@admin"),
    ({"password": "one", "roles": [{"role": "readWrite", "db": "shop"}, {"role": "read", "db": "admin"}]}, None),
    ({}, None),
    ({"password": "two"}, "update user u@admin: password"),
    ({"password": "two"}, None),
    ({"password": "three", "update_password": "on_create"}, None),
    ({"roles": ["dbAdmin"]}, "update user u@admin: roles"),
    (
        {"authentication_restrictions": [{"clientSource": ["127.0.0.1", "10.0.0.0/8"]}, {"serverAddress": ["127.0.0.1"]}]},
        "update user u@admin: authentication_restrictions",
    ),
    ({"authentication_restrictions": [{"serverAddress": ["127.0.0.1/32"]}, {"clientSource": ["10.1.2.3/8", "127.0.0.1"]}]}, None),
    ({"custom_data": {"team": "shop", "since": {"year": 2026}}}, "update user u@admin: custom_data"),
    ({"custom_data": {"since": {"year": 2026}, "team": "shop"}}, None),
    ({"mechanisms": ["SCRAM-SHA-256"]}, "update user u@admin: mechanisms"),
    ({"password": "four"}, "update user u@admin: password"),
    ({"mechanisms": ["SCRAM-SHA-256"]}, None),
    ({"password": "four", "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"]}, "update user u@admin: mechanisms"),
    (
        {"roles": [], "authentication_restrictions": [], "custom_data": {}},
        "update user u@admin: roles, authentication_restrictions, custom_data",
    ),
    ({"state": "absent"}, "drop user u@admin"),
    ({"state": "absent"}, None),
]


def test_the_life_of_a_user_is_predicted_and_reported_exactly(server: Mongod, root: pymongo.MongoClient[dict[str, Any]]) -> None:
    for options, change in LIFE:
        before = stored(root, "u")
        predicted = user(server, name="u", check=True, **options) if change else None
        assert stored(root, "u") == before
        done = user(server, name="u", **options)
        for key in ("changed", "changes", "diff", "users"):
            assert predicted is None or predicted[key] == done[key], options
        assert (done["changes"], done["changed"]) == ([change] if change else [], bool(change)), options
        assert done["users"] == [{"name": "u", "database": "admin", "changed": bool(change)}]
        assert (stored(root, "u") == before) is not bool(change)


def test_a_new_password_keeps_everything_else(server: Mongod, root: pymongo.MongoClient[dict[str, Any]]) -> None:
    declared = {
        "roles": [{"role": "readWrite", "db": "shop"}],
        "authentication_restrictions": [{"clientSource": ["127.0.0.0/8"]}],
        "mechanisms": ["SCRAM-SHA-256"],
        "custom_data": {"a": 1},
    }
    user(server, name="keeper", password="one", **declared)
    before = stored(root, "keeper")
    assert user(server, name="keeper", password="two")["changed"]
    after = stored(root, "keeper")
    assert before is not None
    assert after is not None
    assert after.pop("credentials") != before.pop("credentials")
    assert after == before
    assert logs_in(server, "keeper", "two")
    assert not logs_in(server, "keeper", "one")


def test_drift_behind_ansibles_back_is_seen_and_mended(server: Mongod, root: pymongo.MongoClient[dict[str, Any]]) -> None:
    declared = {"name": "drift", "password": "right", "roles": ["read"]}
    user(server, **declared)
    root.admin.command("updateUser", "drift", pwd="wrong", roles=["root"])
    assert user(server, **declared)["changes"] == ["update user drift@admin: password, roles"]
    assert logs_in(server, "drift", "right")
    assert unchanged(user(server, **declared))


def test_an_address_restriction_does_not_fool_the_comparison(server: Mongod) -> None:
    declared = {"name": "far", "password": "right", "authentication_restrictions": [{"clientSource": ["192.0.2.1"]}]}
    assert user(server, **declared)["changed"]
    assert not logs_in(server, "far", "right")
    assert unchanged(user(server, **declared))


ODD = {
    "ascii": "".join(chr(code) for code in range(32, 127)),
    "one": "x",
    "long": (string.ascii_letters + string.digits + "\u00e9") * 9,
    "accents": "p\u00e4ssw\u00f6rt \u00a0\u2168\u00ad",
    "greek": "\u03ba\u03bb\u03b5\u03b9\u03b4\u03af",
    "hebrew": "\u05e1\u05d9\u05e1\u05de\u05d4",
    "dotted.name": "a",
    'o\'brien "quoted"': "b",
    "someone@example.org": "c",
    "$dollar": "d%20/:@",
    "\u00fcser": "e",
}


def test_odd_names_and_passwords_in_bulk(server: Mongod) -> None:
    assert len(ODD["long"]) >= 512
    declared = [
        {"name": name, "database": database, "password": password}
        for name, password in ODD.items()
        for database in ("admin", "odd")
    ]
    created = user(server, users=declared)
    assert len(created["changes"]) == len(declared)
    assert [entry["changed"] for entry in created["users"]] == [True] * len(declared)
    for name, password in ODD.items():
        assert logs_in(server, name, password, "odd"), name
    assert unchanged(user(server, users=declared))
    altered = [{**entry, "password": entry["password"] + entry["password"][0]} for entry in declared[:-1]] + declared[-1:]
    predicted = user(server, users=altered, check=True)
    assert [entry["changed"] for entry in predicted["users"]] == [True] * (len(declared) - 1) + [False]


def test_each_printable_character_counts(server: Mongod) -> None:
    declared = [{"name": f"char{ord(char)}", "password": char} for char in ODD["ascii"]]
    user(server, users=declared)
    assert unchanged(user(server, users=declared, check=True))
    shifted = [{**entry, "password": other["password"]} for entry, other in zip(declared, declared[1:] + declared[:1])]
    assert len(user(server, users=shifted, check=True)["changes"]) == len(declared)


def test_fifty_roles_in_any_order(server: Mongod) -> None:
    roles = [{"role": "read", "db": f"db{index}"} for index in range(50)]
    assert user(server, name="fifty", password="x", roles=roles)["changed"]
    assert unchanged(user(server, name="fifty", roles=roles[::-1]))
    assert user(server, name="fifty", roles=roles[1:])["changes"] == ["update user fifty@admin: roles"]


def test_users_with_certificates(server: Mongod, root: pymongo.MongoClient[dict[str, Any]]) -> None:
    declared = {"name": "CN=app,O=Example", "database": "$external", "roles": [{"role": "read", "db": "shop"}]}
    assert user(server, **declared)["changed"]
    assert unchanged(user(server, **declared))
    assert user(server, **{**declared, "roles": ["root"]})["changed"]
    found = stored(root, "CN=app,O=Example", "$external")
    assert found is not None
    assert found["roles"] == [{"role": "root", "db": "admin"}]
    assert "leave the password out" in one_sentence(user(server, **declared, password="x"))


def test_failures_are_one_sentence(server: Mongod, root: pymongo.MongoClient[dict[str, Any]]) -> None:
    assert "check login_user, login_password" in one_sentence(user(server, name="n", password="s3cret", login_password="wrong"))
    assert "a role does not exist" in one_sentence(user(server, name="n", password="s3cret", roles=["nope"]))
    assert "give its password" in one_sentence(user(server, name="n"))
    malformed = [{"clientSource": ["nowhere"]}]
    assert "does not accept a value" in one_sentence(
        user(server, name="n", password="s3cret", authentication_restrictions=malformed)
    )
    root.admin.command("createUser", "weak", pwd="w3ak", roles=["read"])
    weak = user(server, name="n", password="s3cret", login_user="weak", login_password="w3ak")
    assert "lacks the privilege" in one_sentence(weak)
    assert stored(root, "n") is None


def test_unreachable_server_ends_within_its_timeout() -> None:
    nowhere = Mongod(Path("/nonexistent"), PORT + 9)
    begin = time.monotonic()
    assert "nothing listens there" in one_sentence(user(nowhere, name="n", login_timeout=2))
    assert time.monotonic() - begin < 10


def test_a_failure_in_bulk_tells_what_was_applied(server: Mongod) -> None:
    declared = [{"name": "bulk1", "password": "x"}, {"name": "bulk2", "password": "x", "roles": ["nope"]}]
    failed = user(server, users=declared)
    assert "could not create user bulk2@admin" in one_sentence(failed)
    assert (failed["changed"], failed["applied"]) == (True, ["create user bulk1@admin"])


def test_one_declaration_per_user(server: Mongod) -> None:
    assert "more than once: user a@admin" in user(server, users=[{"name": "a"}, {"name": "b"}, {"name": "a"}])["msg"]


def test_no_secret_in_results_or_log(server: Mongod) -> None:
    outputs = [
        user(server, name="canary", password="Canary-1"),
        user(server, name="canary", password="Canary-2", check=True),
        user(server, users=[{"name": "canary", "password": "Canary-2"}]),
        user(server, name="canary", password="Canary-2", roles=["nope"]),
    ]
    assert [output.get("changed") for output in outputs] == [True, True, True, False]
    assert "Canary-" not in json.dumps(outputs)
    log = server.log()
    assert "updateUser" in log
    assert "Canary-" not in log


def test_the_primary_is_found_from_any_member(tmp_path: Path) -> None:
    with mongods(tmp_path, 3, "6.0.27", "--replSet", "rs", port=PORT + 10) as members:
        with members[0].client() as client:
            hosts = [{"_id": index, "host": member.address, "priority": 2 - bool(index)} for index, member in enumerate(members)]
            client.admin.command("replSetInitiate", {"_id": "rs", "members": hosts})
        with pymongo.MongoClient(members[0].address, replicaSet="rs") as client:
            client.admin.command("ping", read_preference=pymongo.ReadPreference.PRIMARY)
            primary = client.primary
            assert primary is not None
        other = next(member for member in members if member.port != primary[1])
        declared = {"name": "u", "password": "s3cret", "login_user": None, "login_password": None}
        assert "name the set in replica_set" in one_sentence(user(other, **declared))
        assert user(other, **declared, replica_set="rs")["changed"]
        assert unchanged(user(other, **declared, replica_set="rs"))
