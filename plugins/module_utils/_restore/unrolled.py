# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An oplog as single operations in the order in which they took effect: a transaction's at the place of its commit.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import RAW, SMALLEST, Entry, entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp, spelled
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import LONGEST, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

with suppress(ImportError):  # told by whoever connects
    from bson import errors
    from bson.raw_bson import RawBSONDocument

ATTEMPT = "replay an oplog"
HELD = 32 << 20
"""Bytes of one transaction that are kept in memory; more go into a file."""
_PIECE = 1 << 20
_APPLY = "applyOps"
_ENDS = frozenset({"commitTransaction", "abortTransaction"})
_VECTORED = 1  # a retryable write of several documents; source: MultiOplogEntryType in src/mongo/db/repl/oplog_entry.idl

_NOTHING: Timestamp = (0, 0)
Key = tuple[bytes, int]


class Operation(NamedTuple):
    """``at`` is the time of the entry by which it took effect; ``told`` is as it is in an oplog."""

    at: Timestamp
    told: Mapping[str, Any]


def entries(source: Source) -> Iterator[Entry]:
    """Those of a file. Raises StrongholdError where it is cut short or holds something else."""
    buffer, at = b"", 0
    while True:
        while len(buffer) - at < SMALLEST or len(buffer) - at < struct.unpack_from("<i", buffer, at)[0]:
            piece = source.read(_PIECE)
            if not piece:
                if at < len(buffer):
                    raise _broken("it was cut short")
                return
            buffer, at = buffer[at:] + piece, 0
        length = struct.unpack_from("<i", buffer, at)[0]
        if not SMALLEST <= length <= LONGEST:
            raise _broken(f"an entry of {length} bytes cannot be")
        try:
            yield entry(RawBSONDocument(buffer[at : at + length], RAW))
        except (ValueError, errors.InvalidBSON) as error:
            raise _broken(str(error)) from error
        at += length


def _broken(reason: str) -> StrongholdError:
    return StrongholdError(platform.node(), "read an archived oplog", reason, "choose another base or point in time")


class Unrolled:
    """Operations of ``found`` later than ``after``, up to and with ``to``.

    Entries that come again, as overlapping segments have them, count once. Those not later than ``after`` matter only for
    transactions that were under way. ``folder`` takes what is too large for memory. Raises StrongholdError where entries
    contradict each other, begin within a transaction, or end before ``to``.
    """

    def __init__(self, found: Iterable[Entry], after: Timestamp, to: Timestamp, folder: Path) -> None:
        self._found, self._after, self._to, self._folder = found, after, to, folder
        self._under_way: dict[Key, _Held] = {}
        self.entries = 0

    @property
    def unfinished(self) -> int:
        """Transactions that were not committed at ``to``."""
        return len(self._under_way)

    def __iter__(self) -> Iterator[Operation]:
        last: Entry | None = None
        reached = self._to <= self._after
        for found in self._found:
            at = found.position.at
            if last and at <= last.position.at:
                if at == last.position.at and found.raw != last.raw:
                    raise _refusal(f"there are two entries at {spelled(at)}")
                continue
            reached = reached or at >= self._to
            if at > self._to:
                break
            last = found
            self.entries += at > self._after
            yield from self._unroll(at, RawBSONDocument(found.raw, RAW))
        if not reached:
            ends = f"they end at {spelled(last.position.at)}" if last else "there are none"
            raise _refusal(f"entries are needed up to {spelled(self._to)}, and {ends}")

    def _unroll(self, at: Timestamp, told: Any) -> Iterator[Operation]:
        name = next(iter(told["o"]), "") if told["op"] == "c" else ""
        if name not in _ENDS and not (name == _APPLY and _is_of_transaction(told)):
            if at > self._after:
                yield from _flat(at, told)
            return
        key = bytes(told["lsid"].raw), int(told["txnNumber"])
        held = self._held(key, told)
        if name == "abortTransaction":
            del self._under_way[key]
            held.close()
            return
        if name == _APPLY:
            held.add(at, told)
            if told["o"].get("partialTxn") or told["o"].get("prepare"):
                return
        del self._under_way[key]
        if at > self._after:
            if not held.whole:
                raise _refusal(f"the transaction that ends at {spelled(at)} began before the first of them")
            for part in held:
                yield from _flat(at, part)
        held.close()

    def _held(self, key: Key, told: Any) -> _Held:
        """What came before of the same transaction."""
        before = told.get("prevOpTime")
        previous = (before["ts"].time, before["ts"].inc) if before else _NOTHING
        held = self._under_way.get(key)
        if held is None or previous == _NOTHING:
            self._forget(key)
            held = self._under_way[key] = _Held(self._folder, whole=previous == _NOTHING)
        elif held.last != previous:
            held.whole = False
        return held

    def _forget(self, key: Key) -> None:
        """A session has one transaction at a time; one that was not prepared may end without a word."""
        for other in [other for other in self._under_way if other[0] == key[0] and other[1] <= key[1]]:
            self._under_way.pop(other).close()


class _Held:
    """Parts of a transaction, in order; ``whole`` tells that none is missing, ``last`` is the time of the last one."""

    def __init__(self, folder: Path, *, whole: bool) -> None:
        self._folder, self.whole = folder, whole
        self._parts: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None
        self.last: Timestamp = _NOTHING

    def add(self, at: Timestamp, told: Any) -> None:
        self.last = at
        self._parts.append(bytes(told.raw))
        self._size += len(told.raw)
        if self._size > HELD:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - ``close`` does
            self._file.write(b"".join(self._parts))
            self._parts, self._size = [], 0

    def __iter__(self) -> Iterator[Any]:
        if self._file:
            self._file.seek(0)
            while size := self._file.read(4):
                yield RawBSONDocument(size + self._file.read(struct.unpack("<i", size)[0] - 4), RAW)
        for part in self._parts:
            yield RawBSONDocument(part, RAW)

    def close(self) -> None:
        if self._file:
            self._file.close()


def _is_of_transaction(told: Any) -> bool:
    return "txnNumber" in told and told.get("multiOpType", 0) != _VECTORED


def _flat(at: Timestamp, told: Any) -> Iterator[Operation]:
    if told["op"] == "c" and _APPLY in told["o"]:
        for inner in told["o"][_APPLY]:
            yield from _flat(at, inner)
    else:
        yield Operation(at, told)


def _refusal(reason: str) -> StrongholdError:
    remedy = "give entries that begin earlier, reach further, or are of one archive"
    return StrongholdError(platform.node(), ATTEMPT, reason, remedy)
