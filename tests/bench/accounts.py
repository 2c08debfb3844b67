# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long many accounts take, created and unchanged, beside a loop over community.mongodb's module and bare commands."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pymongo
from integration.harness import Mongod, mongods
from scenario.playbook import Run

from bench import accounts_report, machine, sides
from bench.accounts_report import Measured
from lab.shell import LabError, progress

PAGE = sides.PROJECT / "docs" / "benchmarks" / "accounts.md"
SERVER = "6.0.27"
PORT = 21100
COUNTS = (200, 1000)
PEER_COUNT = 200  # the peer's loop takes minutes for these already
FLOOR = Path(__file__).parent / "accounts_floor.py"


@dataclass(frozen=True)
class Bench:
    """One server, and a way to give it accounts. Each side has databases of its own, so that none meets another's users."""

    mongod: Mongod
    password: str
    scratch: Path

    def users(self, count: int, database: str) -> list[dict[str, Any]]:
        return [
            {
                "name": f"user{number}",
                "database": database,
                "password": f"password of user {number}",
                "roles": [{"role": "readWrite", "db": database}, {"role": "read", "db": "reference"}],
            }
            for number in range(count)
        ]

    def play(self, programs: Path, task: Mapping[str, Any], users: Sequence[Mapping[str, Any]], **environment: str) -> Run:
        """Time ansible-playbook from start to exit, with a play of one task."""
        book = self.scratch / "play.json"
        book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        variables = self.scratch / "variables.json"
        variables.write_text(json.dumps({"users": users, "ansible_python_interpreter": str(programs / "python")}))
        config = self.scratch / "ansible.cfg"
        config.touch()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        begin = time.monotonic()
        done = subprocess.run(
            [str(programs / "ansible-playbook"), "-i", "localhost,", "-c", "local", "-e", f"@{variables}", str(book)],
            env={**clean, **environment, "PATH": f"{programs}:{os.environ['PATH']}", "ANSIBLE_CONFIG": str(config)},
            cwd=self.scratch,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        result = Run(done.returncode, done.stdout, time.monotonic() - begin)
        if result.rc:
            raise LabError(f"the play failed:\n{result.output[-4000:]}")
        return result

    @property
    def login(self) -> dict[str, Any]:
        return {"login_host": "127.0.0.1", "login_port": PORT, "login_user": "root", "login_password": self.password}

    def ours(self, users: Sequence[Mapping[str, Any]]) -> Run:
        task = {"stronghold.mongodb.mongodb_user": {**self.login, "tls": False, "users": "{{ users }}"}, "no_log": True}
        return self.play(Path(sys.executable).parent, task, users, ANSIBLE_COLLECTIONS_PATH=str(sides.PROJECT / ".tree"))

    def peer(self, users: Sequence[Mapping[str, Any]]) -> Run:
        each = {name: f"{{{{ item.{name} }}}}" for name in ("name", "database", "password", "roles")}
        module = {**self.login, **each, "update_password": "on_create"}
        task = {"community.mongodb.mongodb_user": module, "loop": "{{ users }}", "no_log": True}
        return self.play(sides.PEER / "bin", task, users)

    def floor(self, users: Sequence[Mapping[str, Any]], what: str) -> float:
        job = json.dumps({"port": PORT, "password": self.password, "users": list(users), "what": what})
        begin = time.monotonic()
        subprocess.run([sys.executable, str(FLOOR)], input=job, text=True, check=True)
        return time.monotonic() - begin

    def prove(self, users: Sequence[Mapping[str, Any]]) -> None:
        """All are there with their roles, and the last can log in."""
        last = users[-1]
        with self.mongod.client(username="root", password=self.password) as client:
            found = client[last["database"]].command({"usersInfo": 1})["users"]
        if len(found) != len(users) or any(len(user["roles"]) != len(last["roles"]) for user in found):
            raise LabError(f"{last['database']} has {len(found)} users instead of {len(users)}, or not with their roles")
        with self.mongod.client(username=last["name"], password=last["password"], authSource=last["database"]) as client:
            client.admin.command("ping")


@contextmanager
def running() -> Iterator[Bench]:
    with TemporaryDirectory() as scratch, mongods(Path(scratch) / "server", 1, SERVER, "--auth", port=PORT) as (mongod,):
        password = secrets.token_hex(16)
        with mongod.client() as client:
            client.admin.command("createUser", "root", pwd=password, roles=["root"])
        yield Bench(mongod, password, Path(scratch))


def measure(bench: Bench, count: int, peer: bool) -> Measured:
    database = f"of{count}"
    progress(f"{count} users: floor")
    users = bench.users(count, f"floor_{database}")
    floor = (bench.floor(users, "create"), bench.floor(users, "check"))
    bench.prove(users)
    progress(f"{count} users: stronghold.mongodb")
    users = bench.users(count, f"ours_{database}")
    first, again = bench.ours(users), bench.ours(users)
    bench.prove(users)
    if sum(again.changed.values()):
        raise LabError("the unchanged re-run of stronghold.mongodb changed something")
    theirs = None
    if peer:
        progress(f"{count} users: community.mongodb")
        users = bench.users(count, f"peer_{database}")
        runs = (bench.peer(users), bench.peer(users))
        bench.prove(users)
        theirs = (runs[0].seconds, runs[1].seconds)
    return Measured(count, (first.seconds, again.seconds), floor, theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-peer", action="store_true", help="only stronghold.mongodb and the floor; writes no page")
    quick = parser.parse_args().without_peer
    facts = machine.describe()
    machine.warn_if_busy()
    theirs = {} if quick else sides.peer_versions(f"pymongo=={pymongo.version}")
    with running() as bench:
        measured = [measure(bench, count, peer=count == PEER_COUNT and not quick) for count in COUNTS]
    print(accounts_report.table(measured))
    if quick:
        return
    ours = {"stronghold.mongodb": sides.our_version(), "ansible-core": version("ansible-core")}
    facts.update(accounts_report.versions(ours, theirs, pymongo.version, SERVER))
    PAGE.write_text(accounts_report.page(date.today().isoformat(), facts, measured, PAGE.read_text() if PAGE.exists() else ""))
    print(f"written to {PAGE.relative_to(sides.PROJECT)}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"bench: {error}")
