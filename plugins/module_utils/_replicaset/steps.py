# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The safe way from one configuration to another. Pure.

A server accepts at most one added or removed vote per reconfiguration and no primary that could not be elected
(manual, "replSetReconfig", since 4.4), which keeps a majority in common before and after every step. New members
join without a vote and get it once they are secondaries, so that they never count towards a majority they cannot
yet support. Nothing is ever forced. Members that get another name get it first, in place, one at a time and the primary last:
each keeps its ``_id``, vote and priority, so that a majority stays in common there, too.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, Member, differences, renames

MOST_MEMBERS = 50
MOST_VOTERS = 7


@dataclass(frozen=True)
class Step:
    """One change: a reconfiguration from ``before`` to ``after``, or, with both equal, the stepping down of ``steps_down``.

    ``awaits`` names the members that must be secondaries first.
    """

    before: Config
    after: Config
    awaits: tuple[str, ...] = ()
    steps_down: str = ""

    @property
    def summary(self) -> str:
        if self.steps_down:
            return f"step down {self.steps_down}, which is to be primary no more"
        return "; ".join(differences(self.before, self.after))


def steps(current: Config, target: Config, primary: str) -> list[Step]:
    """Every step from ``current`` to ``target``; ``primary`` is the key of the present primary."""
    names = renames(current, target)
    taken = list(_renaming(current, target, primary))
    return [*taken, *_steps(taken[-1].after if taken else current, target, names.get(primary, primary))]


def _renaming(current: Config, target: Config, primary: str) -> Iterator[Step]:
    wanted = target.by_id()
    for former in sorted(renames(current, target), key=lambda key: key == primary):
        members = (replace(member, host=wanted[member.id].host) if member.key == former else member for member in current.members)
        following = replace(current, members=tuple(members))
        yield Step(current, following)
        current = following


def _steps(current: Config, target: Config, primary: str) -> Iterator[Step]:
    while True:
        following = next_step(current, target, primary)
        if following is None:
            return
        yield following
        current = following.after
        if following.steps_down:
            primary = ""


def next_step(current: Config, target: Config, primary: str) -> Step | None:
    """The next step, None at the target; ``primary`` is empty where the primary is a member that stays one."""
    voteless = _without_votes_changed(current, target, primary)
    if not voteless.same_as(current):
        return Step(current, voteless)
    present, wanted = current.by_key(), target.by_key()
    seats = len(present) < MOST_MEMBERS  # otherwise somebody has to leave before those who are not there yet can get their votes
    grants = [
        member
        for key, member in wanted.items()
        if member.votes and (not present[key].votes if key in present else member.arbiter and seats)
    ]
    losses = [member for key, member in present.items() if member.votes and (key not in wanted or not wanted[key].votes)]
    others = [member for member in losses if member.key != primary]
    if grants and len(current.voters) < MOST_VOTERS:
        return _grant(current, min(grants, key=lambda member: (member.arbiter, not member.electable)))
    if others:
        return _lose(current, others[0], wanted.get(others[0].key))
    leader = present.get(primary)
    if leader is None or _keeps_leading(leader, wanted.get(primary)):
        return None
    if any(member.electable for key, member in present.items() if key != primary):
        return Step(current, current, steps_down=leader.host)
    return _make_room(current, primary)


def _keeps_leading(leader: Member, wanted: Member | None) -> bool:
    return wanted is not None and wanted.electable


def _without_votes_changed(current: Config, target: Config, primary: str) -> Config:
    """``current`` with everything of ``target`` that needs no change of votes and leaves the primary electable."""
    present, wanted = current.by_key(), target.by_key()
    kept = [
        _interim(member, wanted[key], key == primary) if key in wanted else member
        for key, member in present.items()
        if key in wanted or member.votes
    ]
    added = [_joining(member) for key, member in wanted.items() if key not in present and not member.arbiter]
    return replace(current, members=(*kept, *added[: max(0, MOST_MEMBERS - len(kept))]), settings=target.settings)


def _interim(member: Member, wanted: Member, is_primary: bool) -> Member:
    if not member.votes:
        return _joining(wanted, owed=member.pending is not None)
    if is_primary and not wanted.electable:
        return replace(wanted, votes=1, priority=member.priority, hidden=member.hidden, delay=member.delay)
    return replace(wanted, votes=1)


def _joining(member: Member, owed: bool = True) -> Member:
    """The member without its vote; ``owed`` notes on it what it gets later."""
    pending = (member.votes, member.priority) if owed and member.votes else None
    return replace(member, votes=0, priority=0, pending=pending)


def _grant(current: Config, member: Member) -> Step:
    members = [member if other.key == member.key else other for other in current.members]
    if member.arbiter:
        return Step(current, replace(current, members=(*members, member)))
    return Step(current, replace(current, members=tuple(members)), awaits=(member.host,))


def _lose(current: Config, member: Member, wanted: Member | None) -> Step:
    changed = (other if other.key != member.key else wanted for other in current.members)
    return Step(current, replace(current, members=tuple(other for other in changed if other)))


def _make_room(current: Config, primary: str) -> Step:
    """All votes are taken and only the primary, which is to go, can lead: lend one vote to its successor."""
    lender = next(member for member in current.voters if member.key != primary and not member.arbiter)
    return _lose(current, lender, _joining(lender))
