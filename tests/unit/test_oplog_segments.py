# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archived segments as data: chains, gaps, overlaps, and what a point in time needs."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import Run, chain, needed, windows
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import (
    Gap,
    Link,
    Position,
    Segment,
    Why,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.archived import archived

Log = list[Link]
BEGIN = 1_790_000_000


def dice_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - so that a failure comes back


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def grown(log: Sequence[Link], count: int, dice: random.Random, branch: str = "", elections: float = 0.0) -> Log:
    """The log with more entries; those of another branch differ, and have another term from their first on."""
    made = list(log)
    time, inc, term = made[-1].position if made else Position(BEGIN, 1, 1)
    term += bool(branch)
    while len(made) < len(log) + count:
        step = dice.choice((0, 0, 1, 10))
        time, inc = time + step, 1 if step else inc + 1
        term += dice.random() < elections
        made.append(Link(Position(time, inc, term), digest(time, inc, term, branch)))
    return made


def segment(log: Sequence[Link], first: int, last: int, **other: Any) -> Segment:
    """Of the entries with these numbers, both of them included."""
    return replace(
        Segment(
            first=log[first].position,
            last=log[last].position,
            previous=log[first - 1] if first else None,
            last_hash=log[last].hash,
            entries=last - first + 1,
            size=100 * (last - first + 1),
            sha256=digest(log[first : last + 1]),
            source="db1:27017",
            rollback_id=1,
            wall=log[last].position.time * 1000,
        ),
        **other,
    )


def cut(log: Sequence[Link], dice: random.Random, first: int = 0) -> list[Segment]:
    """All of the log from an entry on, in segments of any lengths."""
    made = []
    while first < len(log):
        last = min(len(log) - 1, first + dice.choice((0, 1, 3, 7)))
        made.append(segment(log, first, last))
        first = last + 1
    return made


def held(run: Run, log: Sequence[Link]) -> list[Link]:
    """The entries of a run, each once; a run that is none of this log, or lacks an entry within, fails."""
    places = {link: number for number, link in enumerate(log)}
    found: set[int] = set()
    for part in run:
        last = places[part.end]
        first = last - part.entries + 1
        assert log[first].position == part.first
        found.update(range(first, last + 1))
    assert found == set(range(min(found), max(found) + 1))
    return [log[number] for number in sorted(found)]


LOG = grown([], 40, dice_of(1))


@pytest.fixture
def log() -> Log:
    return LOG


def test_a_segment_survives_json(log: Log) -> None:
    for made in (segment(log, 0, 4), segment(log, 5, 5), segment(log, 5, 9, rollback_id=-1)):
        assert Segment.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_gap_survives_json(log: Log) -> None:
    for made in (
        Gap(log[3], log[9].position, Why.CONTENT, (segment(log, 4, 6), segment(log, 4, 7))),
        Gap(log[3], None, Why.ROLLOVER),
        Gap(None, log[3].position, Why.HASH),
    ):
        assert Gap.from_json(json.loads(json.dumps(made.to_json()))) == made


WRONG: list[tuple[str, Any]] = [
    *((name, None) for name in ("first", "last", "last_hash", "entries", "size", "sha256", "source", "rollback_id", "wall")),
    *((name, "1") for name in ("first", "previous", "last_hash", "entries", "size", "sha256", "rollback_id", "wall")),
    *((name, value) for name in ("entries", "size", "rollback_id", "wall") for value in (True, 1.0)),
    *(("first", value) for value in ([1, 2], [1, 2, 3, 4], [1, "2", 3], [1, 2, True], [-1, 2, 3], {"time": 1})),
    *(("previous", value) for value in ({}, {"position": [1, 1, 1]}, {"position": [1, 1, 1], "hash": "x"}, [[1, 1, 1], "x"])),
    *(("previous", {"position": [1, 1, 1], "hash": "a" * 64, "more": 1}), ("previous", {"position": None, "hash": "a" * 64})),
    *(("sha256", value) for value in ("A" * 64, "a" * 63, "a" * 64 + "\n")),
    *(("entries", 0), ("entries", 1), ("size", 4), ("source", ""), ("source", ["db1"])),
    *(("last", [1, 1, 1]), ("previous", {"position": [BEGIN * 2, 1, 1], "hash": "a" * 64})),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=repr)
def test_what_is_no_segment_is_refused(log: Log, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Segment.from_json({**segment(log, 5, 9).to_json(), name: value})


def test_what_lacks_a_field_or_has_another_is_refused(log: Log) -> None:
    whole = segment(log, 5, 9).to_json()
    for name in whole:
        with pytest.raises(ValueError, match=f"no {name}"):
            Segment.from_json({other: value for other, value in whole.items() if other != name})
    with pytest.raises(ValueError, match="knows no more"):
        Segment.from_json({**whole, "more": 1})
    nothing: tuple[Any, ...] = (None, [], "x")
    for other in nothing:
        with pytest.raises(ValueError, match="not an object"):
            Segment.from_json(other)


NO_GAPS: list[dict[str, Any]] = [
    {"why": "x"},
    {"why": None},
    {"after": 1},
    {"before": [1, 2]},
    {"disputed": 1},
    {"disputed": [1]},
    {"more": 1},
]


@pytest.mark.parametrize("other", NO_GAPS, ids=repr)
def test_what_is_no_gap_is_refused(log: Log, other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Gap.from_json({**Gap(log[3], log[9].position, Why.MISSING).to_json(), **other})


def test_positions_have_the_order_of_time() -> None:
    assert sorted([Position(2, 1, 1), Position(1, 10, 1), Position(1, 9, 2)]) == [(1, 9, 2), (1, 10, 1), (2, 1, 1)]


def test_nothing_is_a_chain_of_nothing() -> None:
    assert chain([]) == ((), ())
    assert windows([]) == []
    with pytest.raises(StrongholdError, match="because the archive is empty;"):
        needed([], (1, 1), (2, 1))


@pytest.mark.parametrize("seed", range(20))
def test_a_log_that_was_cut_anywhere_is_one_run(seed: int) -> None:
    dice = dice_of(seed)
    log = grown([], 60, dice, elections=0.1)
    parts = cut(log, dice, first=dice.choice((0, 5)))
    shuffled = [*parts, *dice.sample(parts, k=len(parts) // 2)]
    dice.shuffle(shuffled)
    assert chain(shuffled) == ((tuple(parts),), ())
    begin = parts[0].previous.position if parts[0].previous else parts[0].first
    assert windows(shuffled) == [(begin, log[-1].position)]


@pytest.mark.parametrize("seed", range(20))
def test_one_that_was_removed_is_always_found(seed: int) -> None:
    dice = dice_of(seed)
    log = grown([], 60, dice, elections=0.1)
    parts = cut(log, dice)
    for number in range(1, len(parts) - 1):
        left = [*parts[:number], *parts[number + 1 :]]
        dice.shuffle(left)
        before, lost, behind = parts[number - 1 : number + 2]
        found = chain(left)
        assert found.runs == (tuple(parts[:number]), tuple(parts[number + 1 :]))
        assert found.gaps == (Gap(before.end, behind.first, Why.MISSING),)
        assert windows(left) == [(log[0].position, before.last), (lost.last, log[-1].position)]
        with pytest.raises(StrongholdError, match=rf"has a gap after .*\({before.last.time}, {before.last.inc}\) and before "):
            needed(left, log[0].position.at, log[-1].position.at)
        assert needed(left, lost.last.at, log[-1].position.at) == parts[number + 1 :]
        assert needed(left, log[0].position.at, before.last.at) == [
            part for part in parts[:number] if part.last > log[0].position
        ]


@pytest.mark.parametrize("seed", range(40))
def test_a_restarted_archiver_may_seal_entries_again_in_other_pieces(seed: int) -> None:
    dice = dice_of(seed)
    log = grown([], 60, dice)
    parts = cut(log, dice)
    restarts = dice.choices(parts[: len(parts) // 2], k=dice.randrange(1, 4))
    for stopped in restarts:
        parts += cut(log[: dice.randrange(40, 61)], dice, first=log.index(stopped.end) + 1)
    dice.shuffle(parts)
    found = chain(parts)
    assert not found.gaps
    assert [held(run, log) for run in found.runs] == [log]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_was_sealed_and_lost_a_run_lacks_nothing(seed: int) -> None:
    dice = dice_of(seed)
    log = grown([], 80, dice, elections=0.05)
    parts = [part for first in dice.sample(range(40), k=3) for part in cut(log, dice, first)]
    left = dice.sample(parts, k=len(parts) - dice.randrange(0, len(parts) // 2))
    found = chain(left)
    covered = [held(run, log) for run in found.runs]
    assert len(found.gaps) >= len(found.runs) - 1
    for window, entries in zip(windows(left), covered):
        assert window.end == entries[-1].position
        assert bool(needed(left, window.start.at, window.end.at)) == (window.start < window.end)
    for one, other in zip(covered, covered[1:]):
        assert one[-1].position < other[0].position


@pytest.mark.parametrize("seed", range(60))
def test_of_two_branches_none_is_chosen(seed: int) -> None:
    """As after a lost majority: what was archived was not kept by those who went on in a later term."""
    dice = dice_of(seed)
    trunk = grown([], 20, dice)
    kept, lost = grown(trunk, 30, dice, branch="kept"), grown(trunk, dice.randrange(1, 30), dice)
    parts = [*cut(lost, dice), *cut(kept, dice, first=dice.randrange(1, 20))]
    dice.shuffle(parts)
    found = chain(parts)
    assert found.gaps
    for run in found.runs:
        held(run, lost if run[-1].end in lost else kept)
    with pytest.raises(StrongholdError, match="has a gap"):
        needed(parts, trunk[0].position.at, max(kept[-1], lost[-1]).position.at)


def test_pieces_across_an_election_are_the_same_where_one_follows_another_that_proves_it() -> None:
    log = [link._replace(position=link.position._replace(term=1 + (number >= 8))) for number, link in enumerate(LOG)]
    longer, onward = segment(log, 0, 6), segment(log, 7, 11)
    first, crossing = segment(log, 0, 4), segment(log, 5, 9)
    found = chain([longer, onward, first, crossing])
    assert [held(run, log) for run in found.runs] == [log[:12]]
    assert not found.gaps
    unproved = chain([longer, first, crossing])
    assert [gap.why for gap in unproved.gaps] == [Why.TERM], "the entries 5 and 6 may be of a primary that was voted out"


def test_the_same_from_another_member_is_the_same(log: Log) -> None:
    parts = [
        segment(log, 0, 9),
        segment(log, 10, 19),
        segment(log, 10, 19, source="db2:27017", rollback_id=7),
        segment(log, 20, 29),
    ]
    found = chain(parts)
    assert [held(run, log) for run in found.runs] == [log[:30]]
    assert not found.gaps


def test_the_rollback_id_decides_nothing(log: Log) -> None:
    """It rises when a server that was killed starts again, and another member has its own."""
    parts = [segment(log, 0, 9), segment(log, 10, 19, rollback_id=2), segment(log, 20, 29, source="db2:27017", rollback_id=7)]
    assert chain(parts) == ((tuple(parts),), ())


def test_what_continues_another_entry_makes_a_gap(log: Log) -> None:
    before, behind = segment(log, 0, 9), segment(log, 10, 19)
    other_hash = replace(behind, previous=Link(log[9].position, digest("other")))
    assert chain([before, other_hash]).gaps == (Gap(before.end, behind.first, Why.HASH),)
    other_term = replace(behind, previous=Link(log[9].position._replace(term=2), log[9].hash))
    assert chain([before, other_term]).gaps == (Gap(before.end, behind.first, Why.TERM),)


def test_a_chain_that_begins_anew_makes_a_gap(log: Log) -> None:
    before, behind = segment(log, 0, 9), segment(log, 10, 19, previous=None)
    assert chain([before, behind]).gaps == (Gap(before.end, behind.first, Why.MISSING),)
    assert windows([before, behind]) == [(log[0].position, log[9].position), (log[10].position, log[19].position)]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"last_hash": digest("other")}, Why.HASH),
        ({"sha256": digest("other")}, Why.CONTENT),
        ({"entries": 9}, Why.CONTENT),
        ({"size": 5}, Why.CONTENT),
        ({"previous": Link(LOG[9].position, digest("other"))}, Why.HASH),
        ({"first": LOG[11].position}, Why.CONTENT),  # although it says that it follows the same entry
        ({"last": LOG[18].position, "last_hash": LOG[18].hash}, Why.CONTENT),  # although it has as many entries
        ({"last": LOG[19].position._replace(term=2)}, Why.TERM),
        ({"first": LOG[12].position._replace(term=0), "previous": None}, Why.TERM),
    ],
    ids=repr,
)
def test_two_that_contradict_each_other_are_a_gap(log: Log, other: dict[str, Any], why: Why) -> None:
    before, one, behind = segment(log, 0, 9), segment(log, 10, 19), segment(log, 20, 29)
    twin = replace(one, **other)
    found = chain([behind, twin, one, before])
    assert found.runs == ((before,), (behind,))
    (gap,) = found.gaps
    assert (gap.after, gap.before, gap.why, set(gap.disputed)) == (before.end, behind.first, why, {one, twin})
    with pytest.raises(StrongholdError, match=f"where {why.value};"):
        needed([behind, twin, one, before], log[0].position.at, log[29].position.at)
    assert needed([behind, twin, one, before], log[19].position.at, log[29].position.at) == [behind]


def test_a_contradiction_at_an_end_is_a_gap_without_an_other_side(log: Log) -> None:
    one, twin = segment(log, 10, 19), segment(log, 10, 19, sha256=digest("other"))
    assert [(gap.after, gap.before) for gap in chain([segment(log, 0, 9), one, twin]).gaps] == [(log[9], None)]
    assert [(gap.after, gap.before) for gap in chain([one, twin, segment(log, 20, 29)]).gaps] == [(None, log[20].position)]
    assert [(gap.after, gap.before) for gap in chain([one, twin]).gaps] == [(None, None)]


def test_what_a_point_in_time_needs(log: Log) -> None:
    parts = [segment(log, number, number + 4) for number in range(0, 40, 5)]
    assert needed(parts, log[4].position.at, log[5].position.at) == [parts[1]]
    assert needed(parts, log[3].position.at, log[5].position.at) == parts[:2]
    assert needed(parts, log[7].position.at, log[23].position.at) == parts[1:5]
    assert needed(parts, log[0].position.at, log[39].position.at) == parts


def test_transactions_that_were_under_way_at_the_base_are_read_with_it() -> None:
    log = [Link(Position(BEGIN + 100 * number, 1, 1), digest(number)) for number in range(10)]
    parts = [segment(log, number, number) for number in range(10)]
    read: list[Segment] = []

    class Store(SegmentStore):
        def __init__(self) -> None:
            pass

        def segments(self) -> tuple[Segment, ...]:
            return tuple(parts)

        def files(self, segments: Iterable[Segment]) -> Iterator[Path]:
            read.extend(segments)
            return iter(())

    assert list(archived(Store(), log[5].position.at, log[7].position.at)) == []
    assert read == parts[3:8]


def test_why_a_point_in_time_cannot_be_reached(log: Log) -> None:
    parts = [segment(log, 5, 9), segment(log, 10, 14)]
    with pytest.raises(StrongholdError, match=r"because the archive begins only at 20\d\d-.*Z \("):
        needed(parts, log[0].position.at, log[12].position.at)
    with pytest.raises(StrongholdError, match=rf"because the archive ends at .* \({log[14].position.time}, "):
        needed(parts, log[4].position.at, log[15].position.at)
    with pytest.raises(StrongholdError, match="because the point in time lies before the base"):
        needed(parts, log[12].position.at, log[11].position.at)


def test_ten_thousand_segments_take_no_time() -> None:
    dice = dice_of(1)
    log = grown([], 20_001, dice, elections=0.001)
    parts = [segment(log, number, number + 1) for number in range(0, 20_000, 2)]
    dice.shuffle(parts)
    assert len(chain(parts).runs) == 1
    assert len(needed(parts, log[100].position.at, log[15_000].position.at)) == 7451
