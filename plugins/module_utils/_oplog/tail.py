# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the oplog of one member: what a majority has, in order, without a hole.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog import entries as oplog
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry, entry, position_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Link, Position, Timestamp, Why, spelled

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession

try:
    import bson
    from pymongo.errors import PyMongoError
except ImportError:  # told by ``connect``
    pass

ATTEMPT = "follow its oplog"
AHEAD = 64 << 20  # bytes that are read although no majority has them yet
SILENCE = 30  # seconds; the primary of an idle set writes an entry every 10 s


class Broken(StrongholdError):
    """What follows the last archived entry cannot be had from this member. ``why`` is that of the gap."""

    why: Why

    @classmethod
    def of(cls, where: str, why: Why, reason: str) -> Broken:
        made = cls(where, ATTEMPT, reason, "take a new base, from which on all is archived again")
        made.why = why
        return made


class Diverged(Broken):
    """The member's log is not the one that was archived."""


class RolledOver(Broken):
    """The member's log begins later."""


class Behind(StrongholdError):
    """The member does not have, or does not go on from, the last archived entry now: another one may, or this one later."""

    @classmethod
    def of(cls, where: str, reason: str) -> Behind:
        return cls(where, ATTEMPT, reason, "wait until it is in step with its set, or read another member")


class Tail:
    """A cursor on ``local.oplog.rs``. Made by ``following``."""

    def __init__(
        self,
        client: MongoClient[dict[str, Any]],
        session: ClientSession,
        login: Login,
        wait: float,
        silence: float | None,
    ) -> None:
        self.source = login.address
        self.rollback_id = 0
        self._where = login.where
        self._client, self._session, self._wait, self._silence = client, session, wait, silence
        self._cursor = 0
        self._read: Position | None = None
        self._uncommitted: list[Entry] = []
        self._heard = time.monotonic()

    def read(self) -> list[Entry]:
        """The next entries, often none; waits up to ``wait`` seconds for one.

        Only entries at or below a point are passed on of which it was known before the last read began that a majority has
        it: below that there is neither a hole nor anything that can be rolled back. Raises Behind and ServerError, after which
        only a new tail tells what became of the log.
        """
        committed = self._majority()
        if sum(len(entry.raw) for entry in self._uncommitted) < AHEAD:
            more = {"getMore": bson.Int64(self._cursor), "collection": "oplog.rs", "maxTimeMS": int(self._wait * 1000)}
            self._accept(self._command(more)["cursor"], "nextBatch")
        else:
            time.sleep(self._wait)
        passed = [entry for entry in self._uncommitted if entry.position.at <= committed.at]
        del self._uncommitted[: len(passed)]
        if passed:
            self._heard = time.monotonic()
            if passed[-1].position.at == committed.at and passed[-1].position != committed:
                raise Behind.of(self._where, f"it had another entry at {spelled(committed.at)} than the majority has")
        elif time.monotonic() - self._heard > (longest := SILENCE if self._silence is None else self._silence):
            raise Behind.of(self._where, f"no entry has reached a majority that it knows of for {longest:g} s")
        return passed

    def begin(self, since: Timestamp | None) -> None:
        """From the first entry at or after ``since``, or from the last that a majority has."""
        start = since or self._majority().at
        self.rollback_id = self._rollback_id()
        self._open(start)
        if self._read is None:
            raise Behind.of(self._where, f"its newest entry is older than {spelled(start)}")
        if since and self._read.at > since and self._oldest() > since:
            raise RolledOver.of(self._where, Why.ROLLOVER, f"its oplog begins later than {spelled(start)}")

    def resume(self, known: Link) -> None:
        """From the entry after ``known``.

        A rollback id that differs from an earlier one tells nothing, since a server that was killed starts with another: the
        entry decides, which has all that lies before it in its log. It must not change while that is found out.
        """
        at = known.position.at
        self.rollback_id = self._rollback_id()
        self._open(at)
        if not self._uncommitted:
            raise Behind.of(self._where, f"its newest entry is older than the last archived one of {spelled(at)}")
        first = self._uncommitted.pop(0)
        if self._rollback_id() != self.rollback_id:
            raise Behind.of(self._where, "it rolled back while it was read")
        if first.position.at != at and self._oldest() > at:
            raise RolledOver.of(
                self._where, Why.ROLLOVER, f"its oplog begins later than the last archived entry of {spelled(at)}"
            )
        if first.position.at != at:
            raise Diverged.of(self._where, Why.MISSING, f"it has no entry at {spelled(at)}, which is the last archived one")
        if first.position != known.position:
            raise Diverged.of(self._where, Why.TERM, f"its entry at {spelled(at)} is of another term than the last archived one")
        if first.link != known:
            raise Diverged.of(self._where, Why.HASH, f"its entry at {spelled(at)} differs from the last archived one")

    def close(self) -> None:
        if self._cursor:
            with suppress(PyMongoError):
                self._command({"killCursors": "oplog.rs", "cursors": [bson.Int64(self._cursor)]})

    def _open(self, start: Timestamp) -> None:
        later = {"ts": {"$gte": bson.Timestamp(*start)}}
        found = self._command({"find": "oplog.rs", "filter": later, "tailable": True, "awaitData": True})
        self._accept(found["cursor"], "firstBatch")

    def _oldest(self) -> Timestamp:
        found = self._command({"find": "oplog.rs", "sort": {"$natural": 1}, "limit": 1, "singleBatch": True})
        batch = [entry(document) for document in found["cursor"]["firstBatch"]]
        return batch[0].position.at if batch else (0, 0)

    def _accept(self, cursor: Any, name: str) -> None:
        for document in cursor[name]:
            found = entry(document)
            if self._read and (found.position.at <= self._read.at or found.position.term < self._read.term):
                raise Behind.of(self._where, f"its entry at {spelled(found.position.at)} is out of order")
            self._read = found.position
            self._uncommitted.append(found)
        self._cursor = int(cursor["id"])
        if not self._cursor and self._read:
            raise Behind.of(self._where, "it ended the cursor")

    def _command(self, command: dict[str, Any]) -> Any:
        return self._client.local.command(command, codec_options=oplog.RAW, session=self._session)

    def _majority(self) -> Position:
        """The last point of which the member knows that a majority has it."""
        last = self._client.admin.command("hello", session=self._session).get("lastWrite")
        if not last or "majorityOpTime" not in last:
            raise Behind.of(self._where, "it is no member of a replica set that is in service")
        return position_of(last["majorityOpTime"])

    def _rollback_id(self) -> int:
        return rollback_id(self._client, self._session)


def rollback_id(client: MongoClient[dict[str, Any]], session: ClientSession | None = None) -> int:
    """The member's; 0 of a server that is in no set. Raises PyMongo's errors."""
    quiet = dict.fromkeys(("metrics", "wiredTiger", "tcmalloc", "locks"), 0)
    status = client.admin.command({"serverStatus": 1, **quiet}, session=session)
    return int(status.get("repl", {}).get("rbid", 0))


@contextmanager
def following(
    login: Login, known: Link | None, since: Timestamp | None = None, wait: float = 0.5, silence: float | None = None
) -> Iterator[Tail]:
    """A tail of the member that ``login`` names: of what follows ``known``, or else from ``since`` on, or else from now on.

    ``silence`` is how long it may be without an entry, in seconds; SILENCE unless told.
    Raises Diverged and RolledOver where no such tail can be had from the member, Behind where it cannot be had now, and
    ServerError, the latter two from inside the block, too.
    """
    with connect(replace(login, replica_set=None), ATTEMPT) as client, client.start_session(causal_consistency=False) as session:
        tail = Tail(client, session, login, wait, silence)
        try:
            if known:
                tail.resume(known)
            else:
                tail.begin(since)
            yield tail
        finally:
            tail.close()
