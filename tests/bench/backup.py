# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a backup takes and what it stores, the first one and the second, beside mongodump with gzip and into restic."""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pymongo
from integration.backups import set_of_one
from integration.harness import Mongod

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Stream
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from bench import backup_report, run
from bench.backup_report import Cost, Measured, Tenth
from lab.binaries import debian_tree
from lab.shell import LabError, progress
from lab.tools import stock_tool

PORT = 29500
SIZES = (240, 1024, 16384)
TENTH = 1024
RESTIC = debian_tree("restic", "bookworm") / "usr/bin/restic"
PASSWORD = "a password of the bench"  # noqa: S105
BATCH = 8 << 20
POOL = 64 << 20  # characters
CAPTURE = """
import sys
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
port, url, password, cache, program = sys.argv[1:]
Capture(Login("127.0.0.1", int(port), tls=False), Restic("bench", Place(url, password, cache, program=program))).run()
"""
NOWHERE = """#!/bin/sh
case " $* " in *" backup "*) ;; *) exit ;; esac
cat > /dev/null
echo '{"message_type": "summary", "snapshot_id": "00000000", "data_added": 0}'
"""


def text() -> str:
    """Words as language has them: a few are most of it."""
    dice = random.Random(1)  # noqa: S311
    words = ["".join(dice.choices("etaoinshrdlucmfwypvbgkjqxz", k=dice.randint(2, 12))) for _each in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    found: list[str] = []
    size = 0
    while size < POOL:
        many = " ".join(dice.choices(words, cum_weights=list(itertools.accumulate(weights)), k=200_000))
        found.append(many)
        size += len(many)
    return " ".join(found)


@dataclass
class Bench:
    """A set of one with about ``size`` bytes of documents of ``document`` bytes each, and repositories beside it."""

    home: Path
    server: Mongod
    document: int
    size: int
    pool: str
    dice: random.Random = field(default_factory=lambda: random.Random(2))  # noqa: S311

    @property
    def count(self) -> int:
        return self.size // self.document

    def made(self, numbers: range) -> Iterator[dict[str, Any]]:
        length = self.document - 100  # the other fields, with their names
        for number in numbers:
            begin = self.dice.randrange(len(self.pool) - length)
            yield {
                "_id": number,
                "customer": self.dice.randrange(1 << 40),
                "amount": self.dice.random(),
                "state": self.dice.choice(["new", "paid", "sent"]),
                "text": self.pool[begin : begin + length],
            }

    def insert(self, client: pymongo.MongoClient[dict[str, Any]], numbers: range, database: str = "bench") -> None:
        documents = self.made(numbers)
        while many := list(itertools.islice(documents, max(1, BATCH // self.document))):
            client[database].orders.insert_many(many, ordered=False)

    def scatter(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        """One in a hundred, everywhere."""
        changes = [
            pymongo.UpdateOne({"_id": number}, {"$set": {"amount": self.dice.random(), "state": "back"}})
            for number in self.dice.sample(range(self.count), self.count // 100)
        ]
        client.bench.orders.bulk_write(changes, ordered=False)

    def spent(self, action: Callable[[], object], stored: Callable[[], int]) -> Cost:
        before, begin, cpu = stored(), time.monotonic(), _cpu()
        action()
        seconds, used = time.monotonic() - begin, _cpu() - cpu
        return Cost(seconds, used, stored() - before)

    def ours(self, program: str = str(RESTIC)) -> Cost:
        repository = self.home / "ours"
        words = [sys.executable, "-c", CAPTURE, str(self.server.port), str(repository)]
        words += [str(self.home / "password"), str(self.home / "cache"), program]
        return self.spent(lambda: subprocess.run(words, check=True), lambda: _size(repository))

    def dumped_and_packed(self) -> Cost:
        file = self.home / "dump.gz"
        with file.open("wb") as stream:
            cost = self.spent(lambda: subprocess.run(self._dump("--gzip"), stdout=stream, check=True), lambda: _size(file))
        file.unlink()
        return cost

    def dumped_into_restic(self) -> Cost:
        repository = self.home / "peer"
        restic = [str(RESTIC), "-r", str(repository), "--password-file", str(self.home / "password"), "--quiet"]
        restic += ["--cache-dir", str(self.home / "cache")]
        subprocess.run([*restic, "init"], check=True)

        def dump() -> None:
            with subprocess.Popen(self._dump(), stdout=subprocess.PIPE) as dumping:
                subprocess.run([*restic, "backup", "--stdin"], stdin=dumping.stdout, check=True)
            if dumping.returncode:
                raise LabError("mongodump failed")

        cost = self.spent(dump, lambda: _size(repository))
        shutil.rmtree(repository)
        return cost

    def copied(self) -> Cost:
        there = self.home / "copy"
        there.mkdir()
        words = ["cp", *map(str, (self.server.home / "data").glob("*.wt")), str(there)]
        cost = self.spent(lambda: subprocess.run(words, check=True), lambda: _size(there))
        shutil.rmtree(there)
        return cost

    def _dump(self, *words: str) -> list[str]:
        return [*stock_tool("mongodump"), "--host", "127.0.0.1", "--port", str(self.server.port), "--quiet", "--archive", *words]


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) if path.exists() else 0


def _cpu() -> float:
    return os.times().children_user + os.times().children_system


def measure(bench: Bench) -> Measured:
    with bench.server.client() as client:
        progress(f"{bench.count} documents of {bench.document} bytes")
        bench.insert(client, range(bench.count))
        found = client.bench.command("collStats", "orders")
        data = int(found["size"])
        (bench.home / "password").write_text(PASSWORD)
        (bench.home / "nowhere").write_text(NOWHERE)
        (bench.home / "nowhere").chmod(0o755)
        words = [str(RESTIC), "-r", str(bench.home / "ours"), "--password-file", str(bench.home / "password"), "--quiet"]
        subprocess.run([*words, "--no-cache", "init"], check=True)
        costs: dict[str, Cost] = {}
        for name, action in {
            "nowhere": lambda: bench.ours(str(bench.home / "nowhere")),
            "first": bench.ours,
            "unchanged": bench.ours,
            "gzip": bench.dumped_and_packed,
            "restic": bench.dumped_into_restic,
            "copy": bench.copied,
        }.items():
            progress(f"  {name}")
            costs[name] = action()
        bench.insert(client, range(bench.count, bench.count + bench.count // 100))
        costs["appended"] = bench.ours()
        bench.scatter(client)
        costs["scattered"] = bench.ours()
    return Measured(bench.document, data, costs)


def fetch_one_of_ten(bench: Bench) -> Tenth:
    with bench.server.client() as client:
        progress(f"ten databases with {bench.count} documents of {bench.document} bytes")
        for number in range(10):
            bench.insert(client, range(bench.count // 10), f"bench{number}")
    password = bench.home / "password"
    password.write_text(PASSWORD)
    restic = Restic("bench", Place(str(bench.home / "ours"), str(password), str(bench.home / "cache"), program=str(RESTIC)))
    restic.make()
    streams = [
        stream
        for stream in Capture(Login("127.0.0.1", bench.server.port, tls=False), restic).run().streams
        if stream.name.startswith("database-bench")
    ]

    def fetch(wanted: Sequence[Stream]) -> float:
        begin = time.monotonic()
        for stream in wanted:
            with restic.dump(stream.snapshot, stream.name) as chunks:
                for _chunk in chunks:
                    pass
        return time.monotonic() - begin

    assert len(streams) == 10
    return Tenth(fetch(streams), fetch(streams[4:5]), streams[4].size / sum(stream.size for stream in streams))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="bytes of a document")
    words = parser.parse_args()
    facts = run.facts()
    pool = text()
    measured = []
    for document in words.sizes:
        with TemporaryDirectory(prefix="bench-backup-") as folder:
            home = Path(folder)
            with set_of_one(home / "set", PORT) as server:
                measured.append(measure(Bench(home, server, document, int(words.gigabytes * 2**30), pool)))
    with TemporaryDirectory(prefix="bench-backup-") as folder, set_of_one(Path(folder) / "set", PORT) as server:
        tenth = fetch_one_of_ten(Bench(Path(folder), server, TENTH, int(words.gigabytes * 2**30), pool))
    facts["Load average at the end"] = f"{os.getloadavg()[0]:.1f}"
    facts["mongodump"] = "100.3.1, for Windows, by Wine"
    facts["restic"] = subprocess.run([str(RESTIC), "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    run.write(
        "backup", backup_report.table(measured), lambda date, previous: backup_report.page(date, facts, measured, tenth, previous)
    )


if __name__ == "__main__":
    run.main(main)
