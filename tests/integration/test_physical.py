# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold physical`` of a set of three with access control: files of a locked secondary, which is unlocked in every case."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration import ports
from integration.backups import PASSWORD, repository
from integration.harness import ROOT, Mongod, mongods, until
from integration.past import Host
from integration.transfers import ACCOUNTS, EACH, restored, transfers

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical import capture, lock, physical
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Catalogue, look
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.verify import verify
from lab import binaries

PORT = ports.first(__file__)
ADMIN = {"username": "admin", "password": PASSWORD}
ACTIONS = ["fsync", "unlock", "getCmdLineOpts", "replSetGetConfig", "replSetGetStatus", "serverStatus"]
READ = [("local", "oplog.rs"), ("admin", "system.version")]
KILLS = 20 if os.environ.get("STRONGHOLD_LONG") else 3


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Mongod]]:
    """The second is the one that is missed least; the oplog reaches back far enough."""
    home = tmp_path_factory.mktemp("set")
    key = home / "key"
    key.write_text("a" * 60)
    key.chmod(0o400)
    with mongods(home, 3, "6.0.27", "--replSet", "shop", "--keyFile", str(key), port=PORT) as servers:
        with servers[0].client() as client:
            members = [{"_id": number, "host": one.address, "priority": 3 - number} for number, one in enumerate(servers)]
            members[1].update(priority=0, hidden=True)
            client.admin.command("replSetInitiate", {"_id": "shop", "members": members})
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
            client.admin.command("createUser", "admin", pwd=PASSWORD, roles=["root"])
        with servers[0].client(**ADMIN) as client:
            privileges = [
                {"resource": {"cluster": True}, "actions": ACTIONS},
                *({"resource": {"db": db, "collection": name}, "actions": ["find"]} for db, name in READ),
            ]
            client.admin.command("createRole", "saver", privileges=privileges, roles=[])
            client.admin.command("createUser", "saver", pwd=PASSWORD, roles=["saver"], writeConcern={"w": 3})
        yield servers


@dataclass(frozen=True)
class Site(Host):
    """The host of one member."""

    server: Mongod
    restic: Restic

    def of(self, server: Mongod) -> Site:
        """That of another one."""
        home = self.home / str(server.port)
        home.mkdir()
        return Site(home, self.command, self.capture, {**self.settings, **settings_of(server)}, server, self.restic)

    def listed(self) -> Catalogue:
        return look(self.restic, self.home / "none")

    def is_locked(self) -> bool:
        with self.server.client(**ADMIN) as client:
            return lock.is_locked(client)

    def begin(self) -> subprocess.Popen[bytes]:
        """The program as a process of its own."""
        code = (
            "import sys\nfrom pathlib import Path\n"
            "from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks\n"
            "from ansible_collections.stronghold.mongodb.plugins.module_utils._physical import lock, physical\n"
            "from ansible_collections.stronghold.mongodb.plugins.module_utils._program import program\n"
            f"locks._ROOTS = Path({str(self.home / 'locks')!r})\n"
            f"lock.RECORD = Path({str(lock.RECORD)!r})\nphysical.WANTED = Path({str(physical.WANTED)!r})\n"
            f"sys.exit(program.main(['physical', '--config', {str(self.write())!r}]))\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT / ".tree")}
        return subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL, start_new_session=True)


def settings_of(server: Mongod) -> dict[str, Any]:
    login = {"host": "127.0.0.1", "port": server.port, "user": "saver", "password": PASSWORD, "tls": False, "timeout": 5}
    return {"login": login, "db_path": str(server.home / "data")}


@pytest.fixture
def site(
    servers: list[Mongod], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Site]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PATH", str(binaries.restic().parent), prepend=":")
    monkeypatch.setattr(locks, "_ROOTS", tmp_path / "locks")
    monkeypatch.setattr(lock, "RECORD", tmp_path / "run/physical.json")
    monkeypatch.setattr(lock, "_PATIENCE", 15.0)
    monkeypatch.setattr(physical, "WANTED", tmp_path / "run/wanted")
    monkeypatch.setattr(physical, "RATE", 1e12)  # of an oplog that is as young as the test
    restic = repository(tmp_path)
    vaults = [{"repository": restic.place.url, "password": PASSWORD}]
    settings = {**settings_of(servers[1]), "vaults": vaults, "metrics_file": str(tmp_path / "physical.prom")}
    made = Site(tmp_path, "physical", capsys, settings, servers[1], Restic(os.uname().nodename, restic.place))
    until(lambda: caught_up(servers), 60)
    yield made
    assert not made.is_locked()


def addresses(servers: list[Mongod]) -> list[str]:
    return [server.address for server in servers]


def caught_up(servers: list[Mongod]) -> bool:
    with servers[0].client(**ADMIN) as client:
        members = client.admin.command("replSetGetStatus")["members"]
    return {one["stateStr"] for one in members} == {"PRIMARY", "SECONDARY"} and len({one["optime"]["ts"] for one in members}) == 1


def test_the_files_hold_all_that_was_acknowledged_before(servers: list[Mongod], site: Site, tmp_path: Path) -> None:
    with transfers(addresses(servers), **ADMIN) as load:
        before = set(load.done)
        code, told, failed = site.run()
        during = len(load.done) - len(before)
    assert failed == ""
    assert code == 0
    assert during > 5, "a majority writes on while one member is locked"
    (backup,) = site.listed().backups
    taken = backup.manifest
    assert told.startswith(f"took the backup {taken.id} into {site.restic.place.url}: ")
    assert (taken.method, taken.member, taken.items, taken.partial) == ("physical", servers[1].address, (), False)
    assert "mongod.lock" not in {Path(path).name for path in site.restic.files(taken.streams[0].snapshot)}
    total, there = restored(site.restic, taken, tmp_path / "restored")
    assert total == ACCOUNTS * EACH
    assert before - there == set()
    verify(site.restic, taken)
    found = json.loads((site.home / "memory.json").read_text())
    assert found["locked"] > 0
    assert found["rate"] > 0
    assert f"mongodb_physical_locked_seconds {found['locked']:.15g}\n" in (site.home / "physical.prom").read_text()
    assert site.run("status")[1].splitlines()[1].startswith("last backup: ")
    assert site.run() == (0, "", ""), "not due again"
    physical.WANTED.touch()
    assert site.run()[1].startswith("took the backup "), "unless it is asked for"
    assert not physical.WANTED.exists()


def test_the_others_know_that_they_are_not_the_one(servers: list[Mongod], site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for server in (servers[0], servers[2]):
        other = site.of(server)
        monkeypatch.setenv("STATE_DIRECTORY", str(other.home))
        assert other.run() == (0, "", "")
        assert other.run("status")[1].splitlines()[1:] == [f"{servers[1].address} is the one"]
    assert site.listed().backups == ()


def test_while_one_is_locked_no_second_one_is(servers: list[Mongod], site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although its lag grows, so that it is no candidate any more."""
    with servers[1].client(**ADMIN) as client:
        client.admin.command({"fsync": 1, "lock": True})
        try:
            with transfers(addresses(servers), **ADMIN):
                other = site.of(servers[2])
                monkeypatch.setenv("STATE_DIRECTORY", str(other.home))
                for _turn in range(12):
                    assert other.run() == (0, "", "")
                    time.sleep(1)
                code, _told, failed = site.run()
            assert code == 1
            assert "s behind; " in failed
            assert f"{servers[2].address}: without it no majority of the votes would be left" in failed
            assert lock.is_locked(client), "a lock of somebody else stays"
        finally:
            client.admin.command({"fsyncUnlock": 1})
    assert site.listed().backups == ()


def test_a_lock_of_somebody_else_is_not_touched(site: Site) -> None:
    with site.server.client(**ADMIN) as client:
        client.admin.command({"fsync": 1, "lock": True})
        code, told, failed = site.run()
        assert (code, told) == (1, "")
        assert "because somebody has locked it; unlock it by db.fsyncUnlock()" in failed
        assert site.run("release") == (0, "", "")
        assert client.admin.command({"fsyncUnlock": 1})["lockCount"] == 0


@pytest.mark.parametrize(
    ("vault", "reason"),
    [
        ({"repository": "/nowhere/at/all"}, "there is no repository"),
        ({"password": "that of somebody else"}, "the password is another one"),
        ({"repository": "rest:http://anna:xyzzy@127.0.0.1:9/"}, "it cannot be reached (rest:http://127.0.0.1:9/"),
    ],
)
def test_a_vault_that_cannot_be_used_hinders_no_other(site: Site, vault: dict[str, Any], reason: str) -> None:
    good = site.settings["vaults"][0]
    vaults = [{**good, **vault}] if "password" in vault else [{**good, **vault}, good]
    code, told, failed = site.run(vaults=vaults)
    assert code == 1
    assert reason in failed
    assert "xyzzy" not in failed
    assert ("took the backup" in told) == (len(vaults) > 1)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [("echo no space left on device >&2; exit 1", "there is no room left"), ("kill -9 $$", "restic was ended by SIGKILL")],
)
def test_where_restic_fails_the_server_is_unlocked_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str, reason: str
) -> None:
    (tmp_path / "bin").mkdir()
    fails = tmp_path / "bin/restic"
    fails.write_text(f'#!/bin/sh\ncase " $* " in *" backup "*) {ends};; esac\n{binaries.restic()} "$@"\n')
    fails.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(fails.parent), prepend=":")
        code, told, failed = site.run()
    assert (code, told) == (1, "")
    assert reason in failed
    assert not site.is_locked()
    assert not lock.RECORD.exists()
    assert "the last run failed (" in site.run("status")[2]
    assert site.run()[0] == 0


@contextmanager
def slow(site: Site, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """A restic that waits while the server is locked, and tells by ``saves`` that it does."""
    folder = site.home / "slow"
    folder.mkdir()
    program = folder / "restic"
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" backup . "*) touch {folder}/saves; sleep {seconds};; esac\nexec {binaries.restic()} "$@"\n'
    )
    program.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(folder), prepend=":")
        yield


def saves(site: Site) -> bool:
    """Whether the slow restic was begun."""
    return (site.home / "slow" / "saves").exists()


@pytest.mark.parametrize("after", [0.3 + 2.2 * number / KILLS for number in range(KILLS)])
def test_a_program_that_is_killed_leaves_nothing_locked(site: Site, monkeypatch: pytest.MonkeyPatch, after: float) -> None:
    with slow(site, monkeypatch, 0.5):
        process = site.begin()
        time.sleep(after)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    recorded, held = lock.RECORD.exists(), site.is_locked()
    code, told, failed = site.run("release")
    assert (code, failed) == (0, "")
    assert ("was left locked" in told) >= held
    assert recorded >= held
    assert not site.is_locked()
    assert site.run("release") == (0, "", "")
    if not site.listed().backups:
        site.restic.unlock()
        assert site.run()[0] == 0


def test_a_program_that_is_killed_with_the_lock_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with slow(site, monkeypatch, 60):
        process = site.begin()
        until(lambda: saves(site))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert site.is_locked()
    code, told, failed = site.run("release")
    assert (code, failed) == (0, "")
    assert told == f"unlocked the server 127.0.0.1:{site.server.port} on {os.uname().nodename}, which was left locked\n"
    assert site.listed().backups == ()
    assert site.run()[0] == 0


def test_a_server_that_ends_meanwhile(site: Site, servers: list[Mongod], monkeypatch: pytest.MonkeyPatch) -> None:
    def strike() -> None:
        until(lambda: saves(site))
        site.server.stop(kill=True)
        site.server.start()

    thread = threading.Thread(target=strike)
    with slow(site, monkeypatch, 5):
        thread.start()
        code, told, failed = site.run()
    thread.join()
    assert (code, told) == (1, "")
    assert "could not keep the server locked because it was started anew meanwhile" in failed
    assert site.listed().backups == ()
    assert not lock.RECORD.exists()
    until(lambda: caught_up(servers), 60)
    assert site.run()[0] == 0


def test_a_folder_that_is_elsewhere_is_named(site: Site, tmp_path: Path) -> None:
    link = site.server.home / "data/shop"
    link.symlink_to(tmp_path)
    try:
        code, _told, failed = site.run()
    finally:
        link.unlink()
    assert code == 1
    assert f"{link} is a link, and what it leads to would be missing" in failed


def test_a_copy_that_takes_too_long_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(physical, "RATE", 1.0)
    code, _told, failed = site.run()
    assert code == 1
    assert "s of its oplog are" in failed


def test_that_it_is_locked_is_recorded_before(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = lock._lock

    def locks_then(*words: Any) -> None:
        seen.append(lock.Record.read())
        real(*words)

    monkeypatch.setattr(lock, "_lock", locks_then)
    assert site.run()[0] == 0
    assert [one.count for one in seen if one] == [0]


def test_a_member_that_rolls_back_meanwhile_gives_no_backup(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = capture._position
    monkeypatch.setattr(capture, "_position", lambda login: (real(login)[0], real(login)[1] + 1))
    code, told, failed = site.run()
    assert (code, told) == (1, "")
    assert "the member rolled back meanwhile; take another one when the set has settled" in failed
    assert site.listed().backups == ()
    assert not lock.RECORD.exists()
