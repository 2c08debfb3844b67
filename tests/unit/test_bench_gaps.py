# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statistics of bench-rotation."""

from __future__ import annotations

from bench.gaps import Found, Phase, goals, longest_per_window, percentile, table


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1, 1001), 0.999) == 999
    assert percentile([5], 0.999) == 5


def test_windows_of_equal_length() -> None:
    phase = Phase("", [0, 1, 2, 5, 6, 7, 9.5, 10])
    assert longest_per_window(phase, 5) == [1, 3]
    assert longest_per_window(phase, 3.2) == [1, 3, 2.5]
    assert longest_per_window(phase, 20) == [3]


def test_the_write_that_was_under_way_when_certificates_were_taken_up() -> None:
    phase = Phase("", [0, 1, 4, 4.5], taken_up=[2, 4.1, 99])
    assert phase.at_rotation() == [3, 0.5]


def test_goals_are_measured_against_the_writer_s_normal() -> None:
    calm = Phase("calm", [0, 0.01, 0.02], taken_up=[0.005])
    slow = Phase("slow", [0, 0.01, 0.5], taken_up=[0.005], lost=1)
    normal = Phase("quiet", [0, 0.02, 0.04])
    assert [met for _text, met in goals(Found(normal, calm, [calm], calm))] == [True, True, True]
    assert [met for _text, met in goals(Found(normal, calm, [calm, slow], calm))] == [False, True, False]
    assert [met for _text, met in goals(Found(normal, calm, [calm], slow))] == [True, True, False]
    assert "490.0 ms" in table(Found(normal, calm, [calm, slow], calm))
