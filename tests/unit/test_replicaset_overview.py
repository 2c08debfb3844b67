# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a set at night: who lags, and which zone may be lost."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, Member
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.overview import behind, overview
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import Snapshot

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


def snapshot(*members: tuple[str, str, float, bool], zones: str = "abcdefg") -> Snapshot:
    """Members as (name, state, seconds by which its last operation is behind NOW, health)."""
    config = Config(
        "rs", tuple(Member(number, f"{name}:1", tags={"zone": zones[number]}) for number, (name, *_rest) in enumerate(members))
    )
    states = [
        {
            "name": f"{name}:1",
            "stateStr": state,
            "health": float(health),
            **({} if state == "ARBITER" else {"optimeDate": NOW - timedelta(seconds=late)}),
        }
        for name, state, late, health in members
    ]
    leader = next((f"[{name}]:1" for name, state, _late, _health in members if state == "PRIMARY"), "")
    return Snapshot(config, {"members": states, "term": 1}, {}, leader)


def wrote(late: float) -> dict[str, Any]:
    return {"lastWrite": {"lastWriteDate": NOW - timedelta(seconds=late)}}


def lags(seen: Snapshot, told: dict[str, Any] | None = None) -> list[int | None]:
    return [member["lag_secs"] for member in overview(seen, told)["members"]]


IDLE = snapshot(("a", "SECONDARY", 10, True), ("b", "PRIMARY", 0, True), ("c", "SECONDARY", 0, True), ("d", "ARBITER", 0, True))


def test_who_seems_to_lag_is_to_be_asked_beside_the_primary() -> None:
    assert [str(address) for address in behind(IDLE)] == ["b:1", "a:1"]
    assert behind(snapshot(("a", "SECONDARY", 0, True), ("b", "PRIMARY", 0, True))) == []
    assert behind(snapshot(("a", "SECONDARY", 9, False), ("b", "PRIMARY", 0, True))) == []
    assert behind(snapshot(("a", "DOWN", 9, False))) == []


def test_an_idle_set_has_no_lag_and_one_that_lags_has() -> None:
    assert lags(IDLE, {"[a]:1": wrote(0), "[b]:1": wrote(0)}) == [0, 0, 0, None]
    assert lags(IDLE, {"[a]:1": wrote(7), "[b]:1": wrote(0)}) == [7, 0, 0, None]
    assert lags(IDLE, {"[a]:1": wrote(0), "[b]:1": wrote(3)})[0] == 0, "it was asked a moment later than the primary"


@pytest.mark.parametrize("told", [{}, {"[a]:1": {}, "[b]:1": wrote(0)}, {"[a]:1": wrote(0)}, {"[a]:1": {"arbiterOnly": True}}])
def test_of_who_does_not_answer_the_set_s_own_word_counts(told: dict[str, Any]) -> None:
    assert lags(IDLE, told) == [10, 0, 0, None]


def test_without_a_primary_the_newest_is_the_measure() -> None:
    seen = snapshot(("a", "SECONDARY", 4, True), ("b", "SECONDARY", 1, True), ("c", "(not reachable/healthy)", 0, False))
    assert [str(address) for address in behind(seen)] == ["b:1", "a:1"]
    assert lags(seen) == [3, 0, None]


@pytest.mark.parametrize(
    ("down", "zones", "lost"),
    [
        ("", "abc", {"a": True, "b": True, "c": True}),
        ("c", "abc", {"a": False, "b": False, "c": False}),
        ("e", "abcde", {"a": True, "b": True, "c": True, "d": True, "e": False}),
        ("e", "aabbc", {"a": False, "b": False, "c": False}),
        ("b", "aabbc", {"a": True, "b": False, "c": True}),
    ],
)
def test_a_zone_that_is_down_is_none_that_may_be_lost(down: str, zones: str, lost: dict[str, bool]) -> None:
    names = "abcde"[: len(zones)]
    seen = snapshot(*((name, "PRIMARY" if name == "a" else "SECONDARY", 0, name not in down) for name in names), zones=zones)
    assert {zone: told["can_be_lost"] for zone, told in overview(seen)["zones"].items()} == lost
