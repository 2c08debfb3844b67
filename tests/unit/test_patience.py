# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often and how long something is tried again."""

from __future__ import annotations

import time

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses; time passes by them alone."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + sum(pauses))
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_the_last_attempt_comes_when_the_time_is_over_and_says_so(slept: list[float]) -> None:
    spent = [attempt.spent for attempt in patience(1.2, pause=0.5)]
    assert spent == [False, False, False, True]
    assert slept == pytest.approx([0.5, 0.5, 0.2])


def test_without_time_there_is_one_attempt(slept: list[float]) -> None:
    assert [(attempt.number, attempt.spent) for attempt in patience(0)] == [(1, True)]
    assert slept == []


def test_pauses_grow_up_to_the_longest(slept: list[float]) -> None:
    attempts = list(patience(20, pause=1, backoff=3, longest=5))
    assert slept == [1, 3, 5, 5, 5, 1]
    assert [attempt.number for attempt in attempts] == [1, 2, 3, 4, 5, 6, 7]


def test_what_takes_longer_than_the_time_is_tried_no_more(slept: list[float]) -> None:
    attempts = []
    for attempt in patience(1):
        slept.append(3)
        attempts.append(attempt.spent)
    assert attempts == [False, True]
