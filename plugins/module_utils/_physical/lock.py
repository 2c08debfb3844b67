# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that writes nothing (fsyncLock) while a block runs, and never longer, however the program ends.

The server counts locks, keeps them when a connection ends, and loses them when it ends itself. That this program locks it is
recorded before, so that whoever comes after a program that was killed can give the lock back: ``release``. A lock that somebody
else holds is not touched.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, memory
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import Kind, ServerError, connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

if TYPE_CHECKING:
    from pymongo import MongoClient

with suppress(ImportError):  # told by whoever connects
    from pymongo.errors import OperationFailure

RECORD = Path("/run/stronghold/physical.json")
ATTEMPT = "lock the server"
UNLOCK = "unlock the server"
_PATIENCE = 60.0  # seconds in which it is tried to unlock
_NOT_LOCKED = 20  # the server's code IllegalOperation


@dataclass(frozen=True)
class Record:
    """The server that this program locks: the id of its process, and how many locks it had with that, 0 before that is known."""

    pid: int
    count: int = 0

    @classmethod
    def read(cls) -> Record | None:
        try:
            found = json.loads(RECORD.read_bytes())
            return cls(int(found["pid"]), int(found["count"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self) -> None:
        memory.keep(RECORD, asdict(self), "make room there")


@dataclass
class Locked:
    """``seconds`` is how long the server was locked, once the block has ended."""

    seconds: float = 0


@contextmanager
def locked(login: Login) -> Iterator[Locked]:
    """The server is locked for a block; where it was not all the time, StrongholdError is raised at its end."""
    with connect(login, ATTEMPT) as client:
        if is_locked(client):
            remedy = "unlock it by db.fsyncUnlock() when that work is done"
            raise StrongholdError(login.where, ATTEMPT, "somebody has locked it", remedy)
        record = Record(_pid(client))
        record.write()
        held, begun = Locked(), time.monotonic()
        try:
            _lock(client, login, record)
            yield held
        except BaseException:
            if Record.read():
                with suppress(_LostError):
                    _give_back(login, record)
            raise
        _give_back(login, record)
        held.seconds = time.monotonic() - begun


def release(login: Login) -> str | None:
    """Give back what a program that was killed had locked, and tell so; None where there is nothing. Raises StrongholdError."""
    record = Record.read()
    if record is None:
        return None
    try:
        _give_back(login, record)
    except _LostError:
        return None
    return f"unlocked the server {login.where}, which was left locked"


def is_locked(client: MongoClient[dict[str, Any]]) -> bool:
    """Whoever did so; it needs no right, as it asks for this account's own operations."""
    return bool(client.admin.command({"currentOp": 1, "$ownOps": True}).get("fsyncLock"))


class _LostError(StrongholdError):
    """The server is not locked any more."""


def _lock(client: MongoClient[dict[str, Any]], login: Login, record: Record) -> None:
    try:
        count = int(client.admin.command({"fsync": 1, "lock": True})["lockCount"])
    except OperationFailure:  # the server says that it did not
        files.remove(RECORD)
        raise
    Record(record.pid, count).write()
    if count > 1:
        raise StrongholdError(login.where, ATTEMPT, "somebody else locked it in the same moment", "run again when it is unlocked")


def _give_back(login: Login, record: Record) -> None:
    """Once, on a connection of its own, and the record goes. Raises StrongholdError, of which ``_LostError`` tells of no lock."""
    for attempt in patience(_PATIENCE, pause=0.5):
        try:
            with connect(login, UNLOCK) as client:
                _unlock(client, login, record)
        except ServerError as error:
            if attempt.spent or error.kind is Kind.REFUSED:
                raise
        else:
            break
    files.remove(RECORD)


def _unlock(client: MongoClient[dict[str, Any]], login: Login, record: Record) -> None:
    if _pid(client) != record.pid:
        raise _lost(login, "it was started anew meanwhile")
    for attempt in patience(_PATIENCE, pause=0.1):  # a command to lock that was begun goes on without its client
        if not _is_locking(client) or attempt.spent:
            break
    try:
        client.admin.command({"fsyncUnlock": 1})
    except OperationFailure as error:
        if error.code != _NOT_LOCKED:
            raise
        raise _lost(login, "somebody else unlocked it") from error


def _lost(login: Login, reason: str) -> _LostError:
    with suppress(OSError):
        files.remove(RECORD)
    return _LostError(login.where, "keep the server locked", reason, "run again")


def _is_locking(client: MongoClient[dict[str, Any]]) -> bool:
    running = client.admin.command({"currentOp": 1, "$ownOps": True})["inprog"]
    return any("fsync" in one.get("command", {}) for one in running)


def _pid(client: MongoClient[dict[str, Any]]) -> int:
    return int(client.admin.command({"serverStatus": 1, "metrics": 0, "wiredTiger": 0})["pid"])
