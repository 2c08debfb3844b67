# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold inbox`` and ``stronghold intake`` with real servers: what members send, also those in strange hands."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.harness import ROOT, until
from integration.past import Host

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.origin import OF_BACKUP, complete, new_id
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import in_memory
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox import intake as taking
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import accepted_intake
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Catalogue, look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    FILES,
    PHYSICAL,
    TAG,
    ClusterTime,
    Manifest,
    Stream,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import verify
from lab import binaries

PORT = ports.first(__file__)
MEMBERS = ("db1", "db2")
OLD = 2000  # seconds, after which nobody is writing a file any more
QUOTA = 64 << 20
OWN = "what the backup host alone has"
ADDRESS = "127.0.0.1"


def secret(purpose: str, member: str) -> str:
    return f"{purpose} of {member}, and of nobody else"


@dataclass
class Member:
    """Who has ``name`` in his hands: its secrets, its certificate, and what lies on its disk."""

    name: str
    port: int
    home: Path
    certificates: Path

    @property
    def url(self) -> str:
        words = f"{self.name}:{secret('password', self.name)}".replace(" ", "%20").replace(",", "%2C")
        return f"rest:https://{words}@{ADDRESS}:{self.port}/"

    @contextmanager
    def restic(self, url: str = "") -> Iterator[Restic]:
        with in_memory(secret("key", self.name)) as file:
            place = Place(url or self.url, file, None, str(self.certificates / "ca.crt"), str(self.certificates / "app.pem"))
            yield Restic(self.name, place)

    def send(self, text: str = "its files", tamper: Any = None, **fields: Any) -> Manifest:
        """A backup of files in which ``text`` is; ``fields`` are of the manifest, which ``tamper`` may replace."""
        folder = self.home / self.name
        folder.mkdir(exist_ok=True)
        (folder / "data.wt").write_text(text)
        name = new_id(time.time())
        with self.restic() as restic:
            saved = restic.save_content(folder, PHYSICAL, f"{OF_BACKUP}{name}")
            at = ClusterTime(int(time.time()), 1)
            manifest = Manifest(
                id=name,
                method=PHYSICAL,
                replica_set="shop",
                member=f"{self.name}:27017",
                server_version="6.0.27",
                compatibility="6.0",
                begun="2026-01-01T00:00:00Z",
                ended="2026-01-01T00:00:00Z",
                cluster_time=at,
                consistent_at=at,
                rollback_id=1,
                partial=False,
                streams=(Stream(FILES, saved.id, len(text), saved.tree),),
                items=(),
            )
            manifest = replace(manifest, **fields)
            complete(restic, tamper(manifest) if tamper else manifest)
        return manifest

    def request(self, method: str, path: str, body: bytes = b"", *, port: int = 0, password: str = "") -> int:
        """The status of a bare request to its server, or to that of another one."""
        context = ssl.create_default_context(cafile=str(self.certificates / "ca.crt"))
        context.load_cert_chain(str(self.certificates / "app.pem"))
        login = f"{self.name}:{password or secret('password', self.name)}"
        client = HTTPSConnection(ADDRESS, port or self.port, context=context, timeout=60)
        headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
        client.request(method, path, body, headers)
        return client.getresponse().status

    def drop(self, folder: str, body: bytes, name: str = "") -> None:
        """A file of this content, by its right name or another one."""
        assert self.request("POST", f"/{folder}/{name or hashlib.sha256(body).hexdigest()}", body) == 200


@dataclass(frozen=True)
class BackupHost(Host):
    """The backup host: its inboxes are served, its intake runs when it is told to."""

    members: dict[str, Member]

    @property
    def inboxes(self) -> Path:
        return self.home / "stronghold/inbox"

    def inbox(self, name: str) -> Path:
        return self.inboxes / name

    def vault(self) -> Restic:
        (self.home / "own").write_text(OWN)
        return Restic("here", Place(str(self.home / "vault"), str(self.home / "own")))

    def listed(self) -> Catalogue:
        return look(self.vault(), self.home / "none")

    def ids(self) -> set[str]:
        return {backup.manifest.id for backup in self.listed().backups}

    def age(self, folder: Path, seconds: float = OLD) -> None:
        """Have all in it been written so long ago."""
        for path in folder.rglob("*"):
            if path.is_file() and path.name != "config":
                os.utime(path, (time.time() - seconds,) * 2)

    def is_open(self, name: str) -> bool:
        """By what its server answers."""
        try:
            return self.members[name].request("GET", "/config") == 200
        except (OSError, ssl.SSLError):
            return False


@contextmanager
def at(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """This process as that of a backup host below ``home``."""
    states = [home / "stronghold" / name for name in ("intake", "inbox")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", ":".join(map(str, states)))
        patch.setenv("PATH", f"{binaries.restic().parent}:{binaries.rclone().parent}", prepend=":")
        patch.setattr(locks, "_ROOTS", home / "locks")
        yield patch


def settings_of(home: Path) -> dict[str, Any]:
    return {
        "replica_set": "shop",
        "password": OWN,
        "repository": str(home / "vault"),
        "metrics_file": str(home / "intake.prom"),
        "reserve": 0,
        "inboxes": [{"name": name, "key": secret("key", name), "quota": QUOTA} for name in MEMBERS],
    }


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a backup host has after the first run."""
    home = tmp_path_factory.mktemp("new")
    with at(home):
        told: list[str] = []
        assert taking.intake(accepted_intake(settings_of(home)), told.append) == []
        assert told == [f"made the repository {home / 'vault'}", "made the inbox db1", "made the inbox db2"]
    return home


@pytest.fixture
def host(new: Path, tmp_path: Path, certificates: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[BackupHost]:
    """With an inbox of each member, which is open."""
    shutil.copytree(new, tmp_path, dirs_exist_ok=True)
    members = {name: Member(name, PORT + number, tmp_path, certificates) for number, name in enumerate(MEMBERS)}
    made = BackupHost(tmp_path, "intake", capsys, settings_of(tmp_path), members)
    with at(tmp_path), served(made):
        yield made


@contextmanager
def served(host: BackupHost, **changed: Any) -> Iterator[subprocess.Popen[bytes]]:
    """``stronghold inbox`` as a process of its own."""
    certificates = host.members["db1"].certificates
    shutil.copy(certificates / "server.pem", host.home / "own.pem")
    settings = {
        "address": ADDRESS,
        "certificate_file": str(host.home / "own.pem"),
        "ca_file": str(certificates / "ca.crt"),
        "reserve": 0,
        "inboxes": [
            {"name": member.name, "port": member.port, "password": secret("password", member.name), "quota": QUOTA}
            for member in host.members.values()
        ],
        **changed,
    }
    file = host.home / "inbox.json"
    file.write_text(json.dumps(settings))
    code = (
        "import signal, sys\nfrom pathlib import Path\n"
        "from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks\n"
        "from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox import serving\n"
        "from ansible_collections.stronghold.mongodb.plugins.module_utils._program import program\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        f"locks._ROOTS, serving._MEASURED = Path({str(host.home / 'locks')!r}), 1.0\n"
        f"sys.exit(program.main(['inbox', '--config', {str(file)!r}]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".tree")}
    with (host.home / "inbox.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=log, stderr=log)
    try:
        if not changed:
            until(lambda: all(map(host.is_open, host.members)))
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_what_a_member_sends_is_in_a_vault_that_it_does_not_reach(host: BackupHost) -> None:
    one, two = (host.members[name].send(f"files of {name}") for name in MEMBERS)
    code, told, failed = host.run()
    assert (code, failed) == (0, "")
    assert f"took in the backup {one.id} of db1:27017\n" in told
    assert host.ids() == {one.id, two.id}
    for backup in host.listed().backups:
        verify(host.vault(), backup.manifest)
    assert host.run() == (0, "", ""), "each is taken in once"
    metrics = (host.home / "intake.prom").read_text()
    assert 'mongodb_files_count{member="db1:27017"} 1\n' in metrics
    assert 'mongodb_inbox_open{inbox="db2"} 1\n' in metrics
    assert "mongodb_intake_ok 1\n" in metrics
    assert host.run("status")[::2] == (0, "")
    assert {one["id"] for one in json.loads(host.run("list", "--json")[1])} == host.ids()
    for member, key in (("db1", secret("key", "db1")), ("db2", secret("key", "db1"))):
        (host.home / "guess").write_text(key)
        with pytest.raises(RepositoryError) as error:
            Restic("db1", Place(str(host.home / "vault"), str(host.home / "guess"))).snapshots()
        assert error.value.kind is Kind.PASSWORD, member


def test_a_member_reaches_its_own_inbox_and_adds_only(host: BackupHost, certificates: Path) -> None:
    member = host.members["db1"]
    member.send()
    config = host.inbox("db1") / "config"
    before = config.read_bytes()
    (snapshot, *_others) = sorted((host.inbox("db1") / "snapshots").iterdir())
    assert member.request("DELETE", f"/snapshots/{snapshot.name}") == 403
    assert member.request("POST", "/config", b"another one") == 403
    assert member.request("POST", f"/snapshots/{snapshot.name}", b"another one") == 403
    assert config.read_bytes() == before
    assert snapshot.is_file()
    other = host.members["db2"].port
    assert member.request("GET", "/config", port=other) == 401
    assert member.request("GET", "/config", password="guessed") == 401  # noqa: S106 - it is none
    for path in ("/../db2/config", "/%2e%2e/db2/config", "/snapshots/../../db2/config"):
        assert member.request("GET", path) in (301, 400, 403, 404), path
    for certificate in (None, stranger(certificates)):
        context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        if certificate:
            context.load_cert_chain(str(certificate))
        with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: SIM117 - of TLS 1.3 the refusal comes with the first read
            with context.wrap_socket(socket.create_connection((ADDRESS, member.port), 60), server_hostname=ADDRESS) as client:
                client.sendall(b"GET /config HTTP/1.0\r\n\r\n")
                assert client.recv(100) == b"", "an answer"
                raise ConnectionError


def stranger(certificates: Path) -> Path:
    """A certificate that nobody here has signed."""
    made = certificates / "stranger.pem"
    if not made.exists():
        words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=db1"]
        subprocess.run(
            ["openssl", "req", *words, "-keyout", "s.key", "-out", "s.crt"], cwd=certificates, check=True, capture_output=True
        )
        made.write_text((certificates / "s.key").read_text() + (certificates / "s.crt").read_text())
    return made


TAMPERED: list[tuple[Callable[[Manifest], Any], str]] = [
    (lambda one: replace(one, id="newest"), "its id is none"),
    (lambda one: replace(one, method="logical"), "it is no copy of all files"),
    (lambda one: replace(one, member="db2:27017"), "it is said to be of another member"),
    (lambda one: replace(one, replica_set="other"), "it is said to be of another member"),
    (lambda one: replace(one, streams=()), "it is no copy of all files"),
    (lambda one: replace(one, streams=(replace(one.streams[0], snapshot="0" * 64),)), "the files that it names are not there"),
    (lambda one: replace(one, streams=(replace(one.streams[0], sha256="0" * 64),)), "the files that it names are other ones"),
    (lambda one: replace(one, partial="yes"), "it has another partial"),
]


def test_what_is_no_backup_of_its_own_is_refused_once(host: BackupHost) -> None:
    member = host.members["db1"]
    for tamper, _reason in TAMPERED:
        member.send(tamper=tamper)
    good = member.send("more")
    code, told, failed = host.run()
    assert code == 1
    assert sorted(line.partition(" because ")[2].partition("; ")[0] for line in failed.splitlines()) == sorted(
        reason for _tamper, reason in TAMPERED
    )
    assert f"took in the backup {good.id}" in told
    assert host.ids() == {good.id}
    assert host.run() == (0, "", "")
    assert f"db1 sent {len(TAMPERED)} that call themselves backups and are none of its own" in host.run("status")[2]


def test_a_backup_takes_no_other_ones_place(host: BackupHost) -> None:
    good = host.members["db2"].send()
    assert host.run()[0] == 0
    host.members["db1"].send(tamper=lambda one: replace(one, id=good.id))
    assert "there is one of that id" in host.run()[2]
    (backup,) = host.listed().backups
    assert backup.manifest.member == "db2:27017"


def test_many_that_come_from_the_future_displace_none(host: BackupHost) -> None:
    member = host.members["db1"]
    good = member.send()
    assert host.run()[0] == 0
    with member.restic() as restic:
        for number in range(6):
            sent = member.send(f"number {number}")
            assert sent
        restic._run("date", "backup", str(host.home / "db1"), "--time", "2099-01-01 00:00:00", "--tag", TAG)
    code, _told, failed = host.run()
    assert code == 1
    assert "db1 sent more than 4 backups within a day" in failed
    assert len(host.ids()) == 4
    host.members["db2"].send()
    assert host.run()[0] == 1
    assert len(host.ids()) == 5, "another member's are taken in all the same"
    assert good.id in host.ids()


@pytest.mark.parametrize("folders", [("index",), ("snapshots",), ("keys", "locks")])
def test_junk_in_an_inbox_spoils_no_backup_that_is_in(host: BackupHost, folders: tuple[str, ...]) -> None:
    member = host.members["db1"]
    good = member.send()
    assert host.run()[0] == 0
    for folder in folders:
        for number in range(25):
            member.drop(folder, f"junk {number}".encode())
        member.drop(folder, b"more", "0" * 64)
    later = host.members["db2"].send()
    host.run()
    assert host.ids() == {good.id, later.id}, "while it may still be on its way"
    host.age(host.inbox("db1"))
    code, _told, failed = host.run()
    assert host.ids() == {good.id, later.id}
    mended = "keys" in folders
    assert (code, (host.inboxes / "db1.aside").is_dir()) == ((0, False) if mended else (1, True))
    assert mended == (failed == "")
    until(lambda: host.is_open("db1"))
    again = member.send("what comes afterwards")
    code, _told, failed = host.run()
    assert (code, failed) == (0, "")
    assert host.ids() == {good.id, later.id, again.id}
    for backup in host.listed().backups:
        verify(host.vault(), backup.manifest)


def test_a_flood_of_snapshots_costs_an_inbox_and_no_backup(host: BackupHost) -> None:
    good = host.members["db1"].send()
    assert host.run()[0] == 0
    for number in range(2001):
        content = b"%d" % number
        (host.inbox("db1") / "snapshots" / hashlib.sha256(content).hexdigest()).write_bytes(content)
    code, _told, failed = host.run()
    assert code == 1
    assert "it has 2003 snapshots" in failed
    assert host.ids() == {good.id}
    assert len(list((host.inbox("db1") / "snapshots").iterdir())) == 0


def test_an_inbox_is_emptied_before_it_has_many_snapshots(host: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_MANY", 1)
    good = host.members["db1"].send()
    told = host.run()
    assert told == (0, f"took in the backup {good.id} of db1:27017\nmade the inbox db1\n", "")
    assert not (host.inboxes / "db1.aside").exists()
    assert host.ids() == {good.id}


def test_junk_of_any_other_name_is_seen(host: BackupHost) -> None:
    member = host.members["db1"]
    (host.inbox("db1") / "anything").write_text("junk")
    code, _told, failed = host.run()
    assert code == 1
    assert "'anything' is in it" in failed
    assert str(host.inboxes / "db1.aside") in failed
    until(lambda: host.is_open("db1"))
    member.send()
    assert host.run()[0] == 0


def test_an_inbox_that_is_full_is_closed_and_emptied(host: BackupHost) -> None:
    member = host.members["db1"]
    good = member.send()
    assert host.run()[0] == 0
    for _turn in range(4):  # with what is there already, more than the quota
        member.drop("data", os.urandom(QUOTA // 4))
    until(lambda: not host.is_open("db1"), 90)
    assert "closed: it takes" in (host.home / "inbox.log").read_text()
    until(lambda: "the inbox db1 is closed: it takes" in host.run("status")[2])
    assert 'mongodb_inbox_open{inbox="db1"} 1\n' in (host.home / "intake.prom").read_text()
    code, told, failed = host.run()
    assert (code, failed) == (0, "")
    assert told == "made the inbox db1\n"
    assert not (host.inboxes / "db1.aside").exists()
    until(lambda: host.is_open("db1"))
    again = member.send("more")
    assert host.run()[0] == 0
    assert host.ids() == {good.id, again.id}


def test_without_room_nothing_is_taken_in_and_all_is_kept(host: BackupHost) -> None:
    member = host.members["db1"]
    good = member.send()
    assert host.run()[0] == 0
    late = member.send("more")
    code, _told, failed = host.run(reserve=1 << 60)
    assert code == 1
    assert "bytes left, and up to" in failed
    assert host.ids() == {good.id}
    assert host.run()[0] == 0
    assert host.ids() == {good.id, late.id}


def test_with_too_little_room_no_inbox_is_open(host: BackupHost, tmp_path_factory: pytest.TempPathFactory) -> None:
    log = host.home / "inbox.log"
    log.write_text("")
    ports_of = [{"name": "db1", "port": PORT + 5, "password": secret("password", "db1"), "quota": QUOTA}]
    with served(host, reserve=1 << 60, inboxes=ports_of):
        until(lambda: "are to stay free" in log.read_text())
        with pytest.raises(ConnectionError):
            socket.create_connection((ADDRESS, PORT + 5), 5)


def test_a_server_that_ends_is_started_again(host: BackupHost) -> None:
    os.kill(server_of(host), signal.SIGKILL)
    until(lambda: "the server of the inbox db1 ended (exit code -9)" in (host.home / "inbox.log").read_text())
    until(lambda: host.is_open("db1"))
    found = subprocess.run(["pgrep", "--full", "--list-full", str(host.inboxes)], capture_output=True, text=True, check=True)
    assert secret("password", "db1") not in found.stdout
    assert "restic" in found.stdout


def test_half_of_a_backup_is_none_and_hinders_nothing(host: BackupHost) -> None:
    """Of a member that was killed: its files are there, and no manifest, and its lock."""
    member = host.members["db1"]
    with member.restic() as restic:
        (host.home / "db1").mkdir()
        (host.home / "db1" / "data.wt").write_text("half")
        restic.save_content(host.home / "db1", PHYSICAL, f"{OF_BACKUP}{new_id(time.time())}")
    member.drop("locks", b"what a client had locked")
    assert host.run() == (0, "", "")
    assert host.listed().strays == ()
    whole = member.send("whole")
    assert host.run()[0] == 0
    assert host.ids() == {whole.id}


def test_a_lost_memory_costs_an_inbox_and_no_backup(host: BackupHost) -> None:
    member = host.members["db1"]
    good = member.send()
    assert host.run()[0] == 0
    (host.home / "stronghold/intake/memory.json").unlink()
    code, told, failed = host.run()
    assert (code, failed) == (0, "")
    assert told.startswith("made the inbox db1\nmade the inbox db2\n")
    until(lambda: host.is_open("db1"))
    again = member.send("more")
    assert host.run()[0] == 0
    assert host.ids() == {good.id, again.id}


def test_a_renewed_certificate_is_served(host: BackupHost, certificates: Path) -> None:
    new = host.home / "new.pem"
    new.write_bytes((certificates / "server.pem").read_bytes())
    before = server_of(host)
    new.rename(host.home / "own.pem")
    until(lambda: host.is_open("db1") and server_of(host) != before)


def server_of(host: BackupHost) -> int:
    """The process that serves the inbox of the first member; 0 for none."""
    words = ["pgrep", "--full", f"{ADDRESS}:{PORT} .*{host.inbox('db1')}$"]
    return int(subprocess.run(words, capture_output=True, text=True, check=False).stdout or 0)


def test_no_member_displaces_what_another_one_sent(host: BackupHost) -> None:
    home = host.home / "stronghold/intake"

    def tended_by_a_clock_that_was_ahead() -> None:
        memory = json.loads((home / "memory.json").read_text())
        (home / "memory.json").write_text(json.dumps({**memory, "tended": "2099-01-01T00:00:00Z"}))

    tended_by_a_clock_that_was_ahead()
    sent = [host.members[name].send(f"files of {name}") for name in MEMBERS]
    keep = {"daily": 1, "weekly": 0, "monthly": 0, "window": 0}
    assert host.run(keep=keep)[0] == 0
    old, other = (one.id for one in sent)
    record = json.loads((home / "record.json").read_text())
    assert set(record["verified"]) == {old, other}, "of each member the newest"
    for backup, days in zip(sorted(host.listed().backups, key=lambda one: one.manifest.member), (9, 8)):
        record["arrived"][backup.snapshot] = moments.text(time.time() - days * 86400)
    (home / "record.json").write_text(json.dumps(record))
    tended_by_a_clock_that_was_ahead()
    for number in range(2):
        host.members["db2"].send(f"more {number}")
    assert host.run(keep=keep)[0] == 0
    assert host.ids() > {old, other}
    assert [one["kept_as"] for one in json.loads(host.run("list", "--json", keep=keep)[1]) if one["id"] == old] == [
        ["newest", "newest verified", "daily", "begin of the window", "verified begin of the window"]
    ]
    assert moments.parse(json.loads((home / "memory.json").read_text())["tended"]).timestamp() <= time.time()


def test_what_has_had_its_time_does_not_come_back(host: BackupHost) -> None:
    """Although it is in the inbox still."""
    old, good = host.members["db1"].send(), host.members["db1"].send("more")
    assert host.run()[0] == 0
    vault = host.vault()
    (dropped,) = [backup for backup in look(vault, host.home / "none").backups if backup.manifest.id == old.id]
    vault.forget([dropped.snapshot])
    assert host.run() == (0, "", "")
    assert host.ids() == {good.id}
