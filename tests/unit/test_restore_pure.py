# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a restore needs no server: which collections, which indexes in the end, which failures count, what differs."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.private_server import PrivateServer
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    FILES,
    LOGICAL,
    PHYSICAL,
    ClusterTime,
    Manifest,
    Stream,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.compare import Facts, differences
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.indexes import Indexes
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.judge import Judge
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.scope import kept, shown, split

ONE, OTHER = b"1", b"2"


def spec(name: str, **more: Any) -> dict[str, Any]:
    return {"v": 2, "key": {name: 1}, "name": f"{name}_1", **more}


@pytest.mark.parametrize(
    ("name", "plain", "accounts"),
    [
        ("a.b", True, True),
        ("a.b.c", True, True),
        ("a.system.js", True, True),
        ("a.system.views", True, True),
        ("a.system.buckets.b", True, True),
        ("a.system.profile", False, False),
        ("admin.a", True, True),
        ("admin.system.users", False, True),
        ("admin.system.keys", False, False),
        ("config.transactions", False, False),
        ("config.image_collection", False, False),
        ("local.oplog.rs", False, False),
    ],
)
def test_what_a_restore_has(name: str, plain: bool, accounts: bool) -> None:
    assert (kept(split(name), accounts=False), kept(split(name), accounts=True)) == (plain, accounts)


def test_what_users_call_it() -> None:
    assert shown(split("a.system.buckets.b.c")) == Namespace("a", "b.c")
    assert shown(split("a.b.c")) == Namespace("a", "b.c")


class TestIndexes:
    @pytest.fixture
    def indexes(self) -> Indexes:
        made = Indexes()
        made.add(ONE, [spec("a", ns="x.y"), spec("b"), {"v": 2, "key": {"_id": 1}, "name": "_id_"}])
        made.add(ONE, [{"v": 2, "key": {"_id": 1}, "name": "by id", "clustered": True}])
        made.add(OTHER, [spec("c")])
        return made

    def test_those_on_id_are_not_among_them(self, indexes: Indexes) -> None:
        assert indexes.of(ONE) == {"a_1": spec("a"), "b_1": spec("b")}
        assert indexes.of(b"3") == {}

    @pytest.mark.parametrize(
        ("which", "left"), [("a_1", ["b_1"]), ({"b": 1}, ["a_1"]), (["a_1", "b_1"], []), ("*", []), ("z", ["a_1", "b_1"])]
    )
    def test_they_are_dropped(self, indexes: Indexes, which: Any, left: list[str]) -> None:
        indexes.drop(ONE, which)
        assert sorted(indexes.of(ONE)) == left
        assert list(indexes.of(OTHER)) == ["c_1"]

    def test_they_go_with_their_collection(self, indexes: Indexes) -> None:
        indexes.forget(ONE)
        assert indexes.of(ONE) == {}

    def test_they_are_altered(self, indexes: Indexes) -> None:
        indexes.alter(ONE, {"name": "a_1", "expireAfterSeconds": 7})
        indexes.alter(ONE, {"keyPattern": {"b": 1}, "hidden": True})
        indexes.alter(ONE, {"name": "gone", "hidden": True})
        assert indexes.of(ONE) == {"a_1": spec("a", expireAfterSeconds=7), "b_1": spec("b", hidden=True)}
        indexes.alter(ONE, {"name": "b_1", "hidden": False})
        indexes.alter(ONE, {"name": "a_1", "prepareUnique": True})
        indexes.alter(ONE, {"name": "a_1", "unique": True})
        assert indexes.of(ONE) == {"a_1": spec("a", expireAfterSeconds=7, unique=True), "b_1": spec("b")}


def test_which_failures_count() -> None:
    judge = Judge("here", (5, 2))
    judge.fail((5, 1), "it was so")
    judge.fail((5, 2), "it was so")
    assert judge.tolerated == 2
    with pytest.raises(StrongholdError, match=r"^here: could not replay the oplog beyond .* \(5, 3\) because it was so; "):
        judge.fail((5, 3), "it was so")


def test_what_differs_is_named() -> None:
    def facts(documents: str = "", options: str = "", indexes: tuple[str, ...] = ()) -> Facts:
        return Facts(documents, options, indexes)

    one = {split("a.a"): facts(), split("a.b"): facts("x"), split("a.c"): facts("x", "y", ("z",)), split("a.d"): facts()}
    other = {split("a.b"): facts("y"), split("a.c"): facts("x", "", ()), split("a.d"): facts(), split("a.e"): facts()}
    assert differences(one, one) == []
    assert differences(one, other) == [
        "Only the first has a.a.",
        "a.b has other documents.",
        "a.c has other options and other indexes.",
        "Only the second has a.e.",
    ]


class Server(PrivateServer):
    """With what parameters and which files it was started, instead of a server."""

    started: ClassVar[list[tuple[dict[str, Any], list[str]]]] = []

    @contextmanager
    def running(self, replica_set: str | None = None) -> Iterator[Path]:
        assert replica_set is None, "it might be reached by the set that the files are from"
        self.started.append((dict(self.parameters), [path.name for path in self.db_path.iterdir()]))
        yield self.db_path


def manifest(method: str) -> Manifest:
    storage = {"directoryPerDB": True}
    at, streams = ClusterTime(5, 1), (Stream(FILES, "ab", 1, "cd"),)
    return Manifest("a", method, "rs", "db-a:27017", "6.0.27", "6.0", "", "", at, at, 1, False, streams, (), storage)


@pytest.fixture
def restic(monkeypatch: pytest.MonkeyPatch) -> Restic:
    made = Restic("here", Place("/", "/"))
    monkeypatch.setattr(made, "restore", lambda _snapshot, folder: (folder / "WiredTiger").touch())
    monkeypatch.setattr(Server, "started", [])
    return made


def test_files_are_recovered_from_their_oplog_before_anybody_opens_them(restic: Restic, tmp_path: Path) -> None:
    """A server of its own would lose what came after its last stable checkpoint, and would not say so."""
    server = Server("mongod", tmp_path, {}, getpass.getuser(), 5, parameters={"logLevel": 1})
    opened = files.put(restic, manifest(PHYSICAL), server)
    recovering = {"recoverFromOplogAsStandalone": True, "takeUnstableCheckpointOnShutdown": True}
    assert Server.started == [({"logLevel": 1, **recovering}, ["WiredTiger"])]
    assert opened == replace(server, storage={"directoryPerDB": True}), "it takes writes, which one that recovers does not"


def test_files_come_into_an_empty_folder_and_from_a_backup_of_files(restic: Restic, tmp_path: Path) -> None:
    server = Server("mongod", tmp_path, {}, getpass.getuser(), 5)
    with pytest.raises(StrongholdError, match="a is a logical backup; choose another one"):
        files.put(restic, manifest(LOGICAL), server)
    (tmp_path / "mongod.lock").touch()
    with pytest.raises(StrongholdError, match="is not empty; name an empty folder"):
        files.put(restic, manifest(PHYSICAL), server)
    assert Server.started == []
