# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Servers of the kinds that accounts are managed on: each version, with and without TLS, alone and as a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration.harness import Mongod, mongods, run_module, until

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import plan_users
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.purge import Purge
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User, user_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

ROOT = {"login_user": "root", "login_password": "Canary-r00t"}
TALKATIVE = ("--slowms", "-1", "-vv")
SET = "rs"


@dataclass(frozen=True)
class Kind:
    """What a server is: its version, whether it demands TLS, whether it is a set of one member."""

    version: str
    tls: bool
    replica_set: bool

    def __str__(self) -> str:
        return f"{self.version}-{'tls' if self.tls else 'plain'}-{'set' if self.replica_set else 'alone'}"


KINDS = [Kind(version, tls, set_) for version in ("5.0.4", "6.0.5", "6.0.27") for tls in (False, True) for set_ in (False, True)]
# Each version with each of the other two, and these with each other.
PAIRWISE = [kind for kind in KINDS if (kind.tls == kind.replica_set) is (kind.version != "6.0.5")]


def some(*kinds: Kind) -> list[Any]:
    """Parameters of a test: those among PAIRWISE, and in long runs the others too."""
    return [pytest.param(kind, id=str(kind), marks=() if kind in PAIRWISE else pytest.mark.long) for kind in kinds]


@dataclass(frozen=True)
class Site:
    """A server that demands authentication, with the administrator ROOT."""

    mongod: Mongod
    kind: Kind
    certificates: Path

    @property
    def login(self) -> dict[str, Any]:
        """The options that lead there as the administrator."""
        where = {"login_host": "127.0.0.1", "login_port": self.mongod.port, "tls": self.kind.tls}
        return {
            **where,
            **ROOT,
            **({"tls_ca_file": str(self.certificates / "ca.crt")} if self.kind.tls else {}),
            **({"replica_set": SET} if self.kind.replica_set else {}),
        }

    def user(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """mongodb_user as Ansible runs it."""
        return run_module("mongodb_user", check=check, **{**self.login, **options})

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        tls = {"tls": True, "tlsCAFile": str(self.certificates / "ca.crt")} if self.kind.tls else {}
        return self.mongod.client(**tls, **options)

    def root(self) -> pymongo.MongoClient[dict[str, Any]]:
        return self.client(username=ROOT["login_user"], password=ROOT["login_password"])

    def logs_in(self, name: str, password: str, database: str = "admin") -> bool:
        try:
            with self.client(username=name, password=password, authSource=database) as client:
                client.admin.command("ping")
        except pymongo.errors.OperationFailure:
            return False
        return True

    def stored(self, name: str, database: str = "admin") -> dict[str, Any] | None:
        """All that the server keeps of a user."""
        with self.root() as root:
            question = {"usersInfo": {"user": name, "db": database}, "showCredentials": True}
            found = root.admin.command({**question, "showAuthenticationRestrictions": True})["users"]
        return {key: value for key, value in found[0].items() if not key.startswith("inherited")} if found else None

    def names(self, database: str) -> set[str]:
        with self.root() as root:
            return {user["user"] for user in root[database].command({"usersInfo": 1})["users"]}


@contextmanager
def served(home: Path, kind: Kind, certificates: Path, port: int) -> Iterator[Site]:
    """A running server of that kind with its administrator."""
    key = home / "key"
    key.write_text("aGFyZGx5IGEgc2VjcmV0" * 4)
    key.chmod(0o600)
    tls = ("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(certificates / "server.pem"))
    tls += ("--tlsCAFile", str(certificates / "ca.crt"), "--tlsAllowConnectionsWithoutCertificates")
    access = ("--replSet", SET, "--keyFile", str(key)) if kind.replica_set else ("--auth",)
    with mongods(home, 1, kind.version, *access, *(tls if kind.tls else ()), *TALKATIVE, port=port) as (mongod,):
        site = Site(mongod, kind, certificates)
        with site.client() as client:
            if kind.replica_set:
                client.admin.command("replSetInitiate", {"_id": SET, "members": [{"_id": 0, "host": mongod.address}]})
                until(lambda: client.admin.command("hello")["isWritablePrimary"])
            client.admin.command("createUser", "root", pwd=ROOT["login_password"], roles=["root"])
        yield site


def login(site: Site) -> Login:
    return Login(**{name.removeprefix("login_"): value for name, value in site.login.items()})


def declared(**options: Any) -> User:
    """As the module understands its options."""
    spec = user_argument_spec()
    return User.from_params({**{name: option.get("default") for name, option in spec.items()}, **options})


def manage(site: Site, users: Sequence[User], purge: Purge | None = None, *, apply: bool = True) -> Plan:
    """What the module does, within this process."""
    with Accounts.opened(login(site), "manage users", None) as accounts:
        plan, _shown = plan_users(accounts, users, purge)
        if apply:
            plan.apply()
        return plan
