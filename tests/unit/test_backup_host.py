# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup host decides and tells: which member is read, what it remembers, how it spells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from clock import set_clock

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup import archive, report, routine
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.archive import gauges
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.gauges import gauges as base_gauges
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.members import Rank, Refused, rank
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import RUNS, Record
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known, Vault
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import OplogSettings, accepted
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import State
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import UNDER_WAY
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup, Catalogue
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import ClusterTime, Manifest, Stream
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.retention import Policy

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
TIME = ClusterTime(int(NOW.timestamp()), 1)
MANIFEST = Manifest(
    id="",
    method="logical",
    replica_set="rs",
    member="db-a:27017",
    server_version="6.0.27",
    compatibility="6.0",
    begun="2026-11-26T12:00:00Z",
    ended="2026-11-26T12:00:01Z",
    cluster_time=TIME,
    consistent_at=TIME,
    rollback_id=1,
    partial=False,
    streams=(),
    items=(),
)


def base(days: float, *streams: str) -> Backup:
    """Taken so many days ago, and named after that."""
    taken = ClusterTime(int((NOW - timedelta(days=days)).timestamp()), 1)
    named = tuple(Stream(f"{one}.archive", one, 1, "0" * 64) for one in streams)
    return Backup(replace(MANIFEST, id=f"{days}", cluster_time=taken, consistent_at=taken, streams=named), f"snapshot {days}")


def remembered(*backups: Backup) -> Record:
    arrived = {one.snapshot: moments.text(NOW - timedelta(days=float(one.manifest.id)), "milliseconds") for one in backups}
    return Record(arrived)


@pytest.mark.parametrize(
    ("hello", "found"),
    [
        ({"isWritablePrimary": True}, Rank.PRIMARY),
        ({"secondary": True}, Rank.SECONDARY),
        ({"secondary": True, "hidden": True}, Rank.HIDDEN),
        ({"secondary": True, "hidden": True, "secondaryDelaySecs": 3600}, Refused("it is 3600 s behind on purpose")),
        ({"secondary": True, "slaveDelay": 60}, Refused("it is 60 s behind on purpose")),
        ({"arbiterOnly": True}, Refused("it is an arbiter and has no data")),
        ({"arbiterOnly": True, "secondary": True}, Refused("it is an arbiter and has no data")),
        ({}, Refused("it is neither primary nor secondary now")),
    ],
)
def test_which_members_are_read(hello: dict[str, Any], found: Rank | Refused) -> None:
    assert rank(hello) == found


def test_a_hidden_member_is_read_first_and_the_primary_last() -> None:
    assert sorted(Rank) == [Rank.HIDDEN, Rank.SECONDARY, Rank.PRIMARY]


def test_what_is_seen_again_arrived_when_it_was_seen_first() -> None:
    record = Record()
    record.see(["a"], NOW)
    record.see(["a", "b"], NOW + timedelta(days=1))
    assert record.arrived == {"a": "2026-11-26T12:00:00.000Z", "b": "2026-11-27T12:00:00.000Z"}
    assert record.older(["a", "b"], NOW + timedelta(days=2), timedelta(days=2)) == ["a"]
    record.see(["b"], NOW)
    assert list(record.arrived) == ["b"]


def test_what_comes_while_the_clock_is_behind_arrived_when_it_was_written() -> None:
    record = Record({"a": moments.text(NOW)}, {"x": moments.text(NOW)})
    behind = NOW - timedelta(days=30)
    record.see(["a", "b", "c"], behind, {"b": NOW + timedelta(days=1)})
    assert {name: moments.parse(time) for name, time in record.arrived.items()} == {
        "a": NOW,
        "b": NOW + timedelta(days=1),
        "c": behind,
    }
    assert record.verified == {"x": moments.text(behind)}, "so that it is proved again sooner"
    record.see(["a", "d"], NOW + timedelta(days=2), {"d": NOW + timedelta(days=9)})
    assert record.arrived["d"] == "2026-11-28T12:00:00.000Z", "by a clock that is not behind, whatever that of its set says"


def test_a_record_is_kept_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state" / "record.json"
    assert Record.read(path) == Record()
    record = Record({"a": "2026-11-26T12:00:00Z"}, {"x": "2026-11-26T12:00:00Z"}, [1, 2], 5)
    record.write(path)
    assert Record.read(path) == record
    assert path.stat().st_mode & 0o777 == 0o600
    for text in ("{", "[]", '{"elsewhere": 1}'):
        path.write_text(text)
        with pytest.raises(StrongholdError, match="remove it; then all backups count as having arrived now"):
            Record.read(path)


def test_how_many_went_is_remembered_for_a_while() -> None:
    record = Record(verified={"a": "2026-11-26T12:00:00Z", "b": "2026-11-26T12:00:00Z"})
    for count in range(RUNS + 5):
        record.went(["a"], count)
    assert record.verified == {"b": "2026-11-26T12:00:00Z"}
    assert record.dropped == [*range(5, RUNS + 5)]


def test_the_oplog_is_wanted_from_the_base_of_the_window_on() -> None:
    backups = [base(days) for days in (9.5, 8.5, 7.5, 6.5, 0.5)]
    record = remembered(*backups)
    record.want_oplog(backups, Policy(window=7), NOW)
    assert record.oplog_since == backups[2].manifest.cluster_time.time - UNDER_WAY
    record.verified = {"8.5": "2026-11-26T12:00:00Z"}  # and the one of 7.5 may not be whole
    record.want_oplog(backups, Policy(window=7), NOW)
    assert record.oplog_since == backups[1].manifest.cluster_time.time - UNDER_WAY
    record.want_oplog([], Policy(), NOW)
    assert record.oplog_since == 0


@pytest.mark.parametrize("days", [1, 400])
def test_while_the_clock_is_ahead_no_more_of_the_oplog_goes(days: int) -> None:
    backups = [base(age) for age in (9.5, 8.5, 7.5, 6.5, 0.5, 0)]
    record = remembered(*backups)
    record.want_oplog(backups, Policy(window=7), NOW + timedelta(days=days))
    assert record.oplog_since == backups[2].manifest.cluster_time.time - UNDER_WAY


def test_what_a_clock_that_was_ahead_says_is_not_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, old, new = base(-400), base(2), base(1)
    backups = (ahead, old, new)
    with at(monkeypatch, NOW):
        assert Known(Catalogue(backups, (), ()), remembered(*backups), {}).newest == new
        assert Known(Catalogue((ahead,), (), ()), remembered(ahead), {}).newest == ahead
    samples = {one.name: one.samples for one in base_gauges(Catalogue(backups, (), ()), remembered(*backups), NOW.timestamp())}
    last = NOW.timestamp() - 24 * 3600
    assert samples["mongodb_backup_last_seconds"] == [({"replica_set": "rs"}, last)]
    assert samples["mongodb_backup_last_consistent_seconds"] == [({"replica_set": "rs"}, last)]


def test_a_proof_of_a_clock_that_was_ahead_is_none_of_later(monkeypatch: pytest.MonkeyPatch) -> None:
    one = base(0)
    record = Record(remembered(one).arrived, {one.manifest.id: moments.text(NOW + timedelta(days=400))})
    record.see([one.snapshot], NOW)
    known = Known(Catalogue((one,), (), ()), record, {})
    for days, due in ((0, False), (8, True)):
        with at(monkeypatch, NOW + timedelta(days=days)):
            assert known.proof_is_due((one,)) is due


@pytest.mark.parametrize(("newest", "goes"), [(0.0, False), (-1.0, True)])
def test_what_arrived_today_stays_while_the_clock_is_ahead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, newest: float, goes: bool
) -> None:
    early, late = base(0.2), base(newest)
    known = Known(Catalogue((early, late), (), ()), remembered(early, late), {late.manifest.id: ["newest"]})
    restic = Restic("here", Place("/", "/"))
    gone: list[str] = []
    monkeypatch.setattr(restic, "forget", gone.extend)
    monkeypatch.setattr(restic, "prune", lambda: None)
    with at(monkeypatch, NOW + timedelta(days=1)):
        Vault(restic, tmp_path, Policy()).drop(known, str)
    assert gone == ([early.snapshot] if goes else [])


@contextmanager
def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[None]:
    with monkeypatch.context() as patch:
        set_clock(patch, now - datetime.now(timezone.utc))
        yield


def test_the_rules_hold_for_each_group_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = [base(days) for days in (0, 1, 2, 3)]
    mine = replace(base(30), manifest=replace(base(30).manifest, member="db-b:27017"))
    found = Catalogue((*others, mine), (), ())
    monkeypatch.setattr(routine, "look", lambda *_words, **_options: found)
    remembered(*found.backups).write(tmp_path / "record.json")
    policy = Policy(daily=1, weekly=0, monthly=0, window=0)
    with at(monkeypatch, NOW):
        place = Vault(Restic("here", Place("/", "/")), tmp_path, policy, group=lambda one: one.manifest.member)
        assert "newest" in place.known().reasons["30"]
        alone = Vault(Restic("here", Place("/", "/")), tmp_path, policy)
        assert "30" not in alone.known().reasons
    assert place.grouped(found.backups) == [others, [mine]]


def test_a_stream_that_another_backup_names_stays() -> None:
    old, new = base(9, "mine", "shared"), base(0.5, "shared", "new")
    known = Known(Catalogue((old, new), (), ()), remembered(old, new), {"0.5": ["newest"]})
    assert known.parting(NOW) == [old]
    assert known.streams([old]) == ["mine"]


def test_what_arrived_today_stays_although_no_rule_keeps_it() -> None:
    old, new = base(0.9), base(0.5)
    known = Known(Catalogue((old, new), (), ()), remembered(old, new), {"0.5": ["newest"]})
    assert known.parting(NOW) == []
    assert known.parting(NOW + timedelta(days=1)) == [old]


class Unit:
    """The service that takes a base."""

    def __init__(self) -> None:
        self.idle, self.begun = False, 0

    def is_idle(self) -> bool:
        return self.idle

    def begin(self) -> None:
        self.begun += 1


def test_after_a_gap_a_base_is_taken_once_the_archive_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit()
    monkeypatch.setattr(archive, "Systemd", lambda _name: unit)
    bases = archive.Bases()
    bases.look(1)
    bases.look(2)
    bases.want()
    unit.idle = True
    bases.look(2)
    assert unit.begun == 0, "nothing was archived since"
    unit.idle = False
    bases.look(3)
    assert unit.begun == 0, "one that runs may have begun before"
    unit.idle = True
    bases.look(4)
    bases.look(5)
    assert unit.begun == 1


def test_two_archivers_at_once_are_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive, "IN_MEMORY", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    wait = locks._wait
    monkeypatch.setattr(locks, "_wait", lambda *words: wait(*words[:-1], 0))
    settings = OplogSettings(Login("127.0.0.1"), ("127.0.0.1:9",), str(tmp_path / "none"), "correct horse battery staple")
    with locks.held(locks.OPLOG, "here", "archive the oplog"), pytest.raises(StrongholdError, match=" is at it since "):
        archive.archive(settings, str)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3661, "1 h 1 min"), (90000, "1 d 1 h")],
)
def test_spans(seconds: int, text: str) -> None:
    assert report.span(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 40, "5.0 TiB"), (5 << 50, "5120.0 TiB")]
)
def test_sizes(amount: int, text: str) -> None:
    assert report.size(amount) == text


def test_what_is_not_known_yet_has_no_metric() -> None:
    state = State("db-a:27017", 1_795_000_000_500, None, 10, False, None)
    text = "".join(gauge.text() for gauge in gauges(state, 1_795_000_001) if gauge.samples)
    assert "mongodb_oplog_archived_seconds 1795000000.5\n" in text
    assert "mongodb_oplog_stored_seconds" not in text


def test_of_the_folders_of_a_service_its_own_is_meant_wherever_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = OplogSettings(Login("a"), ("a",), "/r", "p")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/stronghold/metrics:/var/lib/stronghold/oplog")
    assert settings.home == Path("/var/lib/stronghold/oplog")
    monkeypatch.setenv("STATE_DIRECTORY", "/elsewhere")
    assert settings.home == Path("/elsewhere")
    monkeypatch.delenv("STATE_DIRECTORY")
    assert settings.home == Path("/var/lib/stronghold/oplog")


SETTINGS: dict[str, Any] = {
    "login": {"host": "db-a", "port": 27017},
    "members": ["db-a:27017"],
    "repository": "/var/lib/stronghold/backup/bases",
    "password": "a password of sixteen",
}


@pytest.mark.parametrize("rate", [-1, "40", "false", True, None, 2.5])
def test_a_rate_that_is_no_number_is_refused(rate: object) -> None:
    assert accepted({**SETTINGS, "rate": 40}).rate == 40
    with pytest.raises(StrongholdError, match="rate is no whole number, or below 0"):
        accepted({**SETTINGS, "rate": rate})
