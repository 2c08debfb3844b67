# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies in memory between an oplog and its archive, found again after any end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Archiver
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import chain
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import LARGEST, RAW, Entry, entry, sound
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Link, Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.spool import Piece, Spool

BEGIN = datetime(2026, 9, 1, tzinfo=timezone.utc)
ONE = ("db1:27017", 1)


def entries(*numbers: int, padding: int = 20) -> list[Entry]:
    made = []
    for number in numbers:
        wall = BEGIN + timedelta(seconds=number)
        timestamp = bson.Timestamp(int(wall.timestamp()), 1)
        raw = bson.encode({"op": "n", "ns": "", "o": {"x": "x" * padding}, "ts": timestamp, "t": bson.Int64(1), "wall": wall})
        made.append(entry(RawBSONDocument(raw, RAW)))
    return made


def spool(folder: Path, *, limit: int = 1 << 30, beyond: Path | None = None, seconds: float = 1000, size: int = 1 << 30) -> Spool:
    return Spool(folder, limit, beyond, seconds, size)


def sealed(found: Spool) -> list[Segment]:
    """All that is sealed, in order, taken away as the archiver does once it is stored."""
    made = []
    while (piece := found.sealed() or found.sealed()) is not None:
        made.append(piece.segment())
        assert list(sound(piece.path))[-1].link == made[-1].end
        assert hashlib.sha256(piece.path.read_bytes()).hexdigest() == made[-1].sha256
        assert piece.path.stat().st_size == made[-1].size
        found.remove(piece)
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def known(last: Sequence[Entry]) -> Link:
    return last[-1].link


def test_what_was_appended_is_found_again_and_goes_on(tmp_path: Path) -> None:
    spool(tmp_path).append(entries(1, 2), *ONE)
    again = spool(tmp_path)
    assert again.known == known(entries(2))
    again.append(entries(3), *ONE)
    again.begin_anew()
    (segment,) = sealed(again)
    assert (segment.first, segment.end, segment.previous) == (entries(1)[0].position, entries(3)[0].link, None)
    assert segment.wall == int((BEGIN + timedelta(seconds=3)).timestamp() * 1000)
    assert names(tmp_path) == []


@pytest.mark.parametrize("lost", range(1, len(entries(3)[0].raw) + 1, 7))
def test_an_entry_that_was_half_written_is_cut_off(tmp_path: Path, lost: int) -> None:
    spool(tmp_path).append(entries(1, 2, 3), *ONE)
    (path,) = tmp_path.glob("*.bson")
    path.write_bytes(path.read_bytes()[:-lost])
    again = spool(tmp_path)
    assert again.known == known(entries(2))
    again.append(entries(3), *ONE)
    assert path.read_bytes() == b"".join(entry.raw for entry in entries(1, 2, 3))


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00" * 100,
        b"\xff" * 100,
        bson.encode({"a": 1}),
        (LARGEST + 1).to_bytes(4, "little"),
        entries(2)[0].raw,
        entries(1)[0].raw,
    ],
    ids=["zeros", "ones", "a document", "too large", "the same again", "an earlier one"],
)
def test_what_is_no_next_entry_is_cut_off(tmp_path: Path, junk: bytes) -> None:
    spool(tmp_path).append(entries(1, 2), *ONE)
    (path,) = tmp_path.glob("*.bson")
    path.write_bytes(path.read_bytes() + junk)
    assert spool(tmp_path).known == known(entries(2))
    assert path.read_bytes() == b"".join(entry.raw for entry in entries(1, 2))


def test_pieces_follow_each_other(tmp_path: Path) -> None:
    first = spool(tmp_path, size=1)  # each entry is a piece
    first.append(entries(1, 2, 3), *ONE)
    assert len(list(tmp_path.glob("*.bson"))) == 3
    segments = sealed(spool(tmp_path, size=1, seconds=0.01))
    assert chain(segments).runs == (tuple(segments),)
    assert [segment.entries for segment in segments] == [1, 1, 1]


def test_a_piece_is_sealed_by_its_size(tmp_path: Path) -> None:
    size = len(entries(1)[0].raw)
    made = spool(tmp_path, size=3 * size)
    made.append(entries(1, 2), *ONE)
    assert made.sealed() is None
    made.append(entries(3, 4, 5, 6, 7), *ONE)
    assert [segment.entries for segment in sealed(made)] == [3, 3]


def test_a_piece_is_sealed_by_its_age(tmp_path: Path) -> None:
    made = spool(tmp_path, seconds=0.05)
    made.append(entries(1, 2), *ONE)
    assert [segment.entries for segment in sealed(made)] == [2]
    assert made.known == known(entries(2)), "what was taken away is followed all the same"
    made.append(entries(3), *ONE)
    assert [segment.previous for segment in sealed(made)] == [entries(2)[0].link]


def test_what_an_initiated_set_begins_with_has_no_term() -> None:
    raw = bson.encode({"op": "n", "ns": "", "o": {"msg": "initiating set"}, "ts": bson.Timestamp(5, 1), "wall": BEGIN})
    assert entry(RawBSONDocument(raw, RAW)).position == (5, 1, -1)
    with pytest.raises(ValueError, match="is no entry of a replica set's oplog: 'wall'"):
        entry(RawBSONDocument(bson.encode({"ts": bson.Timestamp(5, 1)}), RAW))


def test_an_entry_of_the_largest_size_is_kept(tmp_path: Path) -> None:
    large = entries(1, padding=16 << 20)
    assert len(large[0].raw) > 16 << 20
    spool(tmp_path).append([*large, *entries(2)], *ONE)
    assert spool(tmp_path).known == known(entries(2))


def test_another_member_begins_a_piece(tmp_path: Path) -> None:
    made = spool(tmp_path, seconds=0.01)
    made.append(entries(1), *ONE)
    made.append(entries(2), "db2:27017", 5)
    made.append(entries(3), "db2:27017", 6)
    segments = sealed(made)
    assert [(segment.source, segment.rollback_id) for segment in segments] == [ONE, ("db2:27017", 5), ("db2:27017", 6)]
    assert [segment.previous for segment in segments] == [None, entries(1)[0].link, entries(2)[0].link]


def test_a_file_that_does_not_link_is_discarded_with_what_follows_it(tmp_path: Path) -> None:
    spool(tmp_path, size=1).append(entries(1, 2, 3, 4), *ONE)
    second = sorted(tmp_path.glob("*.bson"))[1]
    second.write_bytes(entries(2)[0].raw[:-1])
    assert spool(tmp_path).known == known(entries(1))
    assert names(tmp_path) == ["000000000001.bson", "000000000001.json"]


@pytest.mark.parametrize("head", [b"", b"{", b"[]", b"{}", b'{"previous": 1, "source": "a", "rollback_id": 1}', None], ids=repr)
def test_a_piece_of_which_nobody_knows_what_it_follows_is_discarded(tmp_path: Path, head: bytes | None) -> None:
    spool(tmp_path, size=1).append(entries(1, 2), *ONE)
    path = tmp_path / "000000000002.json"
    path.unlink() if head is None else path.write_bytes(head)
    assert spool(tmp_path).known == known(entries(1))
    assert names(tmp_path) == ["000000000001.bson", "000000000001.json"]


def test_a_piece_that_had_no_entry_yet_is_none(tmp_path: Path) -> None:
    Piece.begin(tmp_path / "000000000001.bson", None, *ONE)
    (tmp_path / "12th.bson").touch()
    assert spool(tmp_path).known is None
    assert names(tmp_path) == ["12th.bson"], "which is none of ours"


def test_what_the_store_has_is_not_kept_twice(tmp_path: Path) -> None:
    made = spool(tmp_path, size=1)
    made.append(entries(1, 2, 3), *ONE)
    stored = [piece.segment() for piece in (Piece.found(path) for path in sorted(tmp_path.glob("*.bson")))]
    for count in (1, 2, 3):
        again = spool(tmp_path, seconds=0.01)
        again.reconcile(stored[:count])
        assert again.known == known(entries(3))
        assert len(list(tmp_path.glob("*.bson"))) == 3 - count
    assert sealed(again) == []


def test_what_follows_nothing_in_the_store_is_discarded(tmp_path: Path) -> None:
    spool(tmp_path, size=1).append(entries(1, 2, 3, 4, 5), *ONE)
    stored = [Piece.found(path).segment() for path in sorted(tmp_path.glob("*.bson"))]
    for number in (1, 2, 3):
        for path in tmp_path.glob(f"*{number}.*"):
            path.unlink()
    stale = spool(tmp_path)
    stale.reconcile(stored[:2])
    assert stale.known == known(entries(2)), "the third is neither here nor there"
    assert names(tmp_path) == []


def test_a_chain_that_began_before_the_newest_in_the_store_is_discarded(tmp_path: Path) -> None:
    made = spool(tmp_path)
    made.append(entries(2), *ONE)
    stored = Piece.found(next(tmp_path.glob("*.bson"))).segment()
    for path in tmp_path.iterdir():
        path.unlink()
    stale = spool(tmp_path)
    stale.append(entries(1), *ONE)
    stale.reconcile([stored])
    assert stale.known == known(entries(2))
    assert names(tmp_path) == []


def test_a_new_chain_follows_nothing_and_the_old_one_is_kept(tmp_path: Path) -> None:
    made = spool(tmp_path, seconds=0.01)
    made.append(entries(1), *ONE)
    made.begin_anew()
    assert made.known is None
    made.append(entries(5), *ONE)
    again = spool(tmp_path, seconds=0.01)
    again.reconcile([])
    segments = sealed(again)
    assert [segment.previous for segment in segments] == [None, None]
    assert len(chain(segments).gaps) == 1


def test_past_its_limit_it_is_full_or_goes_on_elsewhere(tmp_path: Path) -> None:
    memory, volume = tmp_path / "memory", tmp_path / "volume"
    memory.mkdir()
    volume.mkdir()
    made = spool(memory, limit=150, size=1)
    made.append(entries(1), *ONE)
    assert not made.full()
    made.append(entries(2), *ONE)
    assert made.full()
    roomy = spool(memory, limit=150, size=1, beyond=volume)
    roomy.append(entries(3, 4), *ONE)
    assert not roomy.full()
    assert len(list(volume.glob("*.bson"))) == 2
    again = spool(memory, limit=150, beyond=volume, seconds=0.01)
    assert again.known == known(entries(4))
    assert [segment.entries for segment in sealed(again)] == [1, 1, 1, 1]
    assert names(volume) == []


def test_a_write_that_failed_leaves_what_was_there(tmp_path: Path) -> None:
    made = spool(tmp_path, seconds=0.01)
    made.append(entries(1), *ONE)
    (path,) = tmp_path.glob("*.bson")
    path.rename(tmp_path / "aside")
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        made.append(entries(2), *ONE)
    assert made.known == known(entries(1))
    path.rmdir()
    (tmp_path / "aside").rename(path)
    made.append(entries(2), *ONE)
    assert [segment.entries for segment in sealed(made)] == [2]


def test_how_far_it_is_is_told_by_the_newest_entry_although_the_clock_of_its_primary_was_set_back(tmp_path: Path) -> None:
    made = spool(tmp_path, size=1)
    made.append([entries(1)[0]._replace(wall=9_000)], *ONE)
    made.append([entries(2)[0]._replace(wall=5_000)], *ONE)
    assert made.wall() == 5_000


def test_how_far_the_store_is_is_told_by_its_newest_entry(tmp_path: Path) -> None:
    made = spool(tmp_path, size=1)
    made.append([entries(1)[0]._replace(wall=9_000)], *ONE)
    made.append([entries(2)[0]._replace(wall=5_000)], *ONE)
    archiver = Archiver(folder=tmp_path, members=list, store=Stored(sealed(made)), new_base_wanted=lambda _gap: None)
    archiver._resume()
    assert archiver._stored == 5_000


@dataclass
class Stored:
    """A store that has something already."""

    kept: list[Segment]

    def put(self, segment: Segment, path: Path) -> None:
        raise NotImplementedError

    def segments(self) -> list[Segment]:
        return self.kept


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    spool(tmp_path).append(entries(1), *ONE)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert json.loads((tmp_path / "000000000001.json").read_bytes()) == {
        "previous": None,
        "source": "db1:27017",
        "rollback_id": 1,
    }
