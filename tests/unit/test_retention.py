# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups stay, with reasons; what must never go, whatever the policy says."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.retention import (
    Kept,
    Policy,
    excess,
    keep,
    oplog_since,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
NOTHING = Policy(daily=0, weekly=0, monthly=0, window=0)


def daily(count: int, *verified: int) -> list[Kept]:
    """One a day at three o'clock, named by its age in days."""
    return [Kept(str(age), NOW - timedelta(days=age, hours=9), age in verified) for age in range(count)]


def test_a_year_of_daily_backups() -> None:
    kept = keep(daily(400, *range(400)), Policy(), NOW)
    assert kept == {
        "0": ["newest", "newest verified", "daily", "weekly", "monthly"],
        **{str(age): ["daily"] for age in range(1, 4)},
        "4": ["daily", "weekly"],
        "5": ["daily"],
        "6": ["daily"],
        "7": ["begin of the window", "verified begin of the window"],
        "11": ["weekly"],
        "18": ["weekly"],
        **{str((NOW - last).days): ["monthly"] for last in months_before(11)},
    }


def months_before(count: int) -> list[datetime]:
    found, first = [], NOW.replace(day=1, hour=3)
    for _month in range(count):
        last = first - timedelta(days=1)
        found.append(last)
        first = last.replace(day=1)
    return found


def test_days_without_a_backup_are_not_counted() -> None:
    backups = [Kept(str(age), NOW - timedelta(days=age)) for age in (0, 30, 60, 90)]
    assert list(keep(backups, Policy(3, 0, 0, 0), NOW)) == ["0", "30", "60"]


def test_of_a_day_the_newest_stays() -> None:
    backups = [Kept(name, NOW - timedelta(hours=hours)) for name, hours in (("late", 1), ("early", 9), ("before", 20))]
    assert keep(backups, Policy(2, 0, 0, 0), NOW) == {
        "late": ["newest", "daily", "begin of the window"],
        "before": ["daily"],
    }


def test_the_day_is_that_of_utc() -> None:
    east = timezone(timedelta(hours=10))
    backups = [Kept("a", datetime(2026, 11, 26, 9, tzinfo=east)), Kept("b", datetime(2026, 11, 25, 12, tzinfo=timezone.utc))]
    assert list(keep(backups, Policy(9, 0, 0, 0), NOW)) == ["a"]


@pytest.mark.parametrize("verified", [0, 3, 200])
def test_the_last_verified_one_never_goes(verified: int) -> None:
    assert str(verified) in keep(daily(300, verified), NOTHING, NOW)


@pytest.mark.parametrize("policy", [Policy(), NOTHING, Policy(window=30), Policy(1, 1, 1, 400)])
def test_every_point_of_the_window_has_a_base(policy: Policy) -> None:
    source = random.Random(5)  # noqa: S311
    for _round in range(300):
        backups = [
            Kept(str(number), NOW - timedelta(hours=source.uniform(0, 24 * 60)), source.random() < 0.5)
            for number in range(source.randint(1, 40))
        ]
        arrived = {backup.id: backup for backup in backups}
        kept = [arrived[name] for name in keep(backups, policy, NOW)]
        since = oplog_since(backups, policy, NOW)
        begin = NOW - timedelta(days=policy.window)
        for some in (backups, [backup for backup in backups if backup.verified]):
            base = max((backup for backup in some if backup.arrived <= begin), key=lambda backup: backup.arrived, default=None)
            if base:
                assert base in kept
                assert since is not None
                assert since <= base.arrived
        assert max(backups, key=lambda backup: backup.arrived) in kept
        # A second run over what was kept drops nothing more: otherwise retention would go on by being run often.
        assert list(keep(kept, policy, NOW)) == [backup.id for backup in kept]


@pytest.mark.parametrize("days", [1, 400])
def test_one_of_a_clock_that_was_ahead_stays_and_displaces_none(days: int) -> None:
    backups = daily(40, *range(40))
    ahead = Kept("ahead", NOW + timedelta(days=days), verified=True)
    assert keep([*backups, ahead], Policy(), NOW) == {"ahead": ["later than now"], **keep(backups, Policy(), NOW)}


def test_while_the_clock_is_behind_what_came_before_stays() -> None:
    backups = daily(40)
    assert list(keep(backups, NOTHING, NOW - timedelta(days=30)))[:30] == [str(age) for age in range(30)]
    assert len(keep(backups, NOTHING, NOW - timedelta(days=9999))) == 40


def test_while_the_clock_is_ahead_the_window_is_that_of_the_newest_backup() -> None:
    backups = daily(40, *range(40))
    policy = Policy(daily=1, weekly=0, monthly=0, window=7)
    right = keep(backups, policy, NOW)
    assert keep(backups, policy, NOW + timedelta(days=400), NOW) == right
    assert "7" in right


def test_without_a_backup_nothing_is_kept() -> None:
    assert keep([], Policy(), NOW) == {}
    assert oplog_since([], Policy(), NOW) is None


def test_more_than_on_usual_days_is_refused() -> None:
    assert excess(3, []) is None
    assert excess(4, []) == "4 backups would go at once, and at most 3 are usual"
    assert excess(10, [1, 5]) is None
    assert excess(11, [1, 5]) == "11 backups would go at once, and at most 10 are usual"
