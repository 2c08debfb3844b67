# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A logical backup: what one member holds, as of a time that a majority has, in archives as mongodump writes them.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import content
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import Found, Selection
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.origin import (
    ATTEMPT,
    OF_BACKUP,
    cluster_time,
    compatibility_of,
    complete,
    new_id,
    require_data,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.reading import Moved, Read, Reader
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.meter import Advance, nobody
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.pace import Pace
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.tail import following
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import VIEW, Head, Writer
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    ARCHIVE,
    LOGICAL,
    Item,
    Manifest,
    Stream,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Restic, Saving

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo import MongoClient

LOG = "oplog.bson"
_SETTLE = 5  # seconds
_SILENCE = 600  # seconds; no other member takes over from one whose disk is slow, and all that was read would be read again
_HELD = 32 << 20  # bytes of the oplog in memory
TOOL = "stronghold.mongodb"


class _Stopped(Exception):
    """Another stream has failed."""


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise _Stopped


class _Saving:
    """What goes into a stream, of which length and hash are taken. It ends when another stream has failed."""

    def __init__(self, name: str, saving: Saving, stop: Event, pace: Pace) -> None:
        self.name, self._saving, self._stop, self._pace = name, saving, stop, pace
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        _go_on(self._stop)
        self._pace.spend(len(data))
        self._digest.update(data)
        self._size += len(data)
        self._saving.write(data)

    def stream(self) -> Stream:
        """Once it is saved."""
        return Stream(self.name, self._saving.snapshot, self._size, self._digest.hexdigest())


class _Log:
    """The oplog beside the streams. Most backups need none of it, so that it is saved when it is too much to hold in memory."""

    def __init__(self, save: Callable[[], _Saving]) -> None:
        self._save, self._held = save, bytearray()
        self._saving: _Saving | None = None

    def write(self, data: bytes) -> None:
        if self._saving is None and len(self._held) + len(data) > _HELD:
            self.pour(self._save())
        if self._saving is None:
            self._held += data
        else:
            self._saving.write(data)

    def pour(self, saving: _Saving) -> None:
        """Have what is held, and all that follows, saved."""
        self._saving = saving
        saving.write(bytes(self._held))
        self._held.clear()

    def stream(self) -> Stream | None:
        """Once it is saved; None where it is held."""
        return self._saving.stream() if self._saving else None


@dataclass
class Capture:
    """Of one member, into one repository. ``workers`` is how many streams are read at once, ``rate`` the most bytes a second.

    ``advance`` is told how many bytes of documents were read.
    """

    login: Login
    restic: Restic
    selection: Selection = field(default_factory=Selection)
    workers: int = field(default_factory=lambda: max(1, os.cpu_count() or 1))
    rate: int = 0
    advance: Advance = nobody

    def __post_init__(self) -> None:
        self.login = replace(self.login, replica_set=None)
        self._stop, self._pace, self._whole = Event(), Pace(self.rate), 0
        self._last: Timestamp | None = None

    def run(self) -> Manifest:
        """Take it, and write its manifest. Raises StrongholdError; then there is no backup."""
        begun = time.time()
        name = new_id(begun)
        with connect(self.login, ATTEMPT) as client:
            set_name, rolled_back = require_data(client, self.login)
            before = content.found(client, self.selection)
            first = self._settled(client)
            # What changed before that time is in this list, and what changes after it is in the oplog.
            listed = content.found(client, self.selection)
            if not listed:
                raise StrongholdError(self.login.where, ATTEMPT, "nothing there was selected", "correct the selection")
            sizes = content.sizes(client, listed)
            self._whole = sum(sizes.values())
            laid = content.streams(listed, sizes)
            version = str(client.server_info()["version"])
            compatibility = compatibility_of(client)
        saved, log = self._save_beside_log(name, laid, Head(version, TOOL, ()), first)
        with connect(self.login, ATTEMPT) as client:
            same = _same(before, listed) and _same(listed, content.found(client, self.selection))
            if require_data(client, self.login)[1] != rolled_back:
                remedy = "take another one when the set has settled"
                raise StrongholdError(self.login.where, ATTEMPT, "the member rolled back meanwhile", remedy)
        items = tuple(item for _stream, read in saved for item in read)
        whole = same and all(item.times == (cluster_time(first),) for item in items if item.kind != VIEW)
        manifest = Manifest(
            id=name,
            method=LOGICAL,
            replica_set=set_name,
            member=self.login.address,
            server_version=version,
            compatibility=compatibility,
            begun=moments.text(begun, "milliseconds"),
            ended=moments.text(time.time(), "milliseconds"),
            cluster_time=cluster_time(first),
            consistent_at=cluster_time(first if whole else self._last or first),
            rollback_id=rolled_back,
            partial=self.selection != Selection(),
            streams=(*(stream for stream, _read in saved), *([] if whole else [self._kept(name, log)])),
            items=tuple(sorted(items, key=lambda item: (item.database, item.collection))),
        )
        complete(self.restic, manifest)
        return manifest

    def _save_beside_log(
        self, name: str, laid: Mapping[str, Sequence[Found]], head: Head, first: Timestamp
    ) -> tuple[list[tuple[Stream, list[Item]]], _Log]:
        with ThreadPoolExecutor(1) as pool:
            log = pool.submit(self._read_log, name, first)
            try:
                saved = self._save_all(name, laid, head, first)
                with connect(self.login, ATTEMPT) as client:
                    self._last = self._now(client)
            except BaseException as error:
                self._stop.set()
                failure = log.exception()
                if isinstance(error, _Stopped) and failure:
                    raise failure from None
                raise
            return saved, log.result()

    def _read_log(self, name: str, first: Timestamp) -> _Log:
        """The oplog from ``first`` until ``_last`` is known and read, as ``mongorestore --oplogFile`` reads it."""
        try:
            with following(self.login, None, (first.time, first.inc), silence=_SILENCE) as tail, ExitStack() as saves:
                log = _Log(lambda: self._log(saves.enter_context(self._file(name, LOG))))
                reached: tuple[int, int] = (0, 0)
                while self._last is None or reached < (self._last.time, self._last.inc):
                    entries = tail.read()
                    _go_on(self._stop)
                    log.write(b"".join(entry.raw for entry in entries))
                    reached = entries[-1].position.at if entries else reached
        except BaseException:
            self._stop.set()
            raise
        return log

    def _kept(self, name: str, log: _Log) -> Stream:
        """All of it, saved by now at the latest."""
        saved = log.stream()
        if saved is not None:
            return saved
        with self._file(name, LOG) as into:
            saving = self._log(into)
            log.pour(saving)
        return saving.stream()

    def _log(self, into: Saving) -> _Saving:
        return _Saving(LOG, into, self._stop, Pace(0))

    def _file(self, name: str, file: str) -> AbstractContextManager[Saving]:
        return self.restic.save(file, LOGICAL, f"{OF_BACKUP}{name}")

    def _save_all(
        self, name: str, laid: Mapping[str, Sequence[Found]], head: Head, first: Timestamp
    ) -> list[tuple[Stream, list[Item]]]:
        def save(stream: str) -> tuple[Stream, list[Item]]:
            try:
                return self._save(name, stream, laid[stream], head, first)
            except BaseException:
                self._stop.set()
                raise

        with ThreadPoolExecutor(min(self.workers, len(laid))) as pool:
            running = [pool.submit(save, stream) for stream in laid]
        failures = [failure for one in running if (failure := one.exception())]
        if failures:
            raise next((failure for failure in failures if not isinstance(failure, _Stopped)), failures[0])
        return [one.result() for one in running]

    def _save(self, name: str, stream: str, listed: Sequence[Found], head: Head, first: Timestamp) -> tuple[Stream, list[Item]]:
        items = []
        collections = tuple(one.collection for one in listed)
        with (
            connect(self.login, ATTEMPT) as client,
            client.start_session(causal_consistency=False) as session,
            self._file(name, f"{stream}{ARCHIVE}") as into,
        ):
            saving = _Saving(f"{stream}{ARCHIVE}", into, self._stop, self._pace)
            writer = Writer(saving.write, replace(head, collections=collections))
            reader = Reader(client, session, lambda: self._now(client))
            for one in listed:
                read = Read()
                if one.collection.kind != VIEW:
                    self._copy(reader, one, first, read, writer)
                writer.end(one.collection.data)
                items.append(_item(one, saving.name, read))
            writer.close()
        return saving.stream(), items

    def _copy(self, reader: Reader, one: Found, first: Timestamp, read: Read, writer: Writer) -> None:
        data = one.collection.data
        try:
            for documents in reader.all_of(one, first, read, self.selection.query):
                writer.documents(data, documents)
                self.advance(len(documents), self._whole)
        except Moved as error:
            reason = f"{data} was dropped, renamed or made anew while it was read"
            raise StrongholdError(self.login.where, ATTEMPT, reason, "take another one when that work is done") from error

    def _settled(self, client: MongoClient[dict[str, Any]]) -> Timestamp:
        """A time at which a majority has all that this member has now; where it does not come soon, the last that one has.

        None in the midst of a transaction of several entries, of which the oplog from then on has the end alone.
        """
        written = client.admin.command("hello")["lastWrite"]["opTime"]["ts"]
        for attempt in patience(_SETTLE, pause=0.05):
            now = self._now(client)
            if attempt.spent or (now >= written and not _goes_on(client, now)):
                break
        return now

    def _now(self, client: MongoClient[dict[str, Any]]) -> Timestamp:
        """The last time that a majority has, as far as this member knows."""
        found: Timestamp = client.admin.command("hello")["lastWrite"]["majorityOpTime"]["ts"]
        return found


def _goes_on(client: MongoClient[dict[str, Any]], at: Timestamp) -> bool:
    """Whether the entry of that time is of a transaction with further ones, whose times follow at once (SERVER-35801)."""
    return client.local["oplog.rs"].find_one({"ts": at, "o.partialTxn": True}, {"ts": 1}) is not None


def _same(before: Sequence[Found], after: Sequence[Found]) -> bool:
    """Whether nothing was created, dropped, renamed or altered meanwhile, as far as two lists can tell."""
    return [(one.collection, one.uuid) for one in before] == [(one.collection, one.uuid) for one in after]


def _item(one: Found, stream: str, read: Read) -> Item:
    database, name = one.collection.namespace
    times = tuple(cluster_time(at) for at in read.times)
    return Item(database, name, one.collection.kind, one.uuid, stream, read.documents, read.size, times)
