# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pace over time, of which the test is master."""

from __future__ import annotations

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.pace import Pace


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_bytes_take_their_time_from_the_second_piece_on() -> None:
    time = Time()
    pace = Pace(10, lambda: time.now, time.sleep)
    moments = []
    for size in (5, 20, 1, 1):
        pace.spend(size)
        moments.append(time.now - 100)
    assert moments == pytest.approx([0, 0.5, 2.5, 2.6])


def test_what_was_not_used_is_gone() -> None:
    time = Time()
    pace = Pace(10, lambda: time.now, time.sleep)
    time.now += 60
    for _each in range(3):
        pace.spend(10)
    assert time.now == 162


def test_without_a_rate_nobody_waits() -> None:
    time = Time()
    pace = Pace(0, lambda: time.now, time.sleep)
    pace.spend(1 << 40)
    pace.spend(1 << 40)
    assert time.now == 100
