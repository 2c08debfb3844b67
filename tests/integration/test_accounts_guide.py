# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""Every example of docs/accounts.md, run in its order against a server, each twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import yaml
from integration import ports
from integration.harness import ROOT, Mongod, mongods, run_module

PORT = ports.first(__file__)
LOGIN = {"login_host": "127.0.0.1", "login_port": PORT, "login_user": "admin", "login_password": "f1rst", "tls": False}
MODULE = re.compile(r"stronghold\.mongodb\.(mongodb_(?:user|role)(?:_info)?)")


def blocks() -> list[Any]:
    text = (ROOT / "docs" / "accounts.md").read_text()
    filled = re.sub(r"\{\{ (vault_\w+) \}\}", r"secret of \1", text)
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", filled, re.MULTILINE | re.DOTALL)]


def calls(block: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Modules and options that a block of the guide leads to: tasks as they are, variables as the role passes them on."""
    if isinstance(block, list):
        for task in block:
            yield from ((found[1], options or {}) for key, options in task.items() if (found := MODULE.fullmatch(key)))
        return
    databases = block.get("mongodb_accounts_purge_databases")
    purge = {"purge": True, "databases": databases} if databases else {}
    admin = {"name": "admin", "password": "f1rst", "roles": ["root"]}
    if "mongodb_accounts_roles" in block or purge:
        yield "mongodb_role", {"custom_roles": block.get("mongodb_accounts_roles", [])}
    yield "mongodb_user", {"users": [admin, *block.get("mongodb_accounts_users", [])], **purge}
    if purge:
        yield "mongodb_role", {"custom_roles": [], **purge}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mongod]:
    with mongods(tmp_path, 1, "6.0.27", "--auth", port=PORT) as (mongod,):
        with mongod.client() as client:
            client.admin.command("createUser", "admin", pwd="f1rst", roles=["root"])
        yield mongod


def test_each_example_does_what_the_guide_says(server: Mongod) -> None:
    changed = []
    for block in blocks():
        first = [run_module(module, **LOGIN, **options) for module, options in calls(block)]
        again = [run_module(module, **LOGIN, **options) for module, options in calls(block)]
        assert [result.get("msg") for result in [*first, *again]] == [None] * 2 * len(first), block
        assert [result["changed"] for result in again] == [False] * len(again), block
        changed += [change for result in first for change in result.get("changes", [])]
    assert changed == [
        "create user shop@admin",
        "update user shop@admin: password",
        "create role clerk@shop",
        "create role manager@shop",
        "create user ann@admin",
        "create user support-ann@admin",
        "create user CN=reporting,OU=people,O=orders@$external",
        *(
            f"drop user {name}"
            for name in ("ann@admin", "shop@admin", "support-ann@admin", "CN=reporting,OU=people,O=orders@$external")
        ),
    ]
    with server.client(username="admin", password="f1rst") as client:
        assert [user["user"] for user in client.admin.command({"usersInfo": {"forAllDBs": True}})["users"]] == ["admin"]


def test_the_administrators_password_is_changed_as_the_guide_says(server: Mongod) -> None:
    options = {**LOGIN, "name": "admin", "password": "sec0nd"}
    assert [run_module("mongodb_user", **options)["changed"] for _run in range(2)] == [True, False]
    with server.client(username="admin", password="sec0nd") as client:
        assert client.admin.command("ping")["ok"] == 1
    with pytest.raises(pymongo.errors.OperationFailure), server.client(username="admin", password="f1rst") as client:
        client.admin.command("ping")


def test_what_the_guide_says_of_options_of_community_mongodb(server: Mongod) -> None:
    declared = {"name": "moved", "password": "pw-moved", "database": "shop"}
    old = {**LOGIN, "ssl": False}
    del old["tls"]
    assert run_module("mongodb_user", **old, **declared, roles=["read"])["changed"]
    assert run_module("mongodb_user", **old, **declared, update_password="always")["changed"] is False
    assert "pass" in run_module("mongodb_user", **old, name="moved", **{"pass": "x"})["msg"]
    privileges = [{"resource": {"db": "shop", "collection": ""}, "actions": ["find"]}]
    assert run_module("mongodb_role", **old, name="r", db="shop", privileges=privileges)["changed"]
    assert run_module("mongodb_role", **old, name="r", db="shop")["changed"] is False
