# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an oplog tells of collections and indexes themselves, done in a server that holds a backup.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.judge import Judge
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.scope import VIEWS, split
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.target import Target
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.unrolled import Operation

if TYPE_CHECKING:
    from bson import Binary

with suppress(ImportError):  # told by whoever connects
    import bson

_WITHOUT_EFFECT = frozenset({"startIndexBuild", "abortIndexBuild", "setMultikeyMetadata", "dropIdent", "dbCheck"})
_OF_INDEXES = frozenset({"createIndexes", "commitIndexBuild", "dropIndexes", "deleteIndexes", "dropIndex", "deleteIndex"})
_KNOWN = frozenset({"create", "drop", "renameCollection", "collMod", "emptycapped"}) | _OF_INDEXES
_OF_THE_SOURCE = frozenset({"recordIdsReplicated"})


class Commands:
    """``is_kept`` tells which collections are restored.

    Where the backup is not consistent yet, a collection may have the name, the options and the indexes that it gets later; what
    leads there is done as far as it can be, and by the last of it all is as it was.
    """

    def __init__(self, target: Target, judge: Judge, is_kept: Callable[[Namespace], bool]) -> None:
        self._target, self._judge, self._is_kept = target, judge, is_kept

    def run(self, operation: Operation) -> None:
        """Raises StrongholdError where it fails, and that counts."""
        at, told = operation
        command = told["o"]
        name = next(iter(command))
        database = split(told["ns"]).database
        if name == "dropDatabase":
            self._drop_database(at, database)
        elif name not in _WITHOUT_EFFECT:
            subject = split(command[name]) if name == "renameCollection" else Namespace(database, str(command[name]))
            if self._is_kept(subject):
                if name not in _KNOWN:
                    raise self._judge.error(at, f"the command {name}, for {subject}, is not known")
                self._run(at, told, name, subject)
            elif name == "renameCollection" and self._is_kept(split(command["to"])):
                raise self._judge.error(at, f"{subject}, which was not selected, became {command['to']}, which was")

    def _run(self, at: Timestamp, told: Mapping[str, Any], name: str, subject: Namespace) -> None:
        if name == "create":
            self._create(at, told, subject)
            return
        uuid = self._target.uuid_of(told["ui"], subject) if "ui" in told else self._target.at(subject)
        there = self._target.names.get(uuid) if uuid else None
        if there != subject:
            self._judge.fail(at, f"{subject}, which {name} is for, is not there, or another one of that name")
        if uuid is None or there is None:
            return
        if name == "renameCollection":
            if there == subject:
                self._rename(at, told, uuid)
        elif name in _OF_INDEXES:
            self._index(name, told["o"], uuid)
        elif name == "drop":
            self._send(at, told, uuid, {name: there.collection})
            self._target.gone(uuid)
        elif name == "collMod":
            self._alter(at, told, uuid)
        else:
            self._send(at, told, uuid, {name: there.collection})

    def _create(self, at: Timestamp, told: Mapping[str, Any], subject: Namespace) -> None:
        if "ui" not in told:
            raise self._judge.error(at, f"{subject} is created without a UUID, as servers before 4.0 did")
        uuid, there = told["ui"], self._target.at(subject)
        if there is not None and there == self._target.uuid_of(uuid, subject):
            if subject.collection != VIEWS:
                self._judge.fail(at, f"{subject} is created, and is there already")
            return
        if there is not None or uuid in self._target.names:
            # A server would move the other one out of the way, and ends itself where that has the data of a time series.
            self._judge.fail(at, f"{subject} is created, and there is another one of that name, or it has another name")
            return
        command = {key: value for key, value in told["o"].items() if key not in _OF_THE_SOURCE}
        if self._send(at, told, uuid, command):
            self._target.made(uuid, subject, capped=bool(command.get("capped")))

    def _rename(self, at: Timestamp, told: Mapping[str, Any], uuid: Binary) -> None:
        command = dict(told["o"])
        source, to = split(command["renameCollection"]), split(command["to"])
        there = self._target.at(to)
        dropped = command.get("dropTarget")
        if isinstance(dropped, bson.Binary):
            command["dropTarget"] = dropped = self._target.uuid_of(dropped, to) or False
        if (dropped or None) != there and not (dropped is True and there):
            self._judge.fail(at, f"{source} becomes {to}, in whose place there is another one than there was")
            if there is not None:
                return
            command["dropTarget"] = False
        if self._send(at, told, uuid, command):
            if there is not None:
                self._target.gone(there)
            self._target.made(uuid, to)

    def _alter(self, at: Timestamp, told: Mapping[str, Any], uuid: Binary) -> None:
        command = {**told["o"], "collMod": self._target.names[uuid].collection}
        index = command.pop("index", None)
        if index is not None:
            self._target.indexes.alter(uuid, index)
        if len(command) > 1:
            self._send(at, told, uuid, command)

    def _index(self, name: str, command: Mapping[str, Any], uuid: Binary) -> None:
        if name == "createIndexes":
            self._target.indexes.add(uuid, [{key: value for key, value in command.items() if key != name}])
        elif name == "commitIndexBuild":
            self._target.indexes.add(uuid, command["indexes"])
        else:
            self._target.indexes.drop(uuid, command["index"])

    def _drop_database(self, at: Timestamp, database: str) -> None:
        """What was in it was dropped before, one by one."""
        left = [name for name in self._target.names.values() if name.database == database]
        if left:
            self._judge.fail(at, f"{database} is dropped, and {left[0]} is still there")

    def _send(self, at: Timestamp, told: Mapping[str, Any], uuid: Binary, command: Mapping[str, Any]) -> bool:
        """Whether it was done."""
        said = self._target.apply_one({"op": "c", "ns": told["ns"], "ui": uuid, "o": command})
        if said is not None:
            self._judge.fail(at, f"{next(iter(told['o']))} in {told['ns'].partition('.')[0]} fails with '{said}'")
        return said is None
