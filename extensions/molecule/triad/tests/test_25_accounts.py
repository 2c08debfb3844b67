# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts and custom roles from the inventory, by the playbook that does nothing else, and the auditors' document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import OperationFailure
from scenario import load, playbook

from lab import access
from lab.fleet import Fleet

ACCOUNTS = "stronghold.mongodb.accounts"
STRAY = {"name": "stray", "password": "Canary of the tests", "roles": [{"role": "vendor", "db": "shop"}]}
VENDOR = {"name": "vendor", "database": "shop", "roles": ["clerk"]}


def accounts(fleet: Fleet, *words: str, **variables: Any) -> playbook.Run:
    run = playbook.run(fleet, *words, playbook=ACCOUNTS, variables=variables)
    assert run.rc == 0, run.output[-6000:]
    return run


def test_a_declared_account_can_do_what_its_role_says_and_no_more(fleet: Fleet) -> None:
    with access.client(fleet, load.primary(fleet), log_in=False, username="ann", password="ann of the tests") as client:  # noqa: S106
        assert client.shop.orders.insert_one({}).acknowledged
        with pytest.raises(OperationFailure, match="not authorized"):
            client.shop.orders.delete_many({})


def test_the_playbook_of_accounts_predicts_does_repeats_and_purges(fleet: Fleet, tmp_path: Path) -> None:
    declared = accounts(fleet, "--check", "--diff")
    assert sum(declared.changed.values()) == 0
    inventory = fleet.vars
    more = {
        "mongodb_accounts_roles": [VENDOR, *inventory["mongodb_accounts_roles"]],
        "mongodb_accounts_users": [*inventory["mongodb_accounts_users"], STRAY],
        "mongodb_accounts_report": str(tmp_path / "accounts.md"),
    }
    predicted = accounts(fleet, "--check", "--diff", **{**more, "mongodb_accounts_report": ""})
    done = accounts(fleet, "--diff", **more)
    assert sum(predicted.changed.values()) == 2
    assert sum(done.changed.values()) == 3
    assert sum(accounts(fleet, **more).changed.values()) == 0
    document = (tmp_path / "accounts.md").read_text()
    assert "| `admin@admin` | has the role root | any address | no end |" in document
    assert "| `stray` | database shop, collection orders: read, add | `vendor@shop` |" in document
    assert (tmp_path / "accounts.md").stat().st_mode & 0o077 == 0
    purged = accounts(fleet, "--diff", mongodb_accounts_purge_databases=["admin", "shop"])
    assert sum(purged.changed.values()) == 2
    assert "Canary" not in predicted.output + done.output + document + purged.output
    with access.client(fleet, load.primary(fleet)) as client:
        users = {user["user"] for user in client.admin.command({"usersInfo": {"forAllDBs": True}})["users"]}
        roles = [role["role"] for role in client.shop.command({"rolesInfo": 1})["roles"]]
    assert users == {"admin", "ann", "reports", "stronghold_backup", "stronghold_expiry", "stronghold_physical"}
    assert roles == ["clerk"]
    assert sum(accounts(fleet, "--check", "--diff", mongodb_accounts_purge_databases=["admin", "shop"]).changed.values()) == 0
