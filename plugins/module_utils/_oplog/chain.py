# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which archived segments follow each other, where something is in between, and what a point in time needs. Pure.

That two overlapping segments hold the same entries is proved from what is known of them: an entry's timestamp and term name
it and all that lies before it in the log of that term's primary (the log matching of Raft, which replica sets keep). What is
not proved is disputed, and so is what is refuted; of disputed segments none is used.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Optional

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import (
    Gap,
    Link,
    Position,
    Segment,
    Timestamp,
    Why,
    spelled,
)

UNDER_WAY = 300
"""Seconds before a base, in which a transaction may have begun that ends after it; a server lets them last for 60."""

Run = tuple[Segment, ...]
Seen = tuple[Position, Optional[str]]  # an entry of which the hash may be unknown


class Chain(NamedTuple):
    """``runs`` in the order of time, each without a gap; neighbours in a run may overlap, and then hold the same entries."""

    runs: tuple[Run, ...]
    gaps: tuple[Gap, ...]

    @property
    def windows(self) -> list[Window]:
        return [_window(run) for run in self.runs]


class Window(NamedTuple):
    """Every point in time from ``start`` to ``end`` can be reached from a base of that window at or before it."""

    start: Position
    end: Position


def chain(segments: Iterable[Segment]) -> Chain:
    """All segments in runs, with a gap between any two of them and wherever segments are disputed."""
    ordered = sorted(set(segments), key=lambda segment: (segment.last, segment.first, segment.sha256, segment.source))
    disputed = _disputed(ordered)
    runs = _runs([segment for segment in ordered if segment not in disputed])
    return Chain(runs, tuple(_gaps(runs, disputed)))


def windows(segments: Iterable[Segment]) -> list[Window]:
    """What can be reached, in the order of time."""
    return chain(segments).windows


def needed(segments: Iterable[Segment], start: Timestamp, to: Timestamp, earlier: int = 0) -> list[Segment]:
    """The segments, in order, that hold every entry after ``start``, the time of a base, up to and with ``to``.

    And those of ``earlier`` seconds before, as far as they are there. Neighbours may overlap: an entry that is not later than the
    one before it was replayed already. Raises StrongholdError, which tells the gap that is in the way.
    """
    attempt = f"replay the archived oplog from {spelled(start)} to {spelled(to)}"
    if to < start:
        raise _refusal(attempt, "the point in time lies before the base", "choose a base that is older")
    found = chain(segments)
    for run in found.runs:
        if _window(run).start.at <= start and to <= _window(run).end.at:
            begin = start[0] - earlier, start[1]
            return [segment for segment in run if segment.last.at > begin and segment.first.at <= to]
    raise _refusal(attempt, _hindrance(found, start, to), "choose a point in time, and a base, within one window of the archive")


def _refusal(attempt: str, reason: str, remedy: str) -> StrongholdError:
    return StrongholdError(platform.node(), attempt, reason, remedy)


def _hindrance(found: Chain, start: Timestamp, to: Timestamp) -> str:
    for gap in found.gaps:
        begins_in_time = gap.after is None or gap.after.position.at < to
        if begins_in_time and (gap.before is None or gap.before.at > start):
            return f"the archive has a gap {gap}"
    if not found.runs:
        return "the archive is empty"
    begin, end = _window(found.runs[0]).start.at, _window(found.runs[-1]).end.at
    if start < begin:
        return f"the archive begins only at {spelled(begin)}"
    return f"the archive ends at {spelled(end)}"


def _window(run: Run) -> Window:
    return Window(run[0].previous.position if run[0].previous else run[0].first, run[-1].last)


def _floor(segment: Segment) -> Timestamp:
    """All entries later than this, up to its last, are in the segment."""
    if segment.previous:
        return segment.previous.position.at
    time, inc = segment.first.at
    return time, inc - 1


def _disputed(ordered: Sequence[Segment]) -> dict[Segment, Why]:
    crossings = [crossing for segment in ordered for crossing in _crossing(segment)]
    disputed: dict[Segment, Why] = {}
    for number, later in enumerate(ordered):
        for index in range(number - 1, -1, -1):
            earlier = ordered[index]
            if earlier.last.at <= _floor(later):
                break
            why = _contradiction(earlier, later)
            if why is None and not _in_one_log(earlier.end, later.end, crossings):
                why = Why.TERM
            if why:
                disputed.setdefault(earlier, why)
                disputed.setdefault(later, why)
    return disputed


def _known(segment: Segment) -> list[Seen]:
    return [*([segment.previous] if segment.previous else []), (segment.first, None), segment.end]


def _contradiction(one: Segment, other: Segment) -> Why | None:
    for mine, my_hash in _known(one):
        for theirs, their_hash in _known(other):
            if mine.at == theirs.at and mine.term != theirs.term:
                return Why.TERM
            if mine.at == theirs.at and my_hash and their_hash and my_hash != their_hash:
                return Why.HASH
    for segment, inner in ((one, other), (other, one)):
        for entry in (known[0] for known in _known(inner)):
            if _floor(segment) < entry.at < segment.first.at:
                return Why.CONTENT  # where there is none, says the segment
            if segment.first.at <= entry.at <= segment.last.at and not segment.first.term <= entry.term <= segment.last.term:
                return Why.TERM
        if segment.first.at <= inner.first.at and inner.last.at <= segment.last.at and not _may_contain(segment, inner):
            return Why.CONTENT
    return None


def _may_contain(segment: Segment, inner: Segment) -> bool:
    if (segment.first, segment.last) == (inner.first, inner.last):
        return (segment.entries, segment.size, segment.sha256) == (inner.entries, inner.size, inner.sha256)
    return segment.entries > inner.entries and segment.size > inner.size


Crossing = tuple[Position, Position]


def _crossing(segment: Segment) -> Iterator[Crossing]:
    """An entry, and one of a later term that has it in its log."""
    if segment.first.term < segment.last.term:
        yield segment.first, segment.last
    elif segment.previous and segment.previous.position.term < segment.last.term:
        yield segment.previous.position, segment.last


def _in_one_log(earlier: Link, later: Link, crossings: Sequence[Crossing]) -> bool:
    if earlier == later:
        return True
    at, term = earlier.position, later.position.term
    while at.term < term:
        reached = [high for low, high in crossings if low.term == at.term and low >= at and high.term <= term]
        if not reached:
            return False
        at = min(reached)
    return at.term == term


def _runs(ordered: Sequence[Segment]) -> tuple[Run, ...]:
    """Longest runs of segments that are undisputed, so that those which overlap hold the same entries."""
    ends: dict[Link, list[int]] = {}
    before: list[int | None] = []
    starts: list[Timestamp] = []
    for number, segment in enumerate(ordered):
        best = min(_predecessors(ordered, number, ends), key=lambda index: (starts[index], index), default=None)
        joined = best is not None and starts[best] < _floor(segment)
        before.append(best if joined else None)
        starts.append(starts[best] if best is not None and joined else _floor(segment))
        ends.setdefault(segment.end, []).append(number)
    left = set(range(len(ordered)))
    runs: list[Run] = []
    for tip in sorted(left, key=lambda index: (ordered[index].last, [-part for part in starts[index]]), reverse=True):
        if tip not in left:
            continue
        path: list[Segment] = []
        step: int | None = tip
        while step is not None:
            path.append(ordered[step])
            step = before[step]
        start = starts[tip]
        left = {index for index in left if _floor(ordered[index]) < start}
        runs.append(tuple(reversed(path)))
    return tuple(sorted(runs, key=lambda run: _floor(run[0])))


def _predecessors(ordered: Sequence[Segment], number: int, ends: dict[Link, list[int]]) -> Iterator[int]:
    segment = ordered[number]
    if segment.previous:
        yield from ends.get(segment.previous, ())
    for index in range(number - 1, -1, -1):
        if ordered[index].last.at <= _floor(segment):
            return
        if ordered[index].last.at < segment.last.at:
            yield index


def _gaps(runs: Sequence[Run], disputed: dict[Segment, Why]) -> Iterator[Gap]:
    for number in range(len(runs) + 1):
        after = runs[number - 1][-1].end if number else None
        following = runs[number][0] if number < len(runs) else None
        quarrel = [segment for segment in disputed if sum(run[-1].last.at < segment.last.at for run in runs) == number]
        before = following.first if following else None
        if quarrel:
            yield Gap(after, before, disputed[quarrel[0]], tuple(quarrel))
        elif after and following:
            yield Gap(after, before, _difference(after, following))


def _difference(after: Link, following: Segment) -> Why:
    previous = following.previous
    if previous is None or previous.position.at != after.position.at:
        return Why.MISSING
    return Why.TERM if previous.position.term != after.position.term else Why.HASH
