# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a running set with requireTLS and x509 between members: rotated without a restart, refused, mended."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration.harness import Mongod, one_sentence
from integration.services import Unit, stand_ins, until
from pymongo.errors import ServerSelectionTimeoutError

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import hexadecimal
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from lab.binaries import mongod_tree
from lab.certificates import issue as issued

PORT = 20340
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
    """A member with a certificate, and a login for the modules."""

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
            "members": [f"127.0.0.1:{PORT + index}" for index in range(3)],
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

    def client(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        addresses = [member.server.address for member in self.members]
        login: dict[str, Any] = {"username": "admin", "password": "secret", "replicaSet": "rs", "w": "majority"}
        return pymongo.MongoClient(addresses, **{**self.members[0].tls, **login, **options})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("rotation")
    by = new_authority("first")
    (home / "client.pem").write_bytes(pem.write_pair(issue(by, CLIENT)))
    with stand_ins(home):
        made = [make_member(home, by, index) for index in range(3)]
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
    with pymongo.MongoClient("127.0.0.1", PORT, directConnection=True, **members[0].tls) as client:
        settings = {"electionTimeoutMillis": 2000}
        client.admin.command({"replSetInitiate": {"_id": "rs", "members": hosts, "settings": settings}})
        until(lambda: client.admin.command("hello")["isWritablePrimary"])
        client.admin.command({"createUser": "admin", "pwd": "secret", "roles": ["root"], "writeConcern": {"w": 3}})


def make_member(home: Path, by: pem.Pair, index: int) -> Member:
    folder = home / f"m{index}"
    (folder / "data").mkdir(parents=True)
    member = Member(folder, Mongod(folder, PORT + index))
    member.install(issue(by))
    member.trust(by)
    member.config.write_text("setParameter: {shutdownTimeoutMillisForSignaledShutdown: 100}\n")
    command = [str(mongod_tree("6.0.27") / "bin" / "mongod"), "--config", str(member.config), "--dbpath", str(folder / "data")]
    command += ["--port", str(PORT + index), "--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
    command += ["--replSet", "rs", "--auth", "--clusterAuthMode", "x509", "--tlsMode", "requireTLS"]
    command += ["--tlsCertificateKeyFile", str(member.certificate), "--tlsCAFile", str(member.trusted)]
    command += ["--tlsCRLFile", str(member.lists)]
    (folder / "command").write_text(json.dumps(command))
    inputs = (member.config, member.certificate, member.trusted, member.lists)
    (folder / "inputs").write_text(json.dumps([str(path) for path in inputs]))
    return member


@pytest.fixture
def members(cluster: Cluster) -> list[Member]:
    """All healthy, the primary last, nothing to do for any."""
    until(cluster.settled)
    return sorted(cluster.members, key=lambda member: bool(member.state()["isWritablePrimary"]))


def test_renewed_certificates_are_taken_up_and_no_connection_is_cut(cluster: Cluster, members: list[Member]) -> None:
    before = [(member.pid, member.serial()) for member in members]
    with ExitStack() as stack:
        idle = [stack.enter_context(cluster.client(maxPoolSize=1)) for _ in range(3)]
        identities = [client.admin.command("hello")["connectionId"] for client in idle]
        for member in members:
            new = member.install(issue(cluster.authority))
            member.own.write_bytes(pem.write_pair(issue(cluster.authority, CLIENT)))
            predicted = member.run(check=True)
            assert member.serial() != new.certificate.serial_number
            result = member.run()
            reason = f"{member.certificate} changed since the server started"
            assert result["changes"] == predicted["changes"] == [f"rotate certificates of {member.folder.name}: {reason}"]
            assert result["diff"] == predicted["diff"]
            assert member.serial() == new.certificate.serial_number
            assert member.run()["changed"] is False
        assert [client.admin.command("hello")["connectionId"] for client in idle] == identities
    assert all(member.pid == pid and member.serial() != serial for member, (pid, serial) in zip(members, before))


def test_the_authority_is_replaced_without_a_restart(cluster: Cluster, members: list[Member]) -> None:
    """Trust both, issue by the new one, trust it alone; a writer sees nothing of it."""
    old, new = cluster.authority, new_authority("second")
    pids = [member.pid for member in members]
    with cluster.client(retryWrites=False) as client:

        def roll() -> None:
            for member in members:
                assert [change.split(":")[0] for change in member.run()["changes"]] == [
                    f"rotate certificates of {member.folder.name}"
                ]
                client.test.written.insert_one({})

        for member in members:
            member.trust(old, new)
        roll()
        for member in members:
            member.install(issue(new))
        roll()
        members[0].own.write_bytes(pem.write_pair(issue(new, CLIENT)))
        for member in members:
            member.trust(new)
        roll()
        assert client.test.written.count_documents({}) == 9
    cluster.authority = new
    assert [member.pid for member in members] == pids
    until(cluster.settled)
    with cluster.client() as client:
        client.test.written.insert_one({})


def test_a_revocation_is_taken_up_without_a_restart(cluster: Cluster, members: list[Member], tmp_path: Path) -> None:
    pids = [member.pid for member in members]
    stolen, kept = (tmp_path / name for name in ("stolen.pem", "kept.pem"))
    revoked = issue(cluster.authority, CLIENT)
    stolen.write_bytes(pem.write_pair(revoked))
    kept.write_bytes(pem.write_pair(issue(cluster.authority, CLIENT)))
    for member in members:
        assert served(member, stolen)
        member.revoke(cluster.authority, serials=[revoked.certificate.serial_number])
        assert served(member, stolen), "the file alone does nothing"
        assert member.run()["changes"] == [
            f"rotate certificates of {member.folder.name}: {member.lists} changed since the server started"
        ]
        assert not served(member, stolen)
        assert served(member, kept)
        assert member.run()["changed"] is False
    assert [member.pid for member in members] == pids
    until(cluster.settled)


def served(member: Member, certificate: Path) -> bool:
    options = {**member.tls, "tlsCertificateKeyFile": str(certificate), "serverSelectionTimeoutMS": 500}
    with pymongo.MongoClient("127.0.0.1", member.server.port, directConnection=True, **options) as client:
        try:
            return bool(client.admin.command("ping")["ok"])
        except ServerSelectionTimeoutError as error:
            assert "connection closed" in str(error)
            return False


BAD: dict[str, Callable[[pem.Pair], pem.Pair]] = {
    "it expired on": lambda by: issue(by, at=now() - 40 * DAY),
    "it is not valid before": lambda by: issue(by, at=now() + DAY),
    "it is not signed by the authority": lambda _: issue(new_authority("foreign")),
    "it is not valid for 127.0.0.1": lambda by: issue(by, replace(MEMBER, names=("localhost",))),
    "its extended key usage does not allow it as a server": lambda by: issue(by, replace(CLIENT, names=NAMES)),
    "it is revoked": issue,
    "its key does not belong to its certificate": lambda by: replace(issue(by), key=make_key("ec-p256")),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_files_are_refused_and_the_server_is_left_as_it_is(cluster: Cluster, members: list[Member], reason: str) -> None:
    member = members[0]
    good, before = member.certificate.read_bytes(), (member.pid, member.serial(), member.record.read_text())
    bad = member.install(BAD[reason](cluster.authority))
    if reason == "it is revoked":
        member.revoke(cluster.authority, serials=[bad.certificate.serial_number])
    for arguments in ({}, {"check": True}, {"force": True}):
        assert reason in one_sentence(member.run(**arguments))
    assert (member.pid, member.serial(), member.record.read_text()) == before
    member.certificate.write_bytes(good)
    assert member.run()["changed"] is (reason == "it is revoked"), "the list differs, and is taken up"


def test_other_files_still_need_a_restart(cluster: Cluster, members: list[Member]) -> None:
    member, pid = members[0], members[0].pid
    member.config.write_text(member.config.read_text() + "# edited\n")
    new = member.install(issue(cluster.authority))
    result = member.run()
    assert result["changes"][-1].startswith(f"restart {member.folder.name}: {member.config} changed")
    assert member.pid != pid
    assert member.serial() == new.certificate.serial_number


def test_a_server_that_refuses_is_restarted(cluster: Cluster, members: list[Member]) -> None:
    """A login without the privilege stands for any refusal."""
    with cluster.client() as client:
        client.admin.command({"createUser": "watcher", "pwd": "secret", "roles": ["clusterMonitor"], "writeConcern": {"w": 3}})
    member, pid = members[0], members[0].pid
    new = member.install(issue(cluster.authority))
    result = member.run(login_user="watcher")
    assert "refused to rotate its certificates (the account lacks the privilege" in result["changes"][0]
    assert result["changes"][0].startswith(f"restart {member.folder.name}: ")
    assert member.pid != pid
    assert member.serial() == new.certificate.serial_number


def test_a_server_that_does_not_present_the_new_certificate_is_restarted(cluster: Cluster, members: list[Member]) -> None:
    """One that takes the rotation for done, and goes on with the old files: its command line names others."""
    member, pid = members[0], members[0].pid
    elsewhere = member.folder / "elsewhere.pem"
    elsewhere.write_bytes(member.certificate.read_bytes())
    with elsewhere_configured(member, elsewhere):
        assert member.run(force=True)["changed"]
        assert member.pid != pid
        pid, old = member.pid, member.serial()
        member.install(issue(cluster.authority))
        result = member.run()
        reason = f"after the rotation it still presents the certificate with serial {hexadecimal(old)}"
        assert reason in result["changes"][-1]
        assert result["changes"][-1].startswith(f"restart {member.folder.name}: {member.certificate} changed")
        assert member.pid != pid
    assert member.run(force=True)["changed"]
    until(cluster.settled)


@contextmanager
def elsewhere_configured(member: Member, elsewhere: Path) -> Iterator[None]:
    path = member.folder / "command"
    text = path.read_text()
    path.write_text(text.replace(str(member.certificate), str(elsewhere)))
    try:
        yield
    finally:
        path.write_text(text)


def mended(cluster: Cluster, members: list[Member], pids: list[int], reason: str) -> None:
    """Each is restarted for this reason, which check mode told before, and needs nothing afterwards."""
    for member in members:
        predicted = member.run(check=True)
        assert reason in predicted["changes"][0]
        assert member.run()["changes"] == predicted["changes"]
    until(cluster.settled)
    assert all(member.pid != pid for member, pid in zip(members, pids))
    assert [member.run()["changed"] for member in members] == [False] * 3


def test_expired_certificates_are_mended_without_losing_the_majority(cluster: Cluster, members: list[Member]) -> None:
    short = 8
    for member in members:
        member.install(issue(cluster.authority, replace(MEMBER, days=1), now() - DAY + timedelta(seconds=short)))
    for member in members:
        assert member.run()["changed"]
    time.sleep(short)
    pids = [member.pid for member in members]
    assert "not good: the certificate cannot be used: it expired on" in one_sentence(members[0].run())
    for member in members:
        member.install(issue(cluster.authority))
    mended(cluster, members, pids, "it presents a certificate that expired on")


def test_lists_that_have_ended_are_mended(cluster: Cluster, members: list[Member]) -> None:
    """Servers refuse everybody, also the login that would have them take up a new list."""
    end = now() + timedelta(seconds=20)
    for member in members:
        short = revocation.sign_list(cluster.authority, None, (), 1, end - DAY)
        member.lists.write_bytes(pem.write_lists([short]))
        assert member.run()["changed"]
    time.sleep(max(0.0, (end - now()).total_seconds()))
    until(lambda: not served(members[0], members[0].own))
    pids = [member.pid for member in members]
    assert "the server closed the connection" in one_sentence(members[0].run())
    for member in members:
        member.revoke(cluster.authority)
    mended(cluster, members, pids, "it ends connections as with a revocation list that has ended")


def test_an_expired_member_on_which_the_majority_depends_stays_up(cluster: Cluster, members: list[Member]) -> None:
    """Connections of old keep it in the set; with another one down, its restart would end the writes."""
    down, expired, primary = members
    short = 8
    expired.install(issue(cluster.authority, replace(MEMBER, days=1), now() - DAY + timedelta(seconds=short)))
    assert expired.run()["changed"]
    with primary.client() as client:
        os.kill(down.pid, signal.SIGKILL)
        time.sleep(short)
        expired.install(issue(cluster.authority))
        pid = expired.pid
        health = {item["name"]: item["health"] for item in client.admin.command("replSetGetStatus")["members"]}
        assert health[expired.server.address] == 1
        assert "no majority would be left" in one_sentence(expired.run(timeout=2))
        assert expired.pid == pid
    assert down.run(started_with=None, rotates=None)["changed"]
    assert expired.run()["changed"]
    assert expired.pid != pid
    until(cluster.settled)
