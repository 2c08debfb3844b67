# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots that hold segments of an oplog: what is in them, and which of them become one. Pure.

A snapshot is a folder with a file of entries for each segment, and one that describes them all.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Segment, Timestamp

FORMAT = 1
INDEX = "segments.json"
FOLDER = "segments-"  # what names of folders begin with
HOUR, DAY = 3600, 24 * 3600  # seconds


@dataclass(frozen=True)
class Kept:
    """``snapshot`` is restic's id, ``folder`` the absolute path in it."""

    snapshot: str
    folder: str
    segments: tuple[Segment, ...]


def file_name(segment: Segment) -> str:
    """Names are in the order of time. The same name is the same content."""
    times = (segment.first.time, segment.first.inc, segment.last.time, segment.last.inc)
    return "-".join([*(f"{number:010d}" for number in times), segment.sha256]) + ".bson"


def ordered(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Each once, by the name of its file."""
    return tuple(sorted(set(segments), key=lambda segment: (file_name(segment), segment.source, segment.rollback_id)))


def folder_name(segments: Iterable[Segment]) -> str:
    """Of the same segments always the same."""
    return f"{FOLDER}{hashlib.sha256(described(segments)).hexdigest()[:32]}"


def described(segments: Iterable[Segment]) -> bytes:
    """The file that describes them."""
    return json.dumps({"format": FORMAT, "segments": [segment.to_json() for segment in ordered(segments)]}).encode()


def read(text: bytes, folder: str, files: Mapping[str, int] | None = None) -> tuple[Segment, ...]:
    """The segments of a description in ``folder``. ``files`` are all paths of the snapshot, with their bytes.

    Raises ValueError for what is none, and where a file is missing or of another size. Without ``files`` none is looked for.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict) or set(found) != {"format", "segments"} or found["format"] != FORMAT:
        raise ValueError(f"it is not of the format {FORMAT}")
    if not isinstance(found["segments"], list) or not found["segments"]:
        raise ValueError("it names no segments")
    segments = ordered(Segment.from_json(one) for one in found["segments"])
    for segment in segments:
        if files is not None and files.get(f"{folder}/{file_name(segment)}") != segment.size:
            raise ValueError("a file that it names is missing, or of another size")
    return segments


def groups(kept: Iterable[Kept], now: float, room: int) -> list[list[Kept]]:
    """Those of which each group becomes one, the oldest first: those of a day that is over, else those of an hour that is over.

    The time of a segment is that of its last entry; days are in UTC, ``now`` in seconds since 1970. What a group holds has up to
    ``room`` bytes. A snapshot with segments of several days is left alone.
    """
    periods: dict[tuple[int, int], list[Kept]] = {}
    for one in sorted(kept, key=lambda one: (min(segment.first for segment in one.segments), one.snapshot)):
        for length in (DAY, HOUR):
            found = {segment.last.time // length for segment in one.segments}
            if len(found) == 1 and (max(found) + 1) * length <= now:
                periods.setdefault((length, found.pop()), []).append(one)
                break
    made = [group for _period, members in sorted(periods.items(), key=_begin) for group in _fitting(members, room)]
    return [group for group in made if len(group) > 1]


def _begin(period: tuple[tuple[int, int], list[Kept]]) -> int:
    (length, number), _members = period
    return length * number


def _fitting(members: Iterable[Kept], room: int) -> list[list[Kept]]:
    """Runs of them, as long as they fit."""
    made: list[list[Kept]] = []
    files: dict[str, int] = {}
    for one in members:
        own = {file_name(segment): segment.size for segment in one.segments}
        if not made or sum({**files, **own}.values()) > room:
            made.append([])
            files = {}
        made[-1].append(one)
        files.update(own)
    return made


def outdated(kept: Iterable[Kept], time: Timestamp) -> list[Kept]:
    """Those of which every segment ends before ``time``."""
    return [one for one in kept if all(segment.last.at < time for segment in one.segments)]
