# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oplog of a real replica set in an archive: all of it, once, whoever was killed; and what cannot be had is a gap."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from integration import ports
from integration.archiving import Site
from integration.harness import Mongod, mongods, until

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog import tail as oplog_tail
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Limits
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import chain, needed
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.entries import RAW, Entry, entry
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Gap, Link, Position, Segment, Why
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.tail import (
    Behind,
    Broken,
    Diverged,
    RolledOver,
    following,
)

PORT = ports.first(__file__)
QUICK = Limits(seconds=0.5, size=64 << 10, spool=64 << 20, grace=2)
KILLS = 5


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Mongod]]:
    """A replica set, the primary first."""
    with mongods(tmp_path_factory.mktemp("set"), 3, "6.0.27", "--replSet", "rs", "--oplogSize", "990", port=PORT) as servers:
        with servers[0].client() as client:
            hosts = [{"_id": index, "host": server.address, "priority": 2 - index} for index, server in enumerate(servers)]
            hosts[2]["priority"] = 0
            client.admin.command("replSetInitiate", {"_id": "rs", "members": hosts, "settings": {"heartbeatIntervalMillis": 500}})
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
            client.a.first.with_options(write_concern=pymongo.WriteConcern(3)).insert_one({})
        yield servers


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A set of one member, which has nothing to do with the other set."""
    options = ("--replSet", "alone", "--oplogSize", "990")
    with mongods(tmp_path_factory.mktemp("alone"), 1, "6.0.27", *options, port=PORT + 5) as (server,):
        with server.client() as client:
            client.admin.command("replSetInitiate", {"_id": "alone", "members": [{"_id": 0, "host": server.address}]})
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
        yield server


def login(server: Mongod) -> Login:
    return Login("127.0.0.1", server.port, tls=False, timeout=5)


def majority(server: Mongod) -> tuple[int, int]:
    with server.client() as client:
        timestamp = client.admin.command("hello")["lastWrite"]["majorityOpTime"]["ts"]
    return timestamp.time, timestamp.inc


def oplog(server: Mongod, first: tuple[int, int], last: tuple[int, int]) -> list[bytes]:
    """Read by another way than the archiver's."""
    within = {"ts": {"$gte": bson.Timestamp(*first), "$lte": bson.Timestamp(*last)}}
    with server.client() as client:
        batches: Any = client.local["oplog.rs"].find_raw_batches(within)
        return [bytes(document.raw) for document in bson.decode_all(b"".join(batches), RAW)]


def newest(server: Mongod, count: int = 1) -> list[Entry]:
    """The last entries, the newest last."""
    with server.client() as client:
        found = client.local.get_collection("oplog.rs", codec_options=RAW).find().sort("$natural", -1).limit(count)
        return [entry(document) for document in found][::-1]


@contextmanager
def writing(server: Mongod, pause: float, *, large: bool = False) -> Iterator[None]:
    """Single documents, some together, a transaction now and then, and, if wanted, two of 16 MB."""
    over = threading.Event()

    def write() -> None:
        with server.client() as client, client.start_session() as session:
            number = 0
            while not over.wait(pause):
                number += 1
                client.a.c.insert_one({"n": number, "text": "x" * (number % 500)})
                if number % 20 == 0:
                    client.a.c.update_many({"n": {"$gt": number - 10}}, {"$inc": {"m": 1}})
                    with session.start_transaction():
                        client.a.c.insert_many([{"n": -number}, {"n": -number}], session=session)
                if large and number in (30, 31):
                    client.a.large.insert_one({"text": "x" * ((16 << 20) - 50)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def reaches(site: Site, at: tuple[int, int]) -> bool:
    return any(segment.last.at >= at for segment in site.store.segments())


@pytest.fixture(scope="module")
def archived(members: list[Mongod], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Under a writer, with the archiver killed at random moments, and once also the member that it reads."""
    dice = random.Random()  # noqa: S311
    site = Site(tmp_path_factory.mktemp("archive"), (members[2].port, members[1].port), QUICK)
    with writing(members[0], 0.005, large=True):
        for number in range(KILLS):
            with site.archiver() as process:
                if number == 0:
                    until(site.store.segments)
                time.sleep(dice.uniform(0.2, 1.5))
                if number == KILLS // 2:
                    members[2].stop(kill=True)
                    until(lambda: any(state["source"] == members[1].address for state in site.said("state")))
                    members[2].start()
                assert process.poll() is None, site.output()
    end = majority(members[0])
    with site.archiver():
        until(lambda: reaches(site, end))
    return site


def test_every_entry_is_archived_once(members: list[Mongod], archived: Site) -> None:
    segments = archived.store.segments()
    (run,) = chain(segments).runs
    there = oplog(members[0], run[0].first.at, run[-1].last.at)
    assert archived.store.content() == b"".join(there)
    assert sum(segment.entries for segment in segments) == len(there) > 100
    assert max(map(len, there)) > 16 << 20
    assert len(segments) > KILLS
    assert len({segment.source for segment in segments}) == 2
    assert not archived.said("gap")
    assert "Traceback" not in archived.output()


def test_a_segment_that_was_removed_is_a_gap(archived: Site) -> None:
    segments = list(chain(archived.store.segments()).runs[0])
    lost = segments.pop(len(segments) // 2)
    gap = chain(segments).gaps[0]
    assert (gap.after, gap.why) == (lost.previous, Why.MISSING)
    with pytest.raises(StrongholdError, match="has a gap"):
        needed(segments, segments[0].last.at, segments[-1].last.at)


def test_the_age_of_the_newest_entry_under_a_small_load(members: list[Mongod], tmp_path: Path) -> None:
    site = Site(tmp_path, (members[2].port,), replace(QUICK, seconds=60, size=16 << 20))
    with writing(members[0], 0.02), site.archiver():
        until(lambda: site.said("state"))
        begun = time.time() * 1000 + 1000
        until(lambda: site.said("state")[-1]["at"] > begun + 3000)
    ages = sorted(state["at"] - state["archived"] for state in site.said("state") if state["at"] > begun)
    assert len(ages) > 10
    assert ages[len(ages) * 9 // 10] < 2000
    assert site.store.segments() == []


def test_while_the_store_is_away_it_goes_on_up_to_a_bound_and_loses_nothing(members: list[Mongod], tmp_path: Path) -> None:
    site = Site(tmp_path, (members[2].port,), replace(QUICK, size=20 << 10, spool=100 << 10))
    with writing(members[0], 0.002):
        with site.archiver():
            until(site.store.segments)
            (site.store.path / "away").touch()
            until(lambda: any(state["held"] for state in site.said("state")))
        with site.archiver():  # goes on without the store, of which it cannot ask where it stopped
            time.sleep(2)
            assert "the store is away" in site.said("state")[-1]["hindrance"]
            assert site.said("state")[-1]["spooled"] < 200 << 10
            (site.store.path / "away").unlink()
            until(lambda: site.said("state")[-1]["hindrance"] is None)
    end = majority(members[0])
    with site.archiver():
        until(lambda: reaches(site, end))
    found = chain(site.store.segments())
    assert not found.gaps
    there = oplog(members[0], found.runs[0][0].first.at, found.runs[0][-1].last.at)
    held = {bytes(document.raw) for document in bson.decode_all(site.store.content(), RAW)}
    assert held == set(there)


def test_while_the_store_is_busy_no_write_waits_for_it(members: list[Mongod], tmp_path: Path) -> None:
    """A check or a prune takes minutes."""
    site = Site(tmp_path, (members[2].port,), QUICK)
    with writing(members[0], 0.02), site.archiver():
        until(site.store.segments)
        (site.store.path / "busy").touch()
        time.sleep(1)
        stored = site.said("state")[-1]["stored"]
        begun = time.time() * 1000
        until(lambda: site.said("state")[-1]["at"] > begun + 5000)
        busy = [state for state in site.said("state") if state["at"] > begun]
        assert {state["stored"] for state in busy} == {stored}
        ages = sorted(state["at"] - state["archived"] for state in busy)
        assert ages[len(ages) * 99 // 100] < 2000
        (site.store.path / "busy").unlink()
        end = majority(members[0])
        until(lambda: reaches(site, end))
    assert not chain(site.store.segments()).gaps


def test_what_a_majority_does_not_have_is_not_passed_on(members: list[Mongod], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oplog_tail, "SILENCE", 1)
    with following(login(members[0]), None) as tail, members[0].client() as client:
        frozen = [server.process.pid for server in members[1:] if server.process]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            client.a.c.with_options(write_concern=pymongo.WriteConcern(1)).insert_one({"only": "here"})
            (alone,) = newest(members[0])
            early: list[Entry] = []
            with pytest.raises(Behind, match="no entry has reached a majority"):
                while True:
                    early += tail.read()
            assert alone not in early
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        monkeypatch.undo()
        until(lambda: alone in tail.read())


def test_it_does_not_read_far_ahead_of_the_majority(members: list[Mongod], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oplog_tail, "AHEAD", 1)
    found: list[Entry] = []
    with following(login(members[0]), None, wait=0.05) as tail, writing(members[0], 0.01):
        until(lambda: found.extend(tail.read()) or len(found) > 50)  # type: ignore[func-returns-value]
    assert [entry.raw for entry in found] == oplog(members[0], found[0].position.at, found[-1].position.at)


def test_a_tail_begins_where_it_is_told(members: list[Mongod]) -> None:
    with members[0].client() as client:
        client.a.c.with_options(write_concern=pymongo.WriteConcern(3)).insert_many([{} for _ in range(5)], ordered=True)
    last = newest(members[0], 4)
    until(lambda: all(majority(server) >= last[-1].position.at for server in members))
    for server in members:
        with following(login(server), last[0].link) as tail:
            assert tail.read()[:3] == last[1:]
        with following(login(server), None, since=last[1].position.at) as tail:
            assert tail.read()[:3] == last[1:]


def refused(server: Mongod, known: Link) -> StrongholdError:
    with pytest.raises(StrongholdError) as caught, following(login(server), known):
        pass
    return caught.value


def test_why_a_tail_cannot_go_on_is_told_apart(members: list[Mongod]) -> None:
    server = members[1]
    (last,) = newest(server)
    position, digest = last.link
    cases: list[tuple[Link, type[StrongholdError], Why | None]] = [
        (Link(position, "0" * 64), Diverged, Why.HASH),
        (Link(position._replace(term=position.term + 1), digest), Diverged, Why.TERM),
        (Link(position._replace(inc=0), digest), Diverged, Why.MISSING),
        (Link(position._replace(time=position.time + 1000), digest), Behind, None),
        (Link(position._replace(time=1000), digest), RolledOver, Why.ROLLOVER),
    ]
    for known, kind, why in cases:
        error = refused(server, known)
        assert type(error) is kind, error
        assert (error.why if isinstance(error, Broken) else None) == why
    with pytest.raises(RolledOver), following(login(server), None, since=(1000, 1)):
        pass
    with pytest.raises(Behind), following(login(server), None, since=(position.time + 1000, 1)):
        pass


def test_a_member_that_rolls_back_while_it_is_resumed_is_not_read(members: list[Mongod], monkeypatch: pytest.MonkeyPatch) -> None:
    (last,) = newest(members[1])
    ids = iter((7, 8))
    monkeypatch.setattr(oplog_tail, "rollback_id", lambda *_words: next(ids))
    error = refused(members[1], last.link)
    assert isinstance(error, Behind)
    assert error.reason == "it rolled back while it was read"


def stored(site: Site, **other: Any) -> Segment:
    """One segment in the store, of one entry."""
    position = Position(1000, 1, 1)
    parts = {"previous": None, "last_hash": "0" * 64, "entries": 1, "size": 10, "sha256": "1" * 64, "source": "db", "wall": 1000}
    made = Segment(**{"first": position, "last": position, "rollback_id": 1, **parts, **other})
    (site.home / "file").write_bytes(b"0123456789")
    site.store.put(made, site.home / "file")
    return made


def test_a_rollover_is_a_gap_and_wants_a_base(members: list[Mongod], tmp_path: Path) -> None:
    site = Site(tmp_path, (members[1].port, members[2].port), QUICK)
    old = stored(site)
    with writing(members[0], 0.05), site.archiver():
        until(lambda: len(site.store.segments()) > 1)
    (told,) = site.said("gap")
    told = {name: value for name, value in told.items() if name not in ("kind", "at")}
    assert Gap.from_json(told) == Gap(old.end, None, Why.ROLLOVER)
    begun = chain(site.store.segments()).runs[1][0]
    assert begun.previous is None
    assert [gap.after for gap in chain(site.store.segments()).gaps] == [old.end]


def test_another_log_is_a_gap_only_if_no_member_goes_on(members: list[Mongod], alone: Mongod, tmp_path: Path) -> None:
    last = newest(members[1])[0]
    with writing(alone, 0.05):
        until(lambda: majority(alone) > last.position.at)
    assert isinstance(refused(alone, last.link), Broken)
    site = Site(tmp_path / "one", (alone.port, members[2].port), QUICK)
    stored(site, first=last.position, last=last.position, last_hash=last.link.hash)
    with writing(members[0], 0.05), site.archiver():
        until(lambda: len(site.store.segments()) > 1)
    assert not site.said("gap")
    other = Site(tmp_path / "other", (members[1].port, members[2].port), QUICK)
    stored(other, first=last.position, last=last.position)
    with other.archiver():
        until(lambda: other.said("gap"))
    assert [gap["why"] for gap in other.said("gap")] == ["hash"]


def test_a_server_that_was_killed_is_no_gap(alone: Mongod, tmp_path: Path) -> None:
    """Although it has another rollback id afterwards, and there is no other member."""
    site = Site(tmp_path, (alone.port,), QUICK)
    with site.archiver():
        with writing(alone, 0.01):
            until(site.store.segments)
        alone.stop(kill=True)
        alone.log_file.unlink()
        alone.start()
        with alone.client() as client:
            until(lambda: client.admin.command("hello")["isWritablePrimary"])
        with writing(alone, 0.01):
            until(lambda: len({segment.rollback_id for segment in site.store.segments()}) > 1)
        end = majority(alone)
        until(lambda: reaches(site, end))
    found = chain(site.store.segments())
    assert not found.gaps
    assert not site.said("gap")
    assert site.store.content() == b"".join(oplog(alone, found.runs[0][0].first.at, found.runs[0][-1].last.at))


def test_a_clock_that_jumps_loses_nothing(members: list[Mongod], tmp_path: Path) -> None:
    site = Site(tmp_path, (members[2].port,), replace(QUICK, seconds=1, size=16 << 20))
    with writing(members[0], 0.02):
        for ahead in (86400, -86400):
            site.set_clock(-ahead)
            with site.archiver():
                kept = len(site.store.segments())
                until(lambda kept=kept: len(site.store.segments()) > kept)  # type: ignore[misc]
                time.sleep(0.5)
                site.set_clock(ahead)  # in the midst of a piece
                kept = len(site.store.segments())
                until(lambda kept=kept: len(site.store.segments()) > kept + 1)  # type: ignore[misc]
        end = majority(members[0])
    with site.archiver():
        until(lambda: reaches(site, end))
    found = chain(site.store.segments())
    assert not found.gaps
    assert not site.said("gap")
    (run,) = found.runs
    assert site.store.content() == b"".join(oplog(members[0], run[0].first.at, run[-1].last.at))


def test_a_member_that_cannot_be_reached_is_waited_for_before_there_is_a_gap(members: list[Mongod], tmp_path: Path) -> None:
    site = Site(tmp_path, (members[1].port, PORT + 9), replace(QUICK, grace=4))
    stored(site)
    with site.archiver():
        until(lambda: site.said("gap"))
    first_round = site.said("state")[0]["at"]
    assert site.said("gap")[0]["at"] - first_round > 1000
