# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is what its manifest says, which is written last: which streams it is made of, with their lengths and hashes.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import unfit

FORMAT = 1
NAME = "manifest.json"
_PLAIN: Mapping[str, type] = {"str": str, "int": int, "bool": bool}
TAG = "manifest"
LOGICAL = "logical"
"""The method whose streams are archives and files; those of the others are folders."""
PHYSICAL = "physical"
"""The method of a backup whose only stream, ``FILES``, is all files of a server that was locked."""
SNAPSHOT = "snapshot"
"""The method of one that has the same out of a snapshot of the volume on which they lie."""
OF_FILES = (PHYSICAL, SNAPSHOT)
FILES = "files"
ARCHIVE = ".archive"
"""What names of streams end in that are archives; the others hold entries of the oplog."""


class ClusterTime(NamedTuple):
    """Seconds since 1970, and the number of the operation within that second."""

    time: int
    inc: int


@dataclass(frozen=True)
class Stream:
    """A file in the repository: ``snapshot`` is restic's id, ``size`` is in bytes, ``sha256`` of all of it, in hex.

    Of a physical backup it is all files together, and ``sha256`` is what restic says of all that the snapshot has.
    """

    name: str
    snapshot: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Item:
    """One collection, in ``stream``; all of a view is in the head of its archive.

    ``times`` are the cluster times at which it was read; with none it was read while it went on, as a capped one is.
    """

    database: str
    collection: str
    kind: str
    uuid: str
    stream: str
    documents: int
    size: int
    times: tuple[ClusterTime, ...]


@dataclass(frozen=True)
class Manifest:
    """``begun`` and ``ended`` are ISO 8601; ``partial`` tells that something was selected.

    All is as of ``cluster_time`` where that is ``consistent_at`` as well; otherwise as of the latter, with the oplog between.
    ``storage`` is what the section of that name in mongod.conf has to say so that a server opens the files of a physical backup.
    """

    id: str
    method: str
    replica_set: str
    member: str
    server_version: str
    compatibility: str
    begun: str
    ended: str
    cluster_time: ClusterTime
    consistent_at: ClusterTime
    rollback_id: int
    partial: bool
    streams: tuple[Stream, ...]
    items: tuple[Item, ...]
    storage: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    def stream(self, name: str) -> Stream:
        return next(stream for stream in self.streams if stream.name == name)


def read(host: str, text: str) -> Manifest:
    """The manifest of ``text``. Raises StrongholdError where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        raise _unreadable(host, ["it is not JSON"]) from None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise _unreadable(host, [f"it is not of the format {FORMAT}"])
    reasons = _unfit(Manifest, found, "it")
    for kind, name, title in ((Stream, "streams", "a stream"), (Item, "items", "a collection")):
        listed = found.get(name, [])
        reasons += (
            [reason for one in listed for reason in _unfit(kind, one, title)]
            if isinstance(listed, list)
            else [f"its {name} are no list"]
        )
    if not _is_section(found.get("storage", {})):
        reasons.append("its storage is no section of mongod.conf")
    if reasons:
        raise _unreadable(host, reasons)
    try:
        return _filled(found)
    except (TypeError, ValueError) as error:
        raise _unreadable(host, [str(error)]) from None


def _unfit(kind: type[Any], found: Any, title: str) -> list[str]:
    """Reasons also where a plain value is of another type: who wrote it may be anybody who reaches the repository."""
    reasons = unfit(kind, found, title)
    plain = {one.name: _PLAIN[str(one.type)] for one in fields(kind) if str(one.type) in _PLAIN}
    return reasons or [f"{title} has another {name}" for name, wanted in plain.items() if not _is(found[name], wanted)]


def _is(value: Any, kind: type) -> bool:
    """Truth values are numbers of Python, and none here."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _is_section(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(value, (str, int)) or _is_section(value) for value in found.values())


def _filled(found: Mapping[str, Any]) -> Manifest:
    items = tuple(Item(**{**one, "times": tuple(_time(time) for time in one["times"])}) for one in found["items"])
    streams = tuple(Stream(**one) for one in found["streams"])
    known = {stream.name for stream in streams}
    lost = sorted({item.stream for item in items} - known)
    if lost:
        raise ValueError(f"it names no stream {lost[0]}")
    times = {name: _time(found[name]) for name in ("cluster_time", "consistent_at")}
    return Manifest(**{**found, **times, "streams": streams, "items": items})


def _time(found: Any) -> ClusterTime:
    time, inc = found
    if not _is(time, int) or not _is(inc, int):
        raise ValueError("a cluster time is no pair of numbers")
    return ClusterTime(time, inc)


def _unreadable(host: str, reasons: list[str]) -> StrongholdError:
    return StrongholdError(host, "read a manifest", "; ".join(reasons), "see whether a newer release wrote it, or it was altered")
