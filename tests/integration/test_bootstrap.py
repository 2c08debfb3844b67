# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S105, S106 (passwords of the tests alone)

"""mongodb_bootstrap: the first administrator, on data directories of every state."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pymongo
import pytest
from integration import ports
from integration.harness import ROOT, Mongod, one_sentence, run_module, unchanged

from lab.binaries import mongod_tree

PORT = ports.first(__file__)
PASSWORD = "Canary-first"
AUTH = ["--auth", "--setParameter", "enableLocalhostAuthBypass=false"]
ONLY_SHA_256 = ["--setParameter", "authenticationMechanisms=SCRAM-SHA-256"]
CREATED = ["create user admin@admin"]


@dataclass
class Seed:
    """A data directory at rest, and the service that will use it."""

    service: Mongod

    @property
    def data(self) -> Path:
        return self.service.home / "data"

    def arguments(self, **options: Any) -> dict[str, Any]:
        return {
            "login_host": "127.0.0.1",
            "login_port": self.service.port,
            "tls": False,
            "login_user": "admin",
            "login_password": PASSWORD,
            "db_path": str(self.data),
            "mongod": str(mongod_tree(self.service.version) / "bin" / "mongod"),
            "user": "root",
            "timeout": 30,
            **options,
        }

    def bootstrap(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("mongodb_bootstrap", check=check, **self.arguments(**options))

    def launch(self, **options: Any) -> subprocess.Popen[bytes]:
        """The module in the background, for those who watch or kill it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.stronghold.mongodb.plugins.modules.mongodb_bootstrap"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / ".tree")},
            cwd="/",
        )
        assert process.stdin
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**self.arguments(**options), "_ansible_diff": True}}).encode())
        process.stdin.close()
        return process

    def serves(self, password: str = PASSWORD) -> bool:
        """Whether the administrator can log in to the service and use its power."""
        try:
            with self.service.client(username="admin", password=password) as client:
                client.admin.command("usersInfo", 1)
        except pymongo.errors.OperationFailure:
            return False
        return True


@pytest.fixture(params=["5.0.4", "6.0.27"])
def seed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seed]:
    yield from make_seed(tmp_path, request.param)


@pytest.fixture
def new_seed(tmp_path: Path) -> Iterator[Seed]:
    yield from make_seed(tmp_path, "6.0.27")


def make_seed(home: Path, version: str) -> Iterator[Seed]:
    (home / "data").mkdir()
    service = Mongod(home, PORT, version, [*AUTH, *ONLY_SHA_256])
    try:
        yield Seed(service)
    finally:
        service.stop(kill=True)


def private_pids(data: Path) -> list[int]:
    """Private servers on that data directory: their configuration names it."""
    found = []
    for config in Path("/run").glob("stronghold-*/mongod.conf"):
        try:
            if json.loads(config.read_text())["storage"]["dbPath"] != str(data):
                continue
        except (OSError, ValueError):
            continue
        for pid, words in processes().items():
            if str(config).encode() in words:
                found.append(pid)
    return found


def processes() -> dict[int, bytes]:
    """pid: command line, of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(path.parent.name)] = path.read_bytes()
        except OSError:
            continue
    return found


def standalone(seed: Seed) -> Mongod:
    return Mongod(seed.service.home, PORT + 1, seed.service.version)


def initiated(seed: Seed, *, admin: bool) -> Mongod:
    """A set of one member on the seed's data, running, with 500 acknowledged documents and an administrator in no checkpoint."""
    server = Mongod(seed.service.home, PORT + 1, seed.service.version, ["--replSet", "rs"])
    server.start()
    with server.client() as client:
        client.admin.command("replSetInitiate", {"_id": "rs", "members": [{"_id": 0, "host": server.address}]})
        await_primary(client)
        while "Triggering the first stable checkpoint" not in server.log():
            time.sleep(0.1)
        time.sleep(0.5)  # the next checkpoint comes a minute later
        concern = pymongo.WriteConcern(w="majority", j=True)
        client.shop.get_collection("orders", write_concern=concern).insert_many([{"n": n} for n in range(500)])
        if admin:
            client.admin.command("createUser", "admin", pwd=PASSWORD, roles=["root"], writeConcern={"w": "majority", "j": True})
    return server


def await_primary(client: pymongo.MongoClient[dict[str, Any]]) -> None:
    deadline = time.monotonic() + 30
    while not client.admin.command("hello")["isWritablePrimary"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_from_nothing_to_a_service_without_the_localhost_exception(seed: Seed) -> None:
    predicted = seed.bootstrap(check=True)
    assert list(seed.data.iterdir()) == []
    done = seed.bootstrap()
    assert (done["changed"], done["changes"]) == (True, CREATED)
    assert [predicted[key] for key in ("changed", "changes", "diff")] == [done[key] for key in ("changed", "changes", "diff")]
    assert unchanged(seed.bootstrap())
    assert "is there already with another password" in one_sentence(seed.bootstrap(login_password="wrong"))
    unknown = seed.bootstrap(check=True)
    assert unchanged(unknown)
    assert "is not known" in json.dumps(unknown["warnings"])

    seed.service.start()
    assert seed.serves()
    for check in (True, False):
        assert unchanged(seed.bootstrap(check=check))
    assert "refuses this name and password" in one_sentence(seed.bootstrap(login_password="wrong"))


def test_nothing_is_open_and_no_secret_is_seen_meanwhile(new_seed: Seed) -> None:
    module = new_seed.launch()
    words, listening, modes = b"", set(), set()
    logs: dict[int, BinaryIO] = {}
    while module.poll() is None:
        words += b"".join(processes().values())
        for pid in private_pids(new_seed.data):
            try:
                home = Path(processes()[pid].split(b"\0")[2].decode()).parent
                if pid not in logs:
                    logs[pid] = (home / "log").open("rb")
                modes.add((home.stat().st_mode & 0o777, (home / "mongod.sock").stat().st_mode & 0o777))
                links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
            except (OSError, KeyError, IndexError):
                continue
            tables = (Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6"))
            inodes = {f"socket:[{line.split()[9]}]" for table in tables for line in table if line.split()[3] == "0A"}
            listening |= links & inodes
        time.sleep(0.02)
    assert module.stdout
    output = module.stdout.read()
    assert json.loads(output)["changed"]
    assert listening == set()
    assert modes == {(0o700, 0o700)}
    assert len(logs) == 1
    (log,) = [handle.read() for handle in logs.values()]
    assert b"Waiting for connections" in log
    assert b"mongod.conf" in words
    for text in (words, log, output):
        assert b"Canary" not in text
    new_seed.service.start()
    assert "Canary" not in new_seed.service.log()


def test_it_runs_as_the_service_user(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:  # tmp_path admits root alone
        home = Path(scratch)
        home.chmod(0o755)
        shutil.copytree(mongod_tree("6.0.5"), home / "tree")
        seed = Seed(Mongod(home, PORT, "6.0.5"))
        seed.data.mkdir(mode=0o750)
        os.chown(seed.data, nobody.pw_uid, nobody.pw_gid)
        assert seed.bootstrap(user="nobody", mongod=str(home / "tree" / "bin" / "mongod"))["changed"]
        owners = {(path.stat().st_uid, path.stat().st_mode & 0o077) for path in seed.data.rglob("*")}
        assert owners == {(nobody.pw_uid, 0)}


@pytest.mark.parametrize("alone", [True, False], ids=["module", "module-and-server"])
@pytest.mark.parametrize("moment", [0, 0.3, 0.6, 1.0])
def test_killed_and_run_again_it_finishes(new_seed: Seed, moment: float, alone: bool) -> None:
    """``moment`` (s) after its server appears; with ``alone`` the kernel ends the server, else it falls as with the power."""
    module = new_seed.launch()
    while not private_pids(new_seed.data):
        assert module.poll() is None
    time.sleep(moment)
    servers = private_pids(new_seed.data)
    if not alone:
        for pid in servers:
            os.kill(pid, signal.SIGKILL)
    module.kill()
    module.wait()
    result = new_seed.bootstrap()
    assert "failed" not in result, result
    assert private_pids(new_seed.data) == []
    new_seed.service.start()
    assert new_seed.serves()


def test_an_administrator_joins_other_data(seed: Seed) -> None:
    other = standalone(seed)
    other.start()
    with other.client() as client:
        client.shop.orders.insert_one({"n": 1})
        client.admin.command("createUser", "someone", pwd="x", roles=["root"])
    other.stop()
    assert seed.bootstrap()["changes"] == CREATED
    seed.service.start()
    assert seed.serves()
    with seed.service.client(username="admin", password=PASSWORD) as client:
        assert client.shop.orders.count_documents({}) == 1


@pytest.mark.parametrize("kill", [False, True], ids=["clean", "crashed"])
def test_data_of_a_set_with_its_administrator_are_left_as_they_are(seed: Seed, kill: bool) -> None:
    server = initiated(seed, admin=True)
    server.stop(kill=kill)
    assert unchanged(seed.bootstrap())
    server.start()
    with server.client() as client:
        await_primary(client)
        assert client.shop.orders.count_documents({}) == 500
    server.stop(kill=True)


def test_data_of_a_set_without_it_are_refused(seed: Seed) -> None:
    server = initiated(seed, admin=False)
    server.stop(kill=True)
    assert "belong to an initiated replica set" in one_sentence(seed.bootstrap())
    server.start()
    with server.client() as client:
        await_primary(client)
        assert client.shop.orders.count_documents({}) == 500
        assert client.admin.command("usersInfo", 1)["users"] == []
    server.stop(kill=True)


def test_the_storage_options_of_the_service_are_used(new_seed: Seed) -> None:
    assert new_seed.bootstrap(storage={"directoryPerDB": True, "dbPath": "/nonexistent"})["changed"]
    assert (new_seed.data / "admin").is_dir()
    refused = one_sentence(new_seed.bootstrap())
    assert "directoryPerDB" in refused
    assert "correct the option storage" in refused


def test_failures_are_one_sentence(new_seed: Seed) -> None:
    assert "Unrecognized option: storage.nonsense" in one_sentence(new_seed.bootstrap(storage={"nonsense": 1}))
    assert "there is no program no-mongod" in one_sentence(new_seed.bootstrap(mongod="no-mongod"))
    assert "there is no user nemo" in one_sentence(new_seed.bootstrap(user="nemo"))
    assert "is not a directory" in one_sentence(new_seed.bootstrap(db_path=str(new_seed.data / "none")))
    assert "choose another one" in one_sentence(new_seed.bootstrap(login_password="\x07"))
    assert list(new_seed.data.iterdir()) == []


def test_another_server_on_the_data_is_asked_and_not_disturbed(new_seed: Seed) -> None:
    other = standalone(new_seed)
    other.start()
    assert "nothing listens there" in one_sentence(new_seed.bootstrap(login_timeout=2))
    assert other.process
    assert other.process.poll() is None
    other.stop()
