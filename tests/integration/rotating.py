# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A set with requireTLS and x509 between members, whose certificates are changed while it runs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pymongo
from integration.harness import Mongod
from integration.services import Unit, stand_ins, until
from pymongo.errors import ServerSelectionTimeoutError

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from lab.binaries import mongod_tree
from lab.certificates import issue as issued

PASSWORD = "secret"  # noqa: S105
DAY = timedelta(days=1)
NAMES = ("localhost", "127.0.0.1")
MEMBER = Wanted(Path("/unused"), "member", Subject("db", "orders", "members"), NAMES, days=30)
CLIENT = Wanted(Path("/unused"), "client", Subject("run", "orders", "hosts"), days=30)


def now() -> datetime:
    return datetime.now(timezone.utc)


def new_authority(name: str) -> pem.Pair:
    key = make_key("ec-p256")
    return pem.Pair(authority.sign_authority(key, Subject(name, "orders"), 100, now()), (), key)


def issue(by: pem.Pair, wanted: Wanted = MEMBER, at: datetime | None = None) -> pem.Pair:
    return issued(by, wanted, at)


@dataclass
class Member(Unit):
    """A member with a certificate, and a login for the modules; members listen from ``first_port`` on."""

    first_port: int

    @property
    def certificate(self) -> Path:
        return self.folder / "member.pem"

    @property
    def trusted(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def own(self) -> Path:
        return self.folder.parent / "client.pem"

    @property
    def tls(self) -> dict[str, Any]:
        return {"tls": True, "tlsCAFile": str(self.trusted), "tlsCertificateKeyFile": str(self.own)}

    def install(self, pair: pem.Pair) -> pem.Pair:
        self.certificate.write_bytes(pem.write_pair(pair))
        return pair

    @property
    def lists(self) -> Path:
        return self.folder / "crl.pem"

    def trust(self, *authorities: pem.Pair) -> None:
        self.trusted.write_bytes(pem.write_certificates([item.certificate for item in authorities]))
        self.revoke(*authorities)

    def revoke(self, *authorities: pem.Pair, serials: Sequence[int] = ()) -> None:
        """The lists of all that are trusted, with ``serials`` revoked."""
        self.lists.write_bytes(pem.write_lists([revocation.sign_list(item, None, serials, 30, now()) for item in authorities]))

    def run(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        options = {
            "login_user": "admin",
            "login_password": "secret",
            "tls": True,
            "tls_ca_file": str(self.trusted),
            "tls_certificate_key_file": str(self.own),
            "login_timeout": 5,
            "rotates": {
                "certificate_key_file": str(self.certificate),
                "ca_file": str(self.trusted),
                "crl_file": str(self.lists),
                "names": list(NAMES),
            },
            "members": [f"127.0.0.1:{self.first_port + index}" for index in range(3)],
        }
        return self.restart_module(check=check, **{**options, **arguments})

    def serial(self) -> int:
        found = presented("127.0.0.1", self.server.port, str(self.trusted), certificate_file=str(self.own))
        assert found.certificate
        assert not found.problem
        return found.certificate.serial_number

    def client(self) -> pymongo.MongoClient[dict[str, Any]]:
        return pymongo.MongoClient(
            "127.0.0.1",
            self.server.port,
            directConnection=True,
            username="admin",
            password=PASSWORD,
            serverSelectionTimeoutMS=3000,
            **self.tls,
        )

    def state(self) -> dict[str, Any]:
        with self.client() as client:
            document: dict[str, Any] = client.admin.command("hello")
            return document


@dataclass
class Cluster:
    members: list[Member]
    authority: pem.Pair

    def settled(self) -> bool:
        states = [member.state() for member in self.members]
        return sum(map(bool, (state["isWritablePrimary"] for state in states))) == 1 and all(
            state["isWritablePrimary"] or state["secondary"] for state in states
        )

    def ready(self) -> list[Member]:
        """All healthy, the primary last."""
        until(self.settled)
        return sorted(self.members, key=lambda member: bool(member.state()["isWritablePrimary"]))

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        addresses = [member.server.address for member in self.members]
        login: dict[str, Any] = {"username": "admin", "password": "secret", "replicaSet": "rs", "w": "majority"}
        return pymongo.MongoClient(addresses, **{**self.members[0].tls, **login, **options})


@contextmanager
def cluster(home: Path, port: int) -> Iterator[Cluster]:
    """A set of three from this port on, with ``admin``."""
    by = new_authority("first")
    (home / "client.pem").write_bytes(pem.write_pair(issue(by, CLIENT)))
    with stand_ins(home):
        made = [make_member(home, by, index, port) for index in range(3)]
        try:
            for member in made:
                assert member.run(started_with=None, rotates=None)["changed"]
            initiate(made)
            cluster = Cluster(made, by)
            until(cluster.settled)
            yield cluster
        finally:
            for member in made:
                with suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)


def initiate(members: list[Member]) -> None:
    hosts = [{"_id": index, "host": member.server.address} for index, member in enumerate(members)]
    with pymongo.MongoClient("127.0.0.1", members[0].server.port, directConnection=True, **members[0].tls) as client:
        settings = {"electionTimeoutMillis": 2000}
        client.admin.command({"replSetInitiate": {"_id": "rs", "members": hosts, "settings": settings}})
        until(lambda: client.admin.command("hello")["isWritablePrimary"])
        client.admin.command({"createUser": "admin", "pwd": "secret", "roles": ["root"], "writeConcern": {"w": 3}})


def make_member(home: Path, by: pem.Pair, index: int, port: int) -> Member:
    folder = home / f"m{index}"
    (folder / "data").mkdir(parents=True)
    member = Member(folder, Mongod(folder, port + index), port)
    member.install(issue(by))
    member.trust(by)
    member.config.write_text("setParameter: {shutdownTimeoutMillisForSignaledShutdown: 100}\n")
    command = [str(mongod_tree("6.0.27") / "bin" / "mongod"), "--config", str(member.config), "--dbpath", str(folder / "data")]
    command += ["--port", str(port + index), "--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
    command += ["--replSet", "rs", "--auth", "--clusterAuthMode", "x509", "--tlsMode", "requireTLS"]
    command += ["--tlsCertificateKeyFile", str(member.certificate), "--tlsCAFile", str(member.trusted)]
    command += ["--tlsCRLFile", str(member.lists)]
    (folder / "command").write_text(json.dumps(command))
    inputs = (member.config, member.certificate, member.trusted, member.lists)
    (folder / "inputs").write_text(json.dumps([str(path) for path in inputs]))
    return member


def served(member: Member, certificate: Path) -> bool:
    options = {**member.tls, "tlsCertificateKeyFile": str(certificate), "serverSelectionTimeoutMS": 500}
    with pymongo.MongoClient("127.0.0.1", member.server.port, directConnection=True, **options) as client:
        try:
            return bool(client.admin.command("ping")["ok"])
        except ServerSelectionTimeoutError as error:
            assert "connection closed" in str(error)
            return False
