# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long many accounts take, created and unchanged, beside a loop over community.mongodb's module and bare commands."""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pymongo
from integration.harness import Mongod, mongods

from bench import accounts_report, run, sides
from bench.accounts_report import Measured
from bench.run import Timed
from lab.shell import LabError, progress

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

    @property
    def login(self) -> dict[str, Any]:
        return {"login_host": "127.0.0.1", "login_port": PORT, "login_user": "root", "login_password": self.password}

    def ours(self, users: Sequence[Mapping[str, Any]]) -> Timed:
        task = {"stronghold.mongodb.mongodb_user": {**self.login, "tls": False, "users": "{{ users }}"}, "no_log": True}
        return run.play(self.scratch, run.OURS, [task], {"users": users})

    def peer(self, users: Sequence[Mapping[str, Any]]) -> Timed:
        each = {name: f"{{{{ item.{name} }}}}" for name in ("name", "database", "password", "roles")}
        module = {**self.login, **each, "update_password": "on_create"}
        task = {"community.mongodb.mongodb_user": module, "loop": "{{ users }}", "no_log": True}
        return run.play(self.scratch, sides.PEER / "bin", [task], {"users": users})

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
    if again.changed:
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
    facts = run.facts()
    theirs = {} if quick else sides.peer_versions(f"pymongo=={pymongo.version}")
    with running() as bench:
        measured = [measure(bench, count, peer=count == PEER_COUNT and not quick) for count in COUNTS]
    table = accounts_report.table(measured)
    if quick:
        print(table)
        return
    facts.update(accounts_report.versions(run.our_versions(), theirs, pymongo.version, SERVER))
    run.write("accounts", table, lambda date, previous: accounts_report.page(date, facts, measured, previous))


if __name__ == "__main__":
    run.main(main)
