# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Money that goes from account to account in transactions, so that of whatever was restored the sum is known."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pymongo
from integration.harness import until
from pymongo.errors import PyMongoError

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.private_server import PrivateServer
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore import files
from lab import binaries

ACCOUNTS, EACH = 20, 100


@dataclass
class Workload:
    """``done`` are numbers of transfers that a majority has acknowledged. ``login`` are options of the client."""

    addresses: Sequence[str]
    login: dict[str, str]
    done: list[int] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        hosts = ",".join(self.addresses)
        with pymongo.MongoClient(hosts, replicaSet="shop", **self.login) as client, client.start_session() as session:
            number = 0
            while not self.stopped.is_set():
                number += 1
                try:
                    with session.start_transaction(write_concern=pymongo.WriteConcern("majority")):
                        bank = client.bank
                        bank.accounts.update_one({"_id": number % ACCOUNTS}, {"$inc": {"has": -1}}, session=session)
                        bank.accounts.update_one({"_id": number * 7 % ACCOUNTS}, {"$inc": {"has": 1}}, session=session)
                        bank.transfers.insert_one({"_id": number}, session=session)
                except PyMongoError:
                    continue
                self.done.append(number)


@contextmanager
def transfers(addresses: Sequence[str], **login: str) -> Iterator[Workload]:
    """In the set ``shop``, of which ``addresses`` are members, for a block."""
    with pymongo.MongoClient(",".join(addresses), replicaSet="shop", **login) as client:
        client.bank.accounts.drop()
        client.bank.transfers.drop()
        client.bank.create_collection("transfers")
        client.bank.accounts.insert_many([{"_id": number, "has": EACH} for number in range(ACCOUNTS)])
    load = Workload(addresses, login)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        until(lambda: len(load.done) > 20, 60)
        yield load
    finally:
        load.stopped.set()
        thread.join()


def restored(restic: Restic, taken: Manifest, folder: Path) -> tuple[int, set[int]]:
    """Of the files of a backup the sum of all accounts, and the transfers that are there."""
    folder.mkdir()
    server = PrivateServer(
        str(binaries.mongod_tree("6.0.27") / "bin/mongod"), folder, {"wiredTiger": {"engineConfig": {"cacheSizeGB": 0.25}}},
        getpass.getuser(), 60,
    )  # fmt: skip
    with (
        files.put(restic, taken, server).running() as socket,
        pymongo.MongoClient(f"mongodb://{str(socket).replace('/', '%2F')}") as client,
    ):
        total = sum(one["has"] for one in client.bank.accounts.find())
        return total, {one["_id"] for one in client.bank.transfers.find()}
