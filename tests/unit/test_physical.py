# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which member saves its files, whether a copy of them would do, and what the command takes for settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.origin import OF_BACKUP, new_id
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical import layout, lock, physical
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.choice import (
    Choice,
    Chosen,
    Elsewhere,
    Refused,
    choose,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.layout import Layout, lay, require_time, storage_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.settings import accepted_physical
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.declaration import Declared
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic, Snapshot

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)
PRIMARY, SECONDARY, RECOVERING, ARBITER = 1, 2, 3, 7
PRIORITIES = {"a": 3, "b": 2, "c": 1}


def told(members: dict[str, dict[str, Any]], own: str, majority: int = 2) -> Choice:
    """``members`` have fields of the configuration, and of the status those that are not: state, lag (s), health."""
    status, config = [], []
    for number, (name, given) in enumerate(members.items()):
        fields = dict(given)
        state, lag, health = fields.pop("state", SECONDARY), fields.pop("lag", 0), fields.pop("health", 1)
        written = {} if state == ARBITER else {"optimeDate": NOW - timedelta(seconds=lag)}
        status.append({"_id": number, "name": name, "state": state, "health": health, **written})
        config.append({"_id": number, "host": name, "arbiterOnly": state == ARBITER, **fields})
    return choose(
        {"members": status, "writeMajorityCount": majority}, {"config": {"_id": "shop", "version": 1, "members": config}}, own
    )


def three(**altered: dict[str, Any]) -> dict[str, dict[str, Any]]:
    members: dict[str, dict[str, Any]] = {name: {"priority": priority} for name, priority in PRIORITIES.items()}
    members["a"]["state"] = PRIMARY
    for name, fields in altered.items():
        members[name].update(fields)
    return members


@pytest.mark.parametrize(
    ("members", "one"),
    [
        (three(), "c"),
        (three(b={"hidden": True, "priority": 0}), "b"),
        (three(b={"hidden": True}), "b"),
        (three(b={"priority": 1}), "c"),
        (three(c={"lag": 10}), "c"),
        (three(a={"state": SECONDARY, "priority": 0}, b={"state": PRIMARY}), "a"),
        ({**three(), "d": {"secondaryDelaySecs": 3600, "priority": 0, "hidden": True, "votes": 0}}, "c"),
        ({**three(), "d": {"slaveDelay": 3600, "priority": 0, "hidden": True, "votes": 0}}, "c"),
        ({**three(c={"health": 0}), "d": {"priority": 0, "votes": 0}}, "d"),
    ],
)
def test_all_members_tell_the_same_one(members: dict[str, dict[str, Any]], one: str) -> None:
    majority = 3 if len(members) > 3 and "votes" not in members["d"] else 2
    assert {name: told(members, name, majority) for name in members} == {
        name: Chosen() if name == one else Elsewhere(one) for name in members
    }


@pytest.mark.parametrize(
    ("members", "speaker", "reason"),
    [
        (three(c={"lag": 11}), "c", "c: it is more than 10 s behind; b: without it no majority of the votes would be left"),
        (three(b={"health": 0}), "c", "c: without it no majority of the votes would be left"),
        (three(c={"health": 0}), "b", "b: without it no majority of the votes would be left"),
        (three(b={"state": RECOVERING}), "c", "c: without it no majority of the votes would be left"),
        (three(c={"state": ARBITER, "priority": 0}), "b", "b: without it fewer than 2 members would take the writes"),
        (three(c={"secondaryDelaySecs": 60, "priority": 0, "lag": 60}), "b", "c: it is 60 s behind on purpose"),
        ({"a": {"state": PRIMARY}}, "a", "one member with data, which has to go on (take logical backups"),
        ({"a": {"state": PRIMARY}, "b": {}}, "b", "b: without it no majority of the votes would be left"),
    ],
)
def test_where_none_is_fit_one_of_them_says_so(members: dict[str, dict[str, Any]], speaker: str, reason: str) -> None:
    found = {name: told(members, name) for name in members}
    said = found.pop(speaker)
    assert isinstance(said, Refused)
    assert reason in said.reason
    assert set(map(str, found.values())) <= {str(Elsewhere(speaker))}


def test_in_a_set_of_five_one_may_be_down() -> None:
    five: dict[str, dict[str, Any]] = {**three(), "d": {}, "e": {"health": 0}}
    assert told(five, "d", 3) == Chosen()
    five["c"]["health"] = 0
    assert isinstance(told(five, "d", 3), Refused)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("journal", "shop", "diagnostic.data", "_tmp"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(bytes(100))
    for name in ("mongod.lock", "mongod.pid", "WiredTiger"):
        (folder / name).write_bytes(bytes(7))
    return folder


def laid(data: Path, parsed: dict[str, Any] | None = None, engine: str = "wiredTiger") -> Layout:
    return lay("db-a", str(data), parsed or {}, engine)


def test_what_is_saved_counts(data: Path) -> None:
    assert laid(data).size == 207
    (data / "shop/_tmp").mkdir()
    (data / "shop/_tmp/file").write_bytes(bytes(50))
    assert laid(data).size == 257, "only at the top"


@pytest.mark.parametrize(
    ("parsed", "engine", "reason"),
    [
        ({"security": {"enableEncryption": True}}, "wiredTiger", "the server encrypts its files"),
        ({}, "inMemory", "its storage engine is inMemory, not wiredTiger"),
        ({"storage": {"dbPath": "/elsewhere"}}, "wiredTiger", "the server has its data in /elsewhere, not in "),
    ],
)
def test_a_server_of_another_kind_is_refused(data: Path, parsed: dict[str, Any], engine: str, reason: str) -> None:
    with pytest.raises(StrongholdError, match=reason):
        laid(data, parsed, engine)


def test_what_lies_elsewhere_is_refused_by_name(data: Path, tmp_path: Path) -> None:
    for name in ("shop/file.wt", "bank"):
        (data / name).symlink_to(tmp_path)
        with pytest.raises(StrongholdError, match=f"{data / name} is a link"):
            laid(data)
        (data / name).unlink()
    with pytest.raises(StrongholdError, match="is no directory"):
        laid(tmp_path / "none")


def test_another_file_system_is_refused_by_name(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_walk", lambda _folder: [(data / "journal", Path("/proc").stat())])
    with pytest.raises(StrongholdError, match=f"{data}/journal is on another file system"):
        laid(data)


def test_only_what_a_restored_server_needs_is_kept_of_its_options() -> None:
    parsed = {
        "net": {"tls": {"certificateKeyFilePassword": "xyzzy"}},
        "storage": {
            "dbPath": "/data",
            "directoryPerDB": True,
            "wiredTiger": {"engineConfig": {"cacheSizeGB": 5, "directoryForIndexes": True, "journalCompressor": "zstd"}},
        },
    }
    engine = {"directoryForIndexes": True, "journalCompressor": "zstd"}
    assert storage_of(parsed) == {"directoryPerDB": True, "wiredTiger": {"engineConfig": engine}}
    assert storage_of({}) == {}
    assert storage_of({"storage": {"wiredTiger": None}}) == {}


def test_a_copy_takes_at_most_half_of_the_oplog() -> None:
    large = Layout(Path("/data"), 1000, {})
    require_time("db-a", large, 10, 200)
    with pytest.raises(StrongholdError, match=r"about 100 s, and half of the 199 s of its oplog are 100 s"):
        require_time("db-a", large, 10, 199)


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        ((), True),
        ((timedelta(hours=1),), False),
        ((timedelta(hours=19, minutes=59),), False),
        ((timedelta(hours=21),), True),
        ((timedelta(days=9), timedelta(hours=1), timedelta(days=3)), False),
        ((-timedelta(days=400),), True),
        ((-timedelta(days=400), timedelta(hours=1)), False),
    ],
)
def test_when_a_backup_is_due(monkeypatch: pytest.MonkeyPatch, begun: tuple[timedelta, ...], due: bool) -> None:
    """One that a clock dates into the future, which was ahead, delays none."""
    now = datetime.now(timezone.utc)
    listed = [saved("db-a", now - ago) for ago in begun]
    others = [saved("db-b", now), replace(saved("db-a", now), tags=("manifest",))]
    restic = Restic("db-a", Place("/", "/"))
    monkeypatch.setattr(restic, "snapshots", lambda tag: [*listed, *others] if tag == "manifest" else [])
    assert physical._is_due(restic) is due


def saved(host: str, begun: datetime) -> Snapshot:
    """The manifest of a backup."""
    return Snapshot("0" * 64, "", host, ("manifest", f"{OF_BACKUP}{new_id(begun.timestamp())}"), ("/manifest.json",))


def test_a_lock_that_the_server_is_still_taking_is_waited_for_and_given_back() -> None:
    """Of a client that has gone, while somebody reads for long: unlocked before, it would come afterwards, and stay."""
    running: list[list[dict[str, Any]]] = [[{"command": {"fsync": 1}}], [{"command": {"fsync": 1}}], [{"command": {"find": "a"}}]]
    given: list[dict[str, Any]] = []

    class Admin:
        def command(self, asked: dict[str, Any]) -> dict[str, Any]:
            if "fsyncUnlock" in asked:
                given.append(asked)
            return {"pid": 5} if "serverStatus" in asked else {"inprog": running.pop(0)} if "currentOp" in asked else {}

    client: Any = SimpleNamespace(admin=Admin())
    lock._unlock(client, Login("127.0.0.1"), lock.Record(5, 1))
    assert (running, given) == ([], [{"fsyncUnlock": 1}])


GOOD: dict[str, Any] = {
    "login": {"host": "127.0.0.1", "user": "saver", "password": "x", "replica_set": "shop"},
    "db_path": "/var/lib/mongodb",
    "vaults": [{"repository": "rest:https://anna:xyzzy@vault-a/", "password": "correct horse battery"}],
}
VAULT = GOOD["vaults"][0]


def test_settings_are_taken_and_the_login_is_for_this_member_itself() -> None:
    found = accepted_physical(GOOD)
    assert found.login.replica_set is None
    assert found.vaults[0].repository == VAULT["repository"]


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        *(({"db_path": value}, "db_path is no absolute path") for value in ("data", 0, None, False)),
        *(({name: "x"}, f"{name} is no absolute path") for name in ("ca_file", "certificate_file", "metrics_file")),
        *(({"ca_file": value}, "ca_file is no absolute path") for value in (0, False, 2024)),
        *(({"service": value}, "service is not the name of a unit") for value in ("", 0, None)),
        *(({"vaults": value}, "vaults is no list, or an empty one") for value in ([], {}, "x", None, 0)),
        ({"vaults": ["x"]}, "a vault is not an object"),
        ({"vaults": [{"repository": "/x"}]}, "a vault has no password"),
        ({"vaults": [{**VAULT, "name": "x"}]}, "a vault knows no name"),
        *(({"vaults": [{**VAULT, "password": value}]}, "a password is no text of at least 16") for value in ("short", 0, None)),
        *(({"vaults": [{**VAULT, "repository": value}]}, "a repository is neither") for value in ("x", 0, None)),
        ({"vaults": [VAULT, VAULT]}, "two vaults have one and the same repository"),
        ({"login": "x"}, "the login is not an object"),
        ({"login": {"hosts": "x"}}, "the login knows no hosts"),
        ({"members": []}, "it knows no members"),
        *(({"method": value}, "method is none of auto, physical, snapshot") for value in ("lock", "", 0, None, False)),
    ],
)
def test_settings_of_another_kind_are_refused(altered: dict[str, Any], reason: str) -> None:
    with pytest.raises(StrongholdError, match=reason) as failed:
        accepted_physical({**GOOD, **altered})
    assert "xyzzy" not in str(failed.value)


def test_its_service_gives_the_lock_back_however_it_ends() -> None:
    unit: dict[str, Any] = dict.fromkeys(
        ("after", "writes", "state", "capabilities", "families", "peers", "devices", "memory"), ()
    )
    unit.update(description="Files", kind="oneshot", timeout=60, user=None, on_failure=None, restart=None, limits={})
    unit.update(background=True, volumes=False)
    params = {"command": "physical", "state": "present", "settings": {}, "login": None, "service": unit}
    made = Declared.from_params({**params, "timer": {"calendar": "daily", "spread": 0, "boot": None}}, "/opt/program")
    assert "ExecStopPost=/opt/program physical release\n" in made.service


def test_no_word_of_any_command_of_restic_holds_the_url(tmp_path: Path) -> None:
    """It may hold a password, and words are visible to every account of the host."""
    seen, environment = tmp_path / "seen", tmp_path / "environment"
    program = tmp_path / "restic"
    summary = '{"message_type": "summary", "snapshot_id": "abcd", "data_added": 0}'
    snapshots = '[{"id": "abcd", "time": "2026-11-26T00:00:00Z", "tree": "ef"}]'
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {seen}\nenv >> {environment}\n'
        f'case " $* " in *" snapshots "*) echo \'{snapshots}\';; *" backup "*) cat > /dev/null; echo \'{summary}\';; esac\n'
    )
    program.chmod(0o755)
    there = Restic("db-a", Place("s3:https://anna:there@a/", "/p", program=str(program)))
    restic = Restic("db-a", Place("s3:https://anna:xyzzy@a/", "/p", program=str(program)))
    restic.exists()
    restic.make()
    restic.make_like(there)
    restic.copy(there, ["abcd"])
    restic.save_folder(tmp_path, "tag")
    assert restic.save_content(tmp_path, "tag", without=("*.pid",)).tree == "ef"
    with restic.save("a", "tag") as saving:
        saving.write(b"x")
    with restic.dump("abcd", "a") as chunks:
        assert list(chunks) == []
    restic.read("abcd", "a")
    restic.files("abcd")
    restic.restore("abcd", tmp_path)
    restic.forget(["abcd"])
    restic.prune()
    restic.check()
    words = seen.read_text()
    assert len(words.splitlines()) > 14
    assert "anna" not in words
    assert "RESTIC_REPOSITORY=s3:https://anna:xyzzy@a/\n" in environment.read_text()
    assert "RESTIC_FROM_REPOSITORY=s3:https://anna:there@a/\n" in environment.read_text()


def test_a_folder_with_stars_in_its_name_leaves_out_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "a*[b]"
    folder.mkdir()
    seen = tmp_path / "seen"
    program = tmp_path / "restic"
    program.write_text(f'#!/bin/sh\necho "$@" >> {seen}\nexit 1\n')
    program.chmod(0o755)
    with pytest.raises(StrongholdError):
        Restic("db-a", Place("/r", "/p", program=str(program))).save_content(folder, without=("mongod.lock",))
    assert f"--exclude {tmp_path}/a\\*\\[b]/mongod.lock " in seen.read_text()
