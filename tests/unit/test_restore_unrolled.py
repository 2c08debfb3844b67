# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An oplog as single operations: between which points, each entry once, and transactions where they were committed."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Binary, Timestamp

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import Entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Position
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore import unrolled
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.unrolled import Unrolled, entries

WALL = datetime(2026, 1, 1, tzinfo=timezone.utc)
SESSION = {"id": Binary(bytes(16), 4), "uid": bytes(32)}
OTHER = {"id": Binary(bytes(15) + b"1", 4), "uid": bytes(32)}


def insert(number: int) -> dict[str, Any]:
    return {"op": "i", "ns": "a.b", "o": {"_id": number}}


def made(inc: int, told: dict[str, Any], session: Any = None, before: int | None = None, transaction: int = 1) -> Entry:
    """An entry at (1, ``inc``); ``before`` is the place of the one before of the same transaction, 0 for none."""
    of = {} if session is None else {"lsid": session, "txnNumber": bson.Int64(transaction)}
    chained = {} if before is None else {"prevOpTime": {"ts": Timestamp(1 if before else 0, before), "t": bson.Int64(1)}}
    raw = bson.encode({"ts": Timestamp(1, inc), "t": bson.Int64(1), "wall": WALL, **told, **of, **chained})
    return Entry(Position(1, inc, 1), 0, raw)


def command(**o: Any) -> dict[str, Any]:
    return {"op": "c", "ns": "admin.$cmd", "o": o}


def plain(*numbers: int) -> list[Entry]:
    return [made(number, insert(number)) for number in numbers]


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unfinished = 0

    def __call__(self, found: Iterable[Entry], after: int = 0, to: int = 99) -> list[tuple[int, Any]]:
        """At which place, and the ``_id`` of what is inserted; ``found`` is followed by an entry that is too late."""
        late = made(1000, insert(1000))
        run = Unrolled([*found, late], (1, after), (1, to), self.folder)
        operations = [(operation.at[1], operation.told["o"]["_id"]) for operation in run]
        self.unfinished = run.unfinished
        return operations


@pytest.fixture
def unroll(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_lies_between_the_points_with_the_last_and_without_the_first(unroll: Place) -> None:
    assert unroll(plain(1, 2, 3, 4), after=1, to=3) == [(2, 2), (3, 3)]
    assert unroll(plain(1, 2, 5), after=1, to=4) == [(2, 2)]
    assert unroll(plain(1, 2), after=2, to=2) == []


def test_what_comes_again_counts_once(unroll: Place) -> None:
    assert unroll(plain(1, 2, 3, 2, 3, 4)) == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_two_entries_at_one_place_are_refused(unroll: Place) -> None:
    with pytest.raises(StrongholdError, match="there are two entries at"):
        unroll([*plain(1, 2), made(2, insert(22))])


def test_it_has_to_reach_the_point(tmp_path: Path) -> None:
    with pytest.raises(StrongholdError, match=r"entries are needed up to .* and they end at"):
        list(Unrolled(plain(1, 2), (1, 0), (1, 3), tmp_path))
    with pytest.raises(StrongholdError, match="and there are none"):
        list(Unrolled([], (1, 0), (1, 3), tmp_path))
    assert list(Unrolled([], (1, 3), (1, 3), tmp_path)) == []


def test_a_transaction_in_one_entry(unroll: Place) -> None:
    assert unroll([made(5, command(applyOps=[insert(1), insert(2)]), SESSION, 0)]) == [(5, 1), (5, 2)]


def test_nested_operations_and_vectored_writes(unroll: Place) -> None:
    nested = made(1, command(applyOps=[command(applyOps=[insert(1)]), insert(2)]))
    vectored = made(2, {**command(applyOps=[insert(3)]), "multiOpType": 1}, SESSION, 7)
    assert unroll([nested, vectored]) == [(1, 1), (1, 2), (2, 3)]


def parts(session: Any = None, transaction: int = 1) -> list[Entry]:
    of = session or SESSION
    return [
        made(1, command(applyOps=[insert(1)], partialTxn=True), of, 0, transaction),
        made(3, command(applyOps=[insert(3)], partialTxn=True), of, 1, transaction),
        made(5, command(applyOps=[insert(5)], count=3), of, 3, transaction),
    ]


def test_a_transaction_in_several_entries_takes_effect_at_the_last(unroll: Place) -> None:
    first, second, third = parts()
    log = [first, *plain(2), second, *plain(4), third, *plain(6)]
    assert unroll(log) == [(2, 2), (4, 4), (5, 1), (5, 3), (5, 5), (6, 6)]
    assert unroll(log, to=4) == [(2, 2), (4, 4)]
    assert unroll.unfinished == 1
    assert unroll(log, after=4) == [(5, 1), (5, 3), (5, 5), (6, 6)]
    assert unroll(log, after=5) == [(6, 6)]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_transaction_of_which_a_part_is_missing_is_refused(unroll: Place, missing: int) -> None:
    log = [entry for number, entry in enumerate(parts()) if number != missing]
    with pytest.raises(StrongholdError, match="began before the first of them"):
        unroll(log)
    assert unroll([*log, *plain(7)], after=5) == [(7, 7)]


def test_large_transactions_lie_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unrolled, "HELD", 1)
    assert [at for at, _id in Place(tmp_path)(parts())] == [5, 5, 5]
    with pytest.raises(FileNotFoundError):
        Place(tmp_path / "absent")(parts())
    monkeypatch.setattr(unrolled, "HELD", 300)
    assert Place(tmp_path)(parts()) == [(5, 1), (5, 3), (5, 5)]


def test_sessions_are_told_apart(unroll: Place) -> None:
    shifted = [made(2, command(applyOps=[insert(2)], partialTxn=True), OTHER, 0)]
    first, second, third = parts()
    ends = made(6, command(applyOps=[insert(6)]), OTHER, 2)
    assert unroll([first, *shifted, second, third, ends]) == [(5, 1), (5, 3), (5, 5), (6, 2), (6, 6)]


def test_a_prepared_transaction_takes_effect_when_it_is_committed(unroll: Place) -> None:
    prepared = made(2, command(applyOps=[insert(1)], prepare=True), SESSION, 0)
    committed = made(5, command(commitTransaction=1, commitTimestamp=Timestamp(1, 4)), SESSION, 2)
    log = [prepared, *plain(3), committed]
    assert unroll(log) == [(3, 3), (5, 1)]
    assert unroll(log, to=4) == [(3, 3)]
    assert unroll.unfinished == 1
    aborted = made(5, command(abortTransaction=1), SESSION, 2)
    assert unroll([prepared, *plain(3), aborted]) == [(3, 3)]
    assert unroll.unfinished == 0
    assert unroll([aborted, *plain(6)]) == [(6, 6)]
    with pytest.raises(StrongholdError, match="began before the first of them"):
        unroll([committed])


def test_the_next_transaction_of_a_session_ends_one_that_was_never_committed(unroll: Place) -> None:
    first = parts()[0]
    later = made(4, command(applyOps=[insert(4)]), SESSION, 0, 2)
    assert unroll([first, later]) == [(4, 4)]
    assert unroll.unfinished == 0


def test_entries_of_a_file() -> None:
    log = plain(*range(1, 200))
    data = b"".join(entry.raw for entry in log)
    assert [found.raw for found in entries(io.BytesIO(data))] == [entry.raw for entry in log]
    for broken, reason in ((data[:-1], "it was cut short"), (data + b"\x00\x00\x00\x00\x00", "of 0 bytes cannot be")):
        with pytest.raises(StrongholdError, match=reason):
            list(entries(io.BytesIO(broken)))
    with pytest.raises(StrongholdError, match="is no entry"):
        list(entries(io.BytesIO(bson.encode({"a": 1}))))
