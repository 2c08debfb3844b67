# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way from one shape to another: what holds at every step, for random shapes, and the steps of typical changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset import rules
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import (
    Config,
    Member,
    declared,
    from_server,
    to_server,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.declaration import parse_members
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.steps import MOST_VOTERS, Step, next_step, steps

LONGEST = 60


@st.composite
def entries(draw: st.DrawFn, *, most: int = 10) -> list[dict[str, object]]:
    """Declared members that the rules accept, but for even votes."""
    names = draw(st.lists(st.integers(0, 13), min_size=1, max_size=most, unique=True))
    kinds = draw(st.lists(st.sampled_from(["data", "data", "passive", "hidden", "arbiter", "voteless"]), min_size=len(names)))
    declared_members: list[dict[str, object]] = []
    voters = 0
    for number, kind in zip(names, kinds):
        # One name is always of one kind where an arbiter is concerned, which cannot change.
        arbiter = number >= 12
        member: dict[str, object] = {"host": f"db-{number}", "arbiter_only": arbiter}
        if arbiter:
            if voters == MOST_VOTERS:
                continue
            voters += 1
        elif voters == MOST_VOTERS or kind == "voteless":
            member.update(votes=0, priority=0, hidden=draw(st.booleans()))
        else:
            voters += 1
            priority = draw(st.integers(1, 3)) if kind in ("data", "arbiter") else 0
            member.update(votes=1, priority=priority, hidden=kind == "hidden")
        member["tags"] = {} if arbiter else {"zone": draw(st.sampled_from("abc"))}
        declared_members.append(member)
    if not any(member.get("priority") for member in declared_members):
        data = [member for member in declared_members if not member["arbiter_only"] and member.get("votes")]
        leader = data[0] if data else None
        if leader is None:
            declared_members = [member for member in declared_members if member["arbiter_only"]][:6]
            leader = {"host": "db-11", "arbiter_only": False, "tags": {}}
            declared_members.append(leader)
        leader.update(votes=1, priority=1, hidden=False)
    return declared_members


def config(members: list[dict[str, object]], current: Config | None = None, **changed: object) -> Config:
    return declared("rs", current, parse_members(members), changed)


def check_step(step: Step, primary: str) -> None:
    before, after = step.before.by_key(), step.after.by_key()
    voted = {key for key, member in before.items() if member.votes}
    votes = {key for key, member in after.items() if member.votes}
    assert len(voted ^ votes) <= 1
    assert len(votes) <= MOST_VOTERS
    assert any(member.electable for member in after.values())
    for member in after.values():
        assert rules.priority(member) is None
        assert rules.arbiter(member) is None
        joining = member.key in votes - voted
        assert not joining or member.arbiter or (step.awaits == (member.host,) and member.key in before)
    assert len({member.id for member in after.values()}) == len(after)
    if primary and not step.steps_down:
        assert after[primary].electable


def walk(current: Config, target: Config, primary: str) -> Config:
    """Take every step, as a set would, and check it; the configuration at the end."""
    taken = steps(current, target, primary)
    assert len(taken) <= LONGEST
    for step in taken:
        assert step.before.same_as(current)
        check_step(step, primary)
        if step.steps_down:
            assert any(member.electable for member in current.members if member.key != primary)
            primary = ""
        else:
            assert not step.after.same_as(step.before)
        current = step.after
    return current


@settings(max_examples=150)
@given(entries(), entries(), st.data())
def test_every_way_is_safe_and_ends_at_the_target(
    before: list[dict[str, object]], after: list[dict[str, object]], data: st.DataObject
) -> None:
    current = config(before)
    target = config(after, current, chainingAllowed=False)
    assert list(rules.shape(target, {}, (rules.EVEN_VOTES,))) == []
    primary = data.draw(st.sampled_from([member.key for member in current.members if member.electable]))
    assert walk(current, target, primary).same_as(target)


@settings(max_examples=100)
@given(entries(), entries(), st.booleans(), st.data())
def test_an_interrupted_way_is_finished_by_the_same_declaration(
    before: list[dict[str, object]], after: list[dict[str, object]], brief: bool, data: st.DataObject
) -> None:
    """Also where the declaration does not repeat votes and priority: what a joining member is owed is in the set itself."""
    if brief:
        after = [{name: value for name, value in member.items() if name not in ("votes", "priority")} for member in after]
    current = config(before)
    target = config(after, current)
    if any(rules.shape(target, {}, (rules.EVEN_VOTES,))):
        return
    primary = data.draw(st.sampled_from([member.key for member in current.members if member.electable]))
    taken = steps(current, target, primary)
    if not taken:
        return
    done = data.draw(st.integers(1, len(taken)))
    reached = from_server(to_server(taken[done - 1].after, 2))
    again = config(after, reached)
    assert {replace(member, id=0) for member in map(hashable, again.members)} == {
        replace(member, id=0) for member in map(hashable, target.members)
    }
    leader = next((key for key in [primary] if key in reached.by_key() and reached.by_key()[key].electable), "")
    leader = leader or next(member.key for member in reached.members if member.electable)
    assert walk(reached, again, leader).same_as(again)


def hashable(member: Member) -> Member:
    return replace(member, tags=tuple(sorted(member.tags.items())), extra=())  # type: ignore[arg-type]


def plan(before: Config, after: Config, primary: str = "[a]:1") -> list[str]:
    return [step.summary for step in steps(before, after, primary)]


def plain(names: str, **changed: dict[str, object]) -> list[dict[str, object]]:
    return [{"host": f"{name}:1", **changed.get(name, {})} for name in names]


def test_nothing_to_do_is_no_step() -> None:
    current = config(plain("abc"))
    assert plan(current, config(plain("cab"), current)) == []


def test_new_members_join_together_and_vote_one_by_one() -> None:
    current = config(plain("abc"))
    taken = steps(current, config(plain("abcde"), current), "[a]:1")
    assert [step.summary for step in taken] == [
        "add d:1 without a vote; add e:1 without a vote",
        "give d:1 its vote; set priority of d:1 to 1",
        "give e:1 its vote; set priority of e:1 to 1",
    ]
    assert [step.awaits for step in taken] == [(), ("d:1",), ("e:1",)]
    assert [member.pending for member in taken[0].after.members] == [None, None, None, (1, 1), (1, 1)]
    assert all(member.pending is None for member in taken[-1].after.members)


def test_the_primary_leaves_last_and_steps_down_first() -> None:
    current = config(plain("abcde"))
    assert plan(current, config(plain("cde"), current)) == [
        "remove b:1",
        "step down a:1, which is to be primary no more",
        "remove a:1",
    ]


def test_additions_come_before_removals() -> None:
    current = config(plain("abc"))
    assert plan(current, config(plain("abd"), current)) == [
        "add d:1 without a vote",
        "give d:1 its vote; set priority of d:1 to 1",
        "remove c:1",
    ]


def test_what_needs_no_vote_is_one_step() -> None:
    current = config(plain("abcdef", f={"votes": 0}))
    target = config(
        plain("abcdeg", g={"votes": 0, "hidden": True}, b={"priority": 5}, c={"tags": {"x": "y"}}), current, chainingAllowed=False
    )
    assert plan(current, target) == [
        "remove f:1; set priority of b:1 to 5; set tags of c:1 to {'x': 'y'}; add g:1 without a vote; "
        "set chainingAllowed to False"
    ]


def test_a_primary_that_may_lead_no_more_steps_down_before_its_priority_goes() -> None:
    current = config(plain("abc"))
    assert plan(current, config(plain("abc", a={"priority": 0, "hidden": True}), current)) == [
        "step down a:1, which is to be primary no more",
        "set priority of a:1 to 0; set hidden of a:1 to True",
    ]


def test_seven_voters_are_replaced_in_turns() -> None:
    current = config(plain("abcdefg"))
    taken = steps(current, config(plain("hijklmn"), current), "[a]:1")
    counts = [len(step.after.voters) for step in taken]
    assert max(counts) == 7
    assert min(counts) == 6


def test_a_vote_is_lent_to_the_only_successor() -> None:
    rest = {name: {"priority": 0} for name in "bcdefg"}
    current = config(plain("abcdefg", **rest))
    target = config(plain("bcdefgh", **rest), current)
    summaries = plan(current, target)
    assert summaries == [
        "add h:1 without a vote",
        "take the vote of b:1",
        "give h:1 its vote; set priority of h:1 to 1",
        "step down a:1, which is to be primary no more",
        "remove a:1",
        "give b:1 its vote",
    ]


def test_an_arbiter_joins_with_its_vote() -> None:
    current = config(plain("ab"))
    assert plan(current, config(plain("abc", c={"arbiter_only": True}), current)) == ["add c:1 as arbiter"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_small_set_moves_to_other_hosts(count: int) -> None:
    current = config(plain("ab"[:count]))
    target = config(plain("xy"[:count]), current)
    assert walk(current, target, "[a]:1").same_as(target)


def full(voters: str, *, arbiter: str = "") -> list[dict[str, object]]:
    """Fifty members, of which these vote."""
    votes = plain(voters, **({arbiter: {"arbiter_only": True}} if arbiter else {}))
    return [*votes, *({"host": f"x{number}:1", "votes": 0, "priority": 0} for number in range(50 - len(voters)))]


def bounded(before: list[dict[str, object]], after: list[dict[str, object]]) -> list[str]:
    current = config(before)
    target = config(after, current)
    found: list[str] = []
    primary = "[a]:1"
    following = next_step(current, target, primary)
    while following and len(found) < LONGEST:
        assert len(following.after.members) <= 50
        found.append(following.summary)
        current, primary = following.after, "" if following.steps_down else primary
        following = next_step(current, target, primary)
    assert current.same_as(target)
    return found


def test_in_a_full_set_one_leaves_before_another_joins() -> None:
    assert bounded(full("abc"), full("abd")) == [
        "remove c:1",
        "add d:1 without a vote",
        "give d:1 its vote; set priority of d:1 to 1",
    ]
    assert bounded(full("abc"), full("abd", arbiter="d")) == ["remove c:1", "add d:1 as arbiter"]
    assert bounded(full("abc"), full("dbc")) == [
        "step down a:1, which is to be primary no more",
        "remove a:1",
        "add d:1 without a vote",
        "give d:1 its vote; set priority of d:1 to 1",
    ]


def test_the_last_seat_is_taken_and_no_further_one() -> None:
    assert bounded(full("abc")[:-1], full("abc"))[0].startswith("add x46:1 without a vote")
    assert bounded(full("abc")[:-1], full("abcd", arbiter="d")[:-1][:3] + full("abc")[3:-1]) == []


def test_data_votes_before_arbiters_and_who_can_lead_before_who_cannot() -> None:
    current = config(plain("abcde", c={"votes": 0}, d={"votes": 0}, e={"votes": 0}))
    votes = {name: {"votes": 1, "priority": 0} for name in "ce"}
    target = config(plain("abcdez", d={"votes": 1, "priority": 2}, z={"arbiter_only": True}, **votes), current)
    assert [step.summary.split(";")[0] for step in steps(current, target, "[a]:1")] == [
        "give d:1 its vote",
        "give c:1 its vote",
        "give e:1 its vote",
        "add z:1 as arbiter",
    ]


def test_a_seventh_vote_is_given_before_one_is_taken_and_an_eighth_is_not() -> None:
    six = config(plain("abcdef"))
    assert [step.summary for step in steps(six, config(plain("abcdeg"), six), "[a]:1")][-2:] == [
        "give g:1 its vote; set priority of g:1 to 1",
        "remove f:1",
    ]
    seven = config(plain("abcdefg"))
    assert [step.summary for step in steps(seven, config(plain("abcdefh"), seven), "[a]:1")] == [
        "add h:1 without a vote",
        "remove g:1",
        "give h:1 its vote; set priority of h:1 to 1",
    ]


def test_a_primary_that_stays_electable_leads_on() -> None:
    current = config(plain("abc"))
    assert plan(current, config(plain("abc", a={"priority": 7}), current)) == ["set priority of a:1 to 7"]
    assert plan(current, config(plain("abc", a={"votes": 0}), current))[0] == "step down a:1, which is to be primary no more"


def test_a_vote_is_never_lent_by_an_arbiter() -> None:
    rest = {name: {"priority": 0} for name in "bcdef"}
    current = config(plain("agbcdef", g={"arbiter_only": True}, **rest))
    target = config(plain("hgbcdef", g={"arbiter_only": True}, **rest), current)
    assert plan(current, target)[1] == "take the vote of b:1"


class TestRenaming:
    def test_a_member_keeps_all_but_its_name(self) -> None:
        current = config(plain("abc", b={"priority": 3, "tags": {"x": "y"}}))
        target = declared("rs", current, parse_members(["a:1", "b.example:1", "c:1"]), {}, {"[b.example]:1": "[b]:1"})
        (step,) = steps(current, target, "[a]:1")
        assert step.summary == "rename b:1 to b.example:1"
        assert step.after.members[1] == replace(current.members[1], host="b.example:1")

    def test_one_at_a_time_and_the_primary_last(self) -> None:
        current = config(plain("abc"))
        names = {f"[{name}.example]:1": f"[{name}]:1" for name in "abc"}
        target = declared("rs", current, parse_members([f"{name}.example:1" for name in "abc"]), {}, names)
        taken = steps(current, target, "[a]:1")
        assert [step.summary for step in taken] == [f"rename {name}:1 to {name}.example:1" for name in "bca"]
        assert taken[-1].after.same_as(target)

    def test_what_else_changes_comes_after_it(self) -> None:
        """A renamed primary that is to lead no more is known by its new name then."""
        current = config(plain("abc"))
        wanted = parse_members([{"host": "a.example:1", "votes": 0, "priority": 0}, "b:1", "c:1"])
        target = declared("rs", current, wanted, {}, {"[a.example]:1": "[a]:1"})
        assert [step.summary for step in steps(current, target, "[a]:1")] == [
            "rename a:1 to a.example:1",
            "step down a.example:1, which is to be primary no more",
            "set priority of a.example:1 to 0",
            "take the vote of a.example:1",
        ]
