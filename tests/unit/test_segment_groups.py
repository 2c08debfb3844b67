# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which snapshots of segments become one, and what a description of segments must be."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_groups import (
    DAY,
    HOUR,
    Kept,
    described,
    file_name,
    folder_name,
    groups,
    ordered,
    outdated,
    read,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Position, Segment

MIDNIGHT = 20_000 * DAY
NOON = MIDNIGHT + 12 * HOUR
ROOM = 10_000


def segment(first: int, last: int, size: int = 100, **other: Any) -> Segment:
    """Times are in seconds since 1970."""
    digest = hashlib.sha256(repr((first, last, size)).encode()).hexdigest()
    made = Segment(Position(first, 1, 1), Position(last, 2, 1), None, digest, 2, size, digest, "db1:27017", 1, last * 1000)
    return replace(made, **other)


def kept(name: str, *segments: Segment) -> Kept:
    return Kept(name, "/spool", ordered(segments))


def names(found: list[list[Kept]]) -> list[list[str]]:
    return [[one.snapshot for one in group] for group in found]


def minutes(begin: int, count: int) -> list[Kept]:
    return [kept(f"{begin}+{n}", segment(begin + n * 60, begin + n * 60 + 59)) for n in range(count)]


def test_an_hour_of_today_becomes_one_when_it_is_over() -> None:
    past, current = minutes(NOON - HOUR, 60), minutes(NOON, 5)
    shuffled = random.Random(1).sample(past + current, 65)  # noqa: S311
    assert names(groups(shuffled, NOON, ROOM)) == [[one.snapshot for one in past]]
    assert groups(shuffled, NOON - 1, ROOM) == []


def test_a_day_becomes_one_when_it_is_over_also_of_singles() -> None:
    hours = [kept(str(hour), *(one.segments[0] for one in minutes(MIDNIGHT + hour * HOUR, 3))) for hour in range(22)]
    late = minutes(MIDNIGHT + 22 * HOUR, 2)
    assert groups(hours, MIDNIGHT + DAY - 1, ROOM) == []
    assert names(groups([*hours, *late], MIDNIGHT + DAY, ROOM)) == [[one.snapshot for one in [*hours, *late]]]


def test_what_comes_late_joins_its_hour() -> None:
    hour = kept("hour", *(one.segments[0] for one in minutes(NOON - HOUR, 3)))
    late = kept("late", segment(NOON - 30, NOON - 20))
    assert groups([hour], NOON, ROOM) == []
    assert names(groups([late, hour], NOON, ROOM)) == [["hour", "late"]]


def test_the_last_entry_decides() -> None:
    over_midnight = kept("a", segment(MIDNIGHT - 10, MIDNIGHT + 10))
    two = [kept("b", segment(MIDNIGHT - 30, MIDNIGHT - 11)), kept("c", segment(MIDNIGHT + 11, MIDNIGHT + 20))]
    assert names(groups([over_midnight, *two], NOON, ROOM)) == [["a", "c"]]


def test_one_with_segments_of_two_days_is_left_alone() -> None:
    odd = kept("odd", segment(MIDNIGHT - 20, MIDNIGHT - 10), segment(MIDNIGHT + 10, MIDNIGHT + 20))
    assert groups([odd, kept("b", segment(MIDNIGHT + 30, MIDNIGHT + 40))], NOON + 2 * DAY, ROOM) == []


def test_a_group_fits_its_room_and_that_comes_to_rest() -> None:
    at = minutes(NOON - HOUR, 10)
    assert [len(group) for group in groups(at, NOON, 400)] == [4, 4, 2]
    assert groups(at, NOON, 199) == []
    merged = [kept(str(n), *(one.segments[0] for one in at[n : n + 4])) for n in (0, 4, 8)]
    assert groups(merged, NOON, 400) == []


def test_a_segment_in_two_snapshots_takes_room_once() -> None:
    at = minutes(NOON - HOUR, 4)
    whole = kept("whole", *(one.segments[0] for one in at))
    (group,) = groups([*at, whole], NOON, 400)
    assert {one.snapshot for one in group} == {"whole", *(one.snapshot for one in at)}


def test_three_days_of_minutes_end_as_few() -> None:
    left = {one.snapshot: one for one in minutes(MIDNIGHT - 3 * DAY, 3 * 24 * 60 + 90)}
    now = MIDNIGHT + 90 * 60
    for group in groups(left.values(), now, 1 << 20):
        union = kept(f"of {group[0].snapshot}", *(segment for one in group for segment in one.segments))
        left = {name: one for name, one in left.items() if one not in group} | {union.snapshot: union}
    assert len(left) == 3 + 1 + 30
    assert groups(left.values(), now, 1 << 20) == []


def test_what_ends_before_a_time_as_a_whole_is_outdated() -> None:
    old, both = kept("old", segment(10, 20)), kept("both", segment(10, 20), segment(30, 40))
    assert outdated([old, both], (20, 2)) == []
    assert outdated([old, both], (20, 3)) == [old]
    assert outdated([old, both], (41, 0)) == [old, both]


def test_a_description_is_read_as_it_was_made() -> None:
    segments = ordered([segment(30, 40), segment(10, 20), segment(10, 20), segment(10, 20, source="db2:27017")])
    assert [one.first.time for one in segments] == [10, 10, 30]
    files = {f"/a/{file_name(one)}": one.size for one in segments}
    assert read(described(reversed(segments)), "/a", files) == segments
    assert folder_name(reversed(segments)) == folder_name(segments) != folder_name(segments[:1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Expecting value"),
        (b"\xff", "decode"),
        (b"[" * 100_000, "too deeply"),
        (b"[]", "format"),
        (b'{"format": 2, "segments": []}', "format"),
        (b'{"format": 1, "segments": []}', "no segments"),
        (b'{"format": 1, "segments": [5]}', "not an object"),
        (json.dumps({"format": 1, "segments": [{**segment(1, 2).to_json(), "size": "1"}]}).encode(), "size"),
        (described([segment(1, 2)]), "missing"),
        (described([segment(10, 20), segment(30, 40, size=101)]), "missing"),
    ],
)
def test_what_is_no_description_is_refused(text: bytes, reason: str) -> None:
    files = {f"/a/{file_name(one)}": 100 for one in (segment(10, 20), segment(30, 40, size=101))}
    with pytest.raises(ValueError, match=reason):
        read(text, "/a", files)
