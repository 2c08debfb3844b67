# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments of an oplog in a repository, with the real restic of Debian 12 and of Debian 13."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_groups import DAY, HOUR, described, file_name
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import TAG, SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Store
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import RAW, entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Link, Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.spool import Piece
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import RepositoryError
from lab import binaries
from lab.repetitions import todays

OLDEST, NEWEST = "bookworm", "trixie"
one_of_both = pytest.mark.parametrize("suite", todays([OLDEST, NEWEST]))
MIDNIGHT = 20_000 * DAY
NOON = MIDNIGHT + 12 * HOUR


@pytest.fixture
def suite() -> str:
    """Where nothing depends on its version."""
    return OLDEST


@dataclass(frozen=True)
class Site:
    """A repository, and the folders beside it."""

    home: Path
    restic: Restic

    def store(self, restic: Restic | None = None) -> SegmentStore:
        """As another process has it."""
        return SegmentStore(restic or self.restic, self.home / "cache", self.home / "work")

    def by(self, script: str) -> Restic:
        """The same repository by a program: ``script`` has ``$restic`` and gets its words."""
        program = self.home / "program"
        program.write_text(f"#!/bin/sh\nrestic={self.restic.place.program}\nlocks={self.restic.place.url}/locks\n{script}\n")
        program.chmod(0o755)
        return Restic(self.restic.host, Place(**{**vars(self.restic.place), "program": str(program)}))

    def plain(self) -> list[Path]:
        """Files in folders that are backed by memory, apart from the spool's own."""
        return [path for name in ("spool/saving", "work") for path in (self.home / name).rglob("*") if path.is_file()]


@pytest.fixture
def site(suite: str, tmp_path: Path) -> Site:
    (tmp_path / "password").write_text("correct horse battery staple")
    for name in ("spool", "work"):
        (tmp_path / name).mkdir()
    program = str(binaries.restic(suite))
    made = Restic("vault-a", Place(str(tmp_path / "repository"), str(tmp_path / "password"), program=program))
    made.make()
    return Site(tmp_path, made)


Made = dict[Segment, Path]


def segments(site: Site, *times: int, size: int = 1000) -> Made:
    """With an entry of ``size`` bytes and a small one at each time, in seconds since 1970."""
    made: Made = {}
    previous: Link | None = None
    for number, time in enumerate(times, 1):
        piece = Piece.begin(site.home / "spool" / f"{number:012d}.bson", previous, "db1:27017", 1)
        for inc, length in ((1, size), (2, 10)):
            blob = random.Random(time + inc).randbytes(length)  # noqa: S311
            wall = datetime.fromtimestamp(time, timezone.utc)
            raw = bson.encode({"ts": bson.Timestamp(time, inc), "t": bson.Int64(1), "wall": wall, "op": "n", "o": {"b": blob}})
            piece.append([entry(RawBSONDocument(raw, RAW))])
        previous = piece.end
        made[piece.segment()] = piece.path
    return made


def put(store: Store, made: Made) -> None:
    for segment, path in made.items():
        store.put(segment, path)


def fetched(store: SegmentStore, segment: Segment) -> bytes:
    return b"".join(path.read_bytes() for path in store.files([segment]))


def killed(work: Callable[[], object]) -> bool:
    """Run as a process of its own, and tell whether it was killed."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def save(site: Site, **content: bytes) -> None:
    """A snapshot that says that it has segments."""
    folder = site.home / f"other{random.randrange(1 << 30)}"  # noqa: S311
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    site.restic.save_folder(folder, TAG)


@one_of_both
def test_segments_are_kept_once_become_few_and_go(site: Site) -> None:
    made = segments(site, NOON - 60, NOON - 30, NOON + 30)
    put(site.store(), made)
    store = site.store()
    put(store, made)
    assert len(site.restic.snapshots(TAG)) == len(made)
    assert store.segments() == tuple(made)
    assert files.mode(site.home / "cache") == 0o700

    assert store.compact(NOON + 60) == 2
    first, second, last = made
    for segment in (first, second):
        assert fetched(store, segment) == made[segment].read_bytes()
    assert store.segments() == tuple(made)

    assert store.drop_before(second.last.at) == 0
    assert store.drop_before(last.last.at) == 1
    assert store.segments() == (last,)
    with pytest.raises(StrongholdError, match="does not have it"):
        fetched(store, first)
    assert site.plain() == []
    assert not store.unreadable


@pytest.mark.long
def test_what_a_snapshot_says_is_read_once(site: Site) -> None:
    put(site.store(), segments(site, NOON))
    first = site.store().segments()
    only_lists = site.by('case " $* " in *" dump "*|*" ls "*) exit 1;; esac; exec $restic "$@"')
    assert site.store(only_lists).segments() == first != ()
    (cached,) = (site.home / "cache").iterdir()
    cached.write_text("{")
    assert site.store().segments() == first


def test_a_put_that_is_cut_leaves_nothing(site: Site) -> None:
    ((segment, path),) = segments(site, NOON, size=30_000_000).items()
    cut = site.by(
        'case " $* " in *" backup "*) $restic "$@" & until ls $locks | grep -qE "^.{64}$"; do :; done; kill -9 $!;;\n'
        '*) exec $restic "$@";; esac; exit 1'
    )
    store = site.store(cut)
    with pytest.raises(StrongholdError):
        store.put(segment, path)
    assert store.segments() == ()
    assert killed(
        lambda: site.store(site.by('case " $* " in *" backup "*) kill -9 $PPID;; *) exec $restic "$@";; esac')).put(segment, path)
    )
    assert site.plain() != []
    site.store().put(segment, path)
    assert site.store().segments() == (segment,)
    assert site.plain() == []


def test_a_file_that_is_not_the_segment_is_refused(site: Site) -> None:
    ((segment, path),) = segments(site, NOON).items()
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(StrongholdError, match="bytes are not the"):
        site.store().put(segment, path)
    assert site.restic.snapshots() == []


@pytest.mark.parametrize(("before", "there"), todays([(":", 2), ('$restic "$@"', 3)]))
def test_a_compaction_that_was_killed_is_finished_by_the_next(site: Site, before: str, there: int) -> None:
    made = segments(site, NOON - 60, NOON - 30)
    put(site.store(), made)
    killing = site.by(f'case " $* " in *" backup "*) {before}; kill -9 $PPID;; *) exec $restic "$@";; esac')
    assert killed(lambda: site.store(killing).compact(NOON))
    assert len(site.restic.snapshots(TAG)) == there
    assert site.plain() != []
    assert site.store().segments() == tuple(made)
    assert site.store().compact(NOON) == 2
    assert len(site.restic.snapshots(TAG)) == 1
    assert site.plain() == []
    assert fetched(site.store(), next(iter(made))) == made[next(iter(made))].read_bytes()


def test_one_flipped_bit_is_found(site: Site) -> None:
    made = segments(site, NOON - 60, NOON - 30, size=100_000)
    put(site.store(), made)
    pack = max(
        (path for path in (Path(site.restic.place.url) / "data").rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[50_000] ^= 1
    pack.write_bytes(data)
    store = site.store()
    assert set(store.segments()) == set(made)
    results = []
    for segment in made:
        try:
            results.append(fetched(store, segment) == made[segment].read_bytes())
        except StrongholdError:
            results.append(False)
    assert sorted(results) == [False, True]
    assert store.compact(NOON) == 0
    assert len(store.unreadable) == 1
    assert len(site.restic.snapshots(TAG)) == 2


def test_what_others_saved_is_set_aside(site: Site) -> None:
    made = segments(site, NOON - 60, NOON - 30)
    put(site.store(), made)
    one = next(iter(made))
    with site.restic.save("segments.json", TAG) as saving:
        saving.write(b"[]")
    save(site, a=b"")
    save(site, **{"segments.json": described([one])})
    store = site.store()
    assert store.segments() == tuple(made)
    assert len(store.unreadable) == 3
    assert store.compact(NOON) == 2
    assert len(site.restic.snapshots(TAG)) == 1 + 3


@pytest.mark.long
def test_one_that_claims_to_have_all_of_it_makes_nothing_go(site: Site) -> None:
    made = segments(site, NOON - 60, NOON - 30)
    put(site.store(), made)
    save(site, **{"segments.json": described(made)}, **{file_name(one): bytes(one.size) for one in made})
    store = site.store()
    assert store.compact(NOON) == 3
    assert site.store().segments() == tuple(made)
    for segment, path in made.items():
        assert fetched(store, segment) == path.read_bytes()


def test_a_repository_that_is_away_is_not_an_empty_one(site: Site) -> None:
    put(site.store(), segments(site, NOON))
    away = Restic("vault-a", Place(**{**vars(site.restic.place), "url": "rest:http://127.0.0.1:9/"}))
    with pytest.raises(RepositoryError, match="cannot be reached"):
        site.store(away).segments()
    breaks = site.by('case " $* " in *" ls "*) echo "dial: connection refused" >&2; exit 1;; *) exec $restic "$@";; esac')
    with pytest.raises(RepositoryError, match="cannot be reached"):
        site.store(breaks).segments()
