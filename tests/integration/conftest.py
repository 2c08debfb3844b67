# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Servers of every kind that accounts are managed on: each version, with and without TLS, alone and as a set."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration.harness import Mongod, mongods, run_module

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
                while not client.admin.command("hello")["isWritablePrimary"]:
                    pass
            client.admin.command("createUser", "root", pwd=ROOT["login_password"], roles=["root"])
        yield site


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority (ca.crt), a server of 127.0.0.1 (server.pem) and the client CN=app,O=Example (app.pem)."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *fresh, "-days", "2", "-subj", "/CN=lab authority", "-keyout", "ca.key", "-out", "ca.crt")
    for name, subject, extensions in (
        ("server", "/O=lab/CN=server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth"),
        ("app", "/O=Example/CN=app", "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extensions)
        openssl("req", *fresh, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    return folder
