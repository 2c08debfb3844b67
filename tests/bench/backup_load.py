# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far the archive of the oplog is behind under load, and what a writer sees while a backup is taken."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pymongo
from integration.archiving import Site
from integration.harness import Mongod, mongods, until

from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Limits
from bench import backup_load_report, run
from bench.backup import CAPTURE, PASSWORD, RESTIC
from bench.backup_load_report import Found, Pair
from lab.shell import LabError, progress

PORT = 29510
RATE = 5000  # writes a second
TOGETHER = 50  # in one command
PAIRS = 5
PAUSE = 0.004  # seconds between the writes of which the time is taken
DOCUMENTS = 1_200_000
BACKGROUND = ("nice", "-n", "10", "ionice", "-c", "3")


@contextmanager
def replica_set(home: Path) -> Iterator[list[Mongod]]:
    """Of three, the primary first."""
    with mongods(home, 3, "6.0.27", "--replSet", "rs", "--oplogSize", "2000", port=PORT) as servers:
        with servers[0].client() as client:
            members = [{"_id": index, "host": one.address, "priority": 2 - index} for index, one in enumerate(servers)]
            members[2]["priority"] = 0
            client.admin.command("replSetInitiate", {"_id": "rs", "members": members})
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
        yield servers


@contextmanager
def written(server: Mongod, rate: int) -> Iterator[list[int]]:
    """So many documents a second, some of them together; how many it were."""
    over, count = threading.Event(), [0]

    def write() -> None:
        with server.client() as client:
            due = time.monotonic()
            while not over.is_set():
                client.load.writes.insert_many([{"text": "x" * 200} for _each in range(TOGETHER)])
                count[0] += TOGETHER
                due += TOGETHER / rate
                time.sleep(max(0.0, due - time.monotonic()))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield count
    finally:
        over.set()
        writer.join()


def ages(servers: Sequence[Mongod], home: Path, seconds: float) -> tuple[list[float], list[float], float]:
    """In seconds, of the newest archived and the newest stored write, as often as that was told; and the writes a second."""
    site = Site(home, (servers[2].port,), replace(Limits(), seconds=60))
    with written(servers[0], RATE) as count, site.archiver():
        until(lambda: site.said("state"))
        time.sleep(5)
        begun, before = time.time() * 1000, count[0]
        time.sleep(seconds)
        rate = (count[0] - before) / seconds
    told = [state for state in site.said("state") if state["at"] >= begun]
    archived = [(state["at"] - state["archived"]) / 1000 for state in told]
    return archived, [(state["at"] - state["stored"]) / 1000 for state in told if state["stored"]], rate


class Latencies:
    """Of single writes that a majority has to have, one after the other."""

    def __init__(self, server: Mongod) -> None:
        concern = pymongo.WriteConcern("majority")
        self._into = server.client().load.get_collection("single", write_concern=concern)

    def during(self, action: subprocess.Popen[bytes] | float) -> list[float]:
        """In seconds, until the process has ended, or for so long."""
        found: list[float] = []
        end = time.monotonic() + (action if isinstance(action, float) else 600)
        while time.monotonic() < end and (isinstance(action, float) or action.poll() is None):
            begun = time.monotonic()
            self._into.insert_one({"text": "x" * 200})
            found.append(time.monotonic() - begun)
            time.sleep(PAUSE)
        return found


def pairs(servers: Sequence[Mongod], home: Path, rate: int, count: int) -> Iterator[Pair]:
    (home / "password").write_text(PASSWORD)
    words = [str(RESTIC), "-r", str(home / "bases"), "--password-file", str(home / "password"), "--quiet"]
    subprocess.run([*words, "--no-cache", "init"], check=True)
    capture = [*BACKGROUND, sys.executable, "-c", CAPTURE.replace(").run()", f", rate={rate << 20}).run()")]
    capture += [str(servers[2].port), str(home / "bases"), str(home / "password"), str(home / "cache"), str(RESTIC)]
    latencies = Latencies(servers[0])
    latencies.during(5.0)
    for number in range(1, count + 1):
        progress(f"pair {number}")
        begun = time.monotonic()
        with subprocess.Popen(capture) as taking:
            busy = latencies.during(taking)
        if taking.returncode:
            raise LabError("the backup failed")
        seconds = time.monotonic() - begun
        yield Pair(latencies.during(seconds), busy, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the load under which the age is taken")
    parser.add_argument("--rate", type=int, default=20, help="MiB a second that the backup reads at most")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="that are there when the backups are taken")
    words = parser.parse_args()
    facts = run.facts()
    with TemporaryDirectory(prefix="bench-load-") as folder, replica_set(Path(folder) / "set") as servers:
        home = Path(folder)
        progress(f"the age of the archive under {RATE} writes a second")
        archived, stored, rate = ages(servers, home / "archive", words.seconds)
        with servers[0].client() as client:
            many = [{"text": os.urandom(100).hex()} for _each in range(1000)]
            for _each in range(words.documents // len(many)):
                client.shop.orders.insert_many([dict(one) for one in many], ordered=False)
        measured = Found(archived, stored, rate, list(pairs(servers, home, words.rate, PAIRS)), words.rate)
    facts["Load average at the end"] = f"{os.getloadavg()[0]:.1f}"
    facts["restic"] = subprocess.run([str(RESTIC), "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    run.write(
        "backup_load",
        backup_load_report.table(measured),
        lambda date, previous: backup_load_report.page(date, facts, measured, previous),
    )


if __name__ == "__main__":
    run.main(main)
