# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which points in time there are, and out of which backup each is reached."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Link, Position, Segment, Timestamp
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import LOGICAL, ClusterTime, Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.point import Way, parsed, way

DAY = 1_790_000_000


def base(name: str, at: int, until: int = 0) -> Manifest:
    """Of ``at`` seconds after ``DAY``; consistent a little later with ``until``."""
    times = ClusterTime(DAY + at, 1), ClusterTime(DAY + (until or at), 1)
    common = (LOGICAL, "shop", "db-a:27017", "6.0.27", "6.0", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    return Manifest(name, *common, *times, 1, False, (), ())


def archive(*times: int) -> list[Segment]:
    """Segments that follow each other, each of which ends at one of ``times`` and begins after the one before it."""
    links = [Link(Position(DAY + time, 1, 1), f"{time:064x}") for time in times]
    return [
        Segment(
            first=Position(before.position.time, 2, 1),
            last=last.position,
            previous=before,
            last_hash=last.hash,
            entries=2,
            size=200,
            sha256=f"{number:064x}",
            source="db-a:27017",
            rollback_id=1,
            wall=last.position.time * 1000,
        )
        for number, (before, last) in enumerate(zip(links, links[1:]))
    ]


WHOLE = archive(0, 100, 200, 300)
BROKEN = [*archive(0, 100, 150), *archive(180, 250, 300)]
ONE, TWO, LATE = base("one", 50), base("two", 200), base("late", 190, 220)


def point(after: int, number: int = 1) -> Timestamp:
    return DAY + after, number


@pytest.mark.parametrize(
    ("bases", "segments", "to", "name", "reached"),
    [
        ([ONE, TWO], WHOLE, point(250), "two", point(250)),
        ([TWO, ONE], WHOLE, point(250, 0), "two", point(250, 0)),
        ([ONE, TWO], WHOLE, point(300), "two", point(300)),
        ([ONE, TWO], WHOLE, point(200), "two", point(200)),
        ([ONE, TWO], WHOLE, point(200, 0), "one", point(200, 0)),
        ([ONE, TWO], [], point(200), "two", point(200)),
        ([ONE, LATE], WHOLE, point(219), "one", point(219)),
        ([ONE, LATE], WHOLE, point(220), "late", point(220)),
        ([ONE, TWO], BROKEN, point(120), "one", point(120)),
        ([ONE, TWO], BROKEN, point(260), "two", point(260)),
        ([ONE, TWO], WHOLE, None, "two", point(300)),
        ([ONE, TWO], [], None, "two", point(200)),
        ([ONE], BROKEN, None, "one", point(150)),
        ([ONE, base("alone", 160)], BROKEN, None, "alone", point(160)),
        ([ONE, TWO], archive(0, 100, 150), None, "two", point(200)),
    ],
)
def test_the_newest_backup_out_of_which_it_is_reached(
    bases: Sequence[Manifest], segments: list[Segment], to: Timestamp | None, name: str, reached: Timestamp
) -> None:
    found = way("vault-c", bases, segments, to)
    assert (found.base.id, found.to) == (name, reached)
    assert found.replays == (found.base.cluster_time < reached)


@pytest.mark.parametrize(
    ("bases", "segments", "to", "reason"),
    [
        ([], WHOLE, None, "there is no backup yet; take one by"),
        ([], WHOLE, point(1), "there is no backup yet"),
        (
            [TWO, ONE],
            WHOLE,
            point(49),
            "the oldest backup is as of 2026-09-21T14:14:10Z (1790000050, 1), and that point, 2026-09-21",
        ),
        ([LATE], WHOLE, point(219), "the oldest backup is as of "),
        ([ONE], WHOLE, point(301), "the archive ends at 2026-09-21T14:18:20Z (1790000300, 1)"),
        ([ONE], BROKEN, point(160), "the archive has a gap "),
        ([ONE], BROKEN, point(260), "the archive has a gap "),
        ([ONE, base("alone", 160)], BROKEN, point(260), "the archive has a gap "),
        ([ONE], [], point(60), "the archive is empty"),
    ],
)
def test_what_is_in_the_way_is_told(
    bases: Sequence[Manifest], segments: list[Segment], to: Timestamp | None, reason: str
) -> None:
    with pytest.raises(StrongholdError) as failed:
        way("vault-c", bases, segments, to)
    assert reason in str(failed.value)


def test_a_base_of_one_time_needs_no_oplog() -> None:
    assert not Way(ONE, ONE.cluster_time).replays
    assert Way(LATE, LATE.consistent_at).replays, "what was written while it was taken"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("latest", None),
        ("2026-09-21T14:13:20Z", (DAY, 0)),
        ("2026-09-21T16:13:20+02:00", (DAY, 0)),
        ("2026-09-21T14:13:20.999Z", (DAY, 0)),
        ('{"t": 1790000000, "i": 7}', (DAY, 7)),
        ('{"i": 0, "t": 0}', (0, 0)),
    ],
)
def test_how_a_point_in_time_is_written(text: str, found: Timestamp | None) -> None:
    assert parsed(text) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-09-21T14:13:20", "has no time zone"),
        ("yesterday", "is not a time as in ISO 8601"),
        ("1790000000", "is not a time as in ISO 8601"),
        ("", "is not a time as in ISO 8601"),
        ("Latest", "is not a time as in ISO 8601"),
        *((text, "is no exact cluster time") for text in ("{", "{}", '{"t": 1}', '{"t": 1, "i": true}', '{"t": "1", "i": 1}')),
        *(
            (text, "is no exact cluster time")
            for text in ('{"t": 1, "i": -1}', '{"t": 4294967296, "i": 1}', '{"t": 1, "i": 1, "x": 1}')
        ),
    ],
)
def test_what_is_no_point_in_time(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parsed(text)
