# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replays an oplog into a server that holds a backup, exactly to a point in time.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.commands import Commands
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.judge import Judge
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.scope import is_version, kept, split
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.target import Target
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.unrolled import Operation

_MANY, _LARGE = 1000, 4 << 20  # operations and bytes of a batch
_BESIDES = 200  # bytes of an operation besides its documents
_WRITES = frozenset("iud")
_WITHOUT_EFFECT = frozenset({"n", "km", "cd", "ci", "cu"})
Wants = Callable[[Namespace], bool]


def everything(_namespace: Namespace) -> bool:
    return True


class Replay:
    """``wants`` tells which collections were selected, ``accounts`` whether users and roles are wanted.

    ``operations`` counts what was done.
    """

    def __init__(self, target: Target, judge: Judge, *, wants: Wants = everything, accounts: bool = False) -> None:
        self._target, self._judge = target, judge
        self._wants, self._accounts = wants, accounts
        self._scope: dict[str, Namespace | None] = {}
        self._batch: list[dict[str, Any]] = []
        self._times: list[Timestamp] = []
        self._size = 0
        self._commands = Commands(target, judge, self._is_kept)
        self.operations = 0

    def run(self, operations: Iterable[Operation]) -> None:
        """All of them; indexes are not built. Raises StrongholdError and PyMongo's errors."""
        for operation in operations:
            kind = operation.told["op"]
            if kind in _WRITES:
                self._write(operation)
            elif kind == "c":
                self._flush()
                self._commands.run(operation)
                self.operations += 1
            elif kind not in _WITHOUT_EFFECT:
                raise self._judge.error(operation.at, f"an operation of the kind {kind!r} is not known")
        self._flush()

    def _is_kept(self, namespace: Namespace) -> bool:
        return kept(namespace, accounts=self._accounts) and self._wants(namespace)

    def _write(self, operation: Operation) -> None:
        at, told = operation
        kind, text, document = told["op"], told["ns"], told["o"]
        identity = told["o2"] if kind == "u" else document
        if text == "admin.system.version" and is_version(split(text), identity.get("_id")):
            raise self._judge.error(at, "the feature compatibility version was changed then, which cannot be replayed")
        namespace = self._in_scope(text)
        if namespace is None:
            return
        uuid = self._target.uuid_of(told["ui"], namespace)
        there = self._target.names.get(uuid) if uuid else None
        if there != namespace:
            self._judge.fail(at, f"{namespace} is not there, or another one of that name")
            if there is None:
                return
            text = str(there)  # the name that it will have
        made = {"op": kind, "ns": text, "ui": uuid, "o": document}
        size = len(document.raw) + _BESIDES
        if kind == "u":
            made["o2"] = identity
            size += len(identity.raw)
        if kind == "i" and uuid in self._target.capped and self._judge.is_fuzzy(at):
            # It came with the backup, or was there and is gone: in either case it belongs behind those that came before it.
            self._add(at, {"op": "d", "ns": text, "ui": uuid, "o": {"_id": document["_id"]}}, _BESIDES)
        self._add(at, made, size)

    def _in_scope(self, text: str) -> Namespace | None:
        if text not in self._scope:
            namespace = split(text)
            self._scope[text] = namespace if self._is_kept(namespace) else None
        return self._scope[text]

    def _add(self, at: Timestamp, operation: dict[str, Any], size: int) -> None:
        if len(self._batch) >= _MANY or self._size + size > _LARGE:
            self._flush()
        self._batch.append(operation)
        self._times.append(at)
        self._size += size

    def _flush(self) -> None:
        batch, times = self._batch, self._times
        self._batch, self._times, self._size = [], [], 0
        for number in self._target.apply(batch):
            operation = batch[number]
            what = {"i": "the insert into", "u": "the update in", "d": "the removal from"}[operation["op"]]
            if operation["op"] == "u" and self._judge.is_fuzzy(times[number]):
                self._judge.fail(times[number], "its document was removed later")
                continue
            said = self._target.apply_one(operation) or "nothing, when it is tried again"
            raise self._judge.error(times[number], f"{what} {operation['ns']} fails: the server says {said}")
        self.operations += len(batch)
