# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every refusal, with the shape next to it that is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset import rules
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, declared, zones_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.declaration import parse_members


def objections(*entries: Any, allow: tuple[str, ...] = ()) -> list[str]:
    wanted = parse_members(list(entries))
    target = declared("rs", None, wanted, {})
    return [refusal.reason for refusal in rules.shape(target, zones_of(target, wanted), allow)]


def shape(*entries: Any) -> Config:
    return declared("rs", None, parse_members(list(entries)), {})


def zoned(*zones: str) -> list[dict[str, str]]:
    return [{"host": f"db-{index}", **({"zone": zone} if zone else {})} for index, zone in enumerate(zones)]


GOOD = ({"host": "db-a"}, {"host": "db-b"}, {"host": "db-c"})


def test_a_plain_set_is_accepted() -> None:
    assert objections(*GOOD) == []
    assert objections("db-a") == []
    assert objections(*(f"db-{number}" for number in range(7))) == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((), "no member is declared"),
        ([f"db-{number}" for number in range(9)], "9 members would vote and 7 may"),
        ((*GOOD[:2], {"host": "db-c", "votes": 2}), "db-c:27017 is given 2 votes"),
        (("db-a", "db-b"), "an even number of votes, 2,"),
        ([{"host": f"db-{number}", "priority": 0} for number in range(3)], "no member could become primary"),
        ((*GOOD[:2], "localhost"), "localhost:27017 is a loopback address"),
        ((*GOOD[:2], "[::1]"), "[::1]:27017 is a loopback address"),
        ((*GOOD, {"host": "db-d", "votes": 0, "priority": 1}), "db-d:27017 has priority 1 and has no vote"),
        ((*GOOD[:2], {"host": "db-c", "hidden": True, "priority": 2}), "db-c:27017 has priority 2 and is hidden"),
        ((*GOOD[:2], {"host": "db-c", "hidden": False, "secondary_delay_secs": 9, "priority": 1}), "is delayed"),
        ((*GOOD[:2], {"host": "db-c", "secondary_delay_secs": 9}), "delayed and not hidden"),
        ((*GOOD[:2], {"host": "db-c", "hidden": True, "secondary_delay_secs": -1}), "negative secondary_delay_secs"),
        ((*GOOD[:2], {"host": "db-c", "priority": 1001}), "priority 1001"),
        ((*GOOD[:2], {"host": "db-c", "priority": -1}), "priority -1"),
        ((*GOOD[:2], {"host": "db-c", "arbiter_only": True, "tags": {"rack": 1}}), "arbiter, which holds no data, and has tags"),
        ((*GOOD[:2], {"host": "db-c", "arbiter_only": True, "hidden": True}), "has hidden"),
        (
            (*GOOD[:2], {"host": "db-c", "arbiter_only": True, "secondary_delay_secs": 5}),
            "has secondary_delay_secs",
        ),
        ((*GOOD, {"host": "db-d", "arbiter_only": True, "votes": 0}), "would have no vote"),
        ([*GOOD, *({"host": f"x-{number}", "votes": 0} for number in range(48))], "51 members and a replica set has 50"),
    ],
)
def test_a_shape_is_refused_for_a_reason(entries: list[Any], said: str) -> None:
    assert any(said in reason for reason in objections(*entries))


def test_even_votes_are_allowed_by_name_and_alone() -> None:
    assert objections("db-a", "db-b", allow=("even_votes",)) == []
    assert objections("db-a", "db-b", allow=("zone_loss",)) != []
    assert objections(*(f"db-{number}" for number in range(4))) == [
        "an even number of votes, 4, survives no more failures than 3 would"
    ]


@pytest.mark.parametrize(
    ("zones", "lost"),
    [
        (("a", "b", "c"), None),
        (("", "", ""), None),
        (("a", "a", "b"), "a"),
        (("a", "b", ""), None),
        (("a", "a", "b", "b", "c"), None),
        (("a", "a", "a", "b", "c"), "a"),
        (("a",), "a"),
        (("a", "", ""), None),
        (("b", "b", ""), "b"),
        (("", "a", "a", "", ""), None),
        (("", "a", "a", "a", ""), "a"),
        (("a", "b", "b", "c", "c", "d", "d"), None),
        (("b", "b", "b", "a", "a", "a", "a"), "a"),
    ],
)
def test_the_loss_of_one_zone_must_leave_a_majority(zones: tuple[str, ...], lost: str | None) -> None:
    reasons = objections(*zoned(*zones))
    assert reasons == [] if lost is None else f"zone {lost} holds" in reasons[0]
    assert objections(*zoned(*zones), allow=("zone_loss",)) == []


def test_only_voters_count_for_zones() -> None:
    assert objections(*zoned("a", "b", "c"), {"host": "db-x", "zone": "a", "votes": 0}) == []


def test_the_zone_of_an_arbiter_counts() -> None:
    arbiter = {"host": "arb", "arbiter_only": True}
    assert objections(*zoned("a", "b"), {**arbiter, "zone": "c"}) == []
    assert "zone a holds 2 of 3" in objections(*zoned("a", "b"), {**arbiter, "zone": "a"})[0]


def test_duplicates_are_found_in_any_spelling() -> None:
    assert rules.duplicates(parse_members(["db-a", "db-b"])) is None
    assert "DB-A:27017" in rules.duplicates(parse_members(["db-b", "DB-A", "db-a:27017"])).reason


def test_an_arbiter_stays_one() -> None:
    arbiter, data = shape("db-a", {"host": "db-b", "arbiter_only": True}), shape("db-a", "db-b")
    assert "is an arbiter" in rules.kind_change(arbiter, data).reason
    assert "holds data" in rules.kind_change(data, arbiter).reason
    assert rules.kind_change(arbiter, arbiter) is None


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("majority", None),
        (1, None),
        (2, None),
        (3, "asks for 3 of 2"),
        (0, "asks for 0"),
        ("known", None),
        ("unknown", "'unknown'"),
    ],
)
def test_a_default_that_no_write_could_meet_is_refused(wanted: object, said: str | None) -> None:
    target = declared(
        "rs",
        None,
        parse_members(["db-a", "db-b", {"host": "db-c", "arbiter_only": True}]),
        {"getLastErrorModes": {"known": {"zone": 2}}},
    )
    refusal = rules.default_write_concern(target, {"w": wanted})
    assert refusal is None if said is None else said in refusal.reason


def test_every_configuration_on_the_way_needs_a_healthy_majority() -> None:
    three, five = shape(*GOOD), shape(*GOOD, "db-d", "db-e")
    down = {"[db-c]:27017"}
    assert rules.majority([three, five], down) is None
    assert "db-b:27017, db-c:27017" in rules.majority([five, three], down | {"[db-b]:27017"}).reason


@pytest.mark.parametrize(
    ("zones", "lost"),
    [
        (("a", "a", "b", "b"), ["a", "b"]),
        (("b", "a"), ["a", "b"]),
        (("a", "a", "b", "c"), ["a"]),
        (("a", "b", "c", "d"), []),
        (("a", "a", "b", "b", "c", "c"), []),
        (("a", "a", "a", "b", "b", "c"), ["a"]),
        (("a", "a", "", ""), ["a"]),
        (("", "", "a", "b"), []),
    ],
)
def test_half_of_an_even_number_of_votes_is_no_majority(zones: tuple[str, ...], lost: list[str]) -> None:
    target = shape(*zoned(*zones))
    assert rules.fatal_zones(target, zones_of(target, parse_members(zoned(*zones)))) == lost
    reasons = objections(*zoned(*zones), allow=("even_votes",))
    assert [reason.split(" and ")[0] for reason in reasons] == (
        [f"zone {lost[0]} holds {zones.count(lost[0])} of {len(zones)} votes"] if lost else []
    )


def names(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"host": f"db-{number}", **fields} for number in range(count)]


def test_seven_may_vote_and_eight_may_not() -> None:
    assert objections(*names(7)) == []
    assert objections(*names(8), allow=("even_votes",)) == ["8 members would vote and 7 may"]
    assert objections(*names(7), {"host": "db-x", "votes": 0}) == []


def test_fifty_members_are_a_set_and_fifty_one_are_none() -> None:
    voteless = [{"host": f"x-{number}", "votes": 0} for number in range(48)]
    assert objections(*names(3), *voteless[:47]) == []
    assert objections(*names(3), *voteless) == ["it would have 51 members and a replica set has 50 at most"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"priority": 1000}, None),
        ({"priority": 0}, None),
        ({"priority": 0.5}, None),
        ({"priority": 1000.5}, "db-c:27017 is given priority 1000.5"),
        ({"priority": -0.5}, "db-c:27017 is given priority -0.5"),
        ({"hidden": True, "secondary_delay_secs": 1}, None),
        ({"hidden": True}, None),
        ({"votes": -1}, "db-c:27017 is given -1 votes and a member has 0 or 1"),
    ],
)
def test_what_a_member_may_be_given_is_exact(fields: dict[str, Any], said: str | None) -> None:
    reasons = objections(*GOOD[:2], {"host": "db-c", **fields})
    assert said in reasons if said else reasons == []


def test_each_member_that_cannot_lead_is_told_why() -> None:
    arbiter = {"host": "db-c", "arbiter_only": True, "priority": 1}
    assert objections(*GOOD[:2], arbiter) == ["db-c:27017 has priority 1 and is an arbiter"]
    delayed = {"host": "db-c", "secondary_delay_secs": 9, "priority": 1}
    assert "db-c:27017 has priority 1 and is delayed" in objections(*GOOD[:2], delayed)


def test_a_set_on_loopback_alone_is_one_of_this_host() -> None:
    assert objections("localhost:1", "127.0.0.1:2", "[::1]:3") == []
    assert objections("localhost:1") == []


def test_electable_is_who_votes_holds_data_and_has_a_priority() -> None:
    last = {"host": "db-c", "arbiter_only": True}
    assert "no member could become primary" in objections(*names(2, priority=0), last)
    assert objections({"host": "db-0"}, {"host": "db-1", "priority": 0}, last) == []


@pytest.mark.parametrize(
    ("count", "down", "enough"),
    [
        (1, 0, True),
        (2, 0, True),
        (2, 1, False),
        (3, 1, True),
        (3, 2, False),
        (4, 1, True),
        (4, 2, False),
        (6, 2, True),
        (6, 3, False),
    ],
)
def test_a_change_needs_more_than_half_of_the_voters(count: int, down: int, enough: bool) -> None:
    unhealthy = {f"[db-{number}]:27017" for number in range(down)}
    refusal = rules.majority([shape(*names(count))], unhealthy)
    assert (refusal is None) is enough
    assert refusal is None or refusal.reason.startswith(f"{down} of {count} voters are not reachable")


def test_members_without_a_vote_are_no_part_of_a_majority() -> None:
    target = shape(*names(3), {"host": "x", "votes": 0}, {"host": "y", "votes": 0})
    assert rules.majority([target], {"[x]:27017", "[y]:27017"}) is None
    assert rules.majority([target], {"[x]:27017", "[db-0]:27017"}) is None
    assert rules.majority([target], {"[db-1]:27017", "[db-0]:27017"}) is not None


def test_a_write_concern_counts_members_with_data_whether_they_vote_or_not() -> None:
    target = shape(*names(3), {"host": "x", "votes": 0})
    assert rules.default_write_concern(target, {"w": 4}) is None
    assert rules.default_write_concern(target, {"w": 5}) is not None


def test_only_members_that_stay_are_asked_for_their_kind() -> None:
    arbiter = {"host": "db-c", "arbiter_only": True}
    assert rules.kind_change(shape("db-a", "db-b"), shape("db-a", "db-b", arbiter)) is None
    assert rules.kind_change(shape("db-a", "db-b", arbiter), shape("db-a", "db-b")) is None


def full() -> list[dict[str, Any]]:
    """Fifty members, of which the first can lead, the second votes, and the rest does neither."""
    voters: list[dict[str, Any]] = [{"host": "db-a"}, {"host": "db-b", "priority": 0}]
    return [*voters, *({"host": f"x{number}", "votes": 0} for number in range(48))]


@pytest.mark.parametrize(
    ("after", "refused"),
    [
        ([{"host": "db-z"}, *full()[1:]], True),
        ([{"host": "db-z"}, {"host": "db-b", "priority": 1}, *full()[2:]], False),
        ([{"host": "db-z"}, *full()[1:-1]], False),
        ([{"host": "db-a", "priority": 0}, *full()[1:-1], {"host": "db-z"}], False),
        ([full()[0], {"host": "db-z"}, *full()[2:]], False),
        (full(), False),
    ],
)
def test_in_a_full_set_somebody_who_stays_can_take_over(after: list[dict[str, Any]], refused: bool) -> None:
    current = shape(*full())
    refusal = rules.room(current, declared("rs", current, parse_members(after), {}))
    assert ("nobody who stays could take over from db-a:27017" in refusal.reason if refusal else False) == refused
    assert rules.room(shape(*full()[:-1]), shape(*after)) is None
