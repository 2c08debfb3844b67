# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers that CI reads: tests of a log, counts above what is agreed, and what takes turns."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ci import budget, jobs, summary
from ci.summary import Tally
from lab import repetitions

LOG = """
===== 3 failed, 1026 passed, 2 skipped, 1 error in 37.21s =====
no summary: 5 passed in a row
12 passed in 0.80s
=========== 40 passed, 10 deselected, 1 warning in 812.44s (0:13:32) ===========
"""


def test_all_summaries_of_a_log_are_counted() -> None:
    assert summary.read(LOG) == Tally(1026 + 12 + 40, 3 + 1)
    assert summary.read("nothing ran") == Tally(0, 0)


def test_of_a_failed_job_those_lines_are_told_that_tell() -> None:
    log = "begin\nE       assert 1 == 2\nmuch else\nFAILED tests/x.py::y - assert\n1 failed in 2s\n\n"
    assert summary.telling(log, 2) == ["E       assert 1 == 2", "FAILED tests/x.py::y - assert"]
    assert summary.telling(log, 1) == ["FAILED tests/x.py::y - assert"]
    assert summary.telling("one\n\ntwo  \nthree\n", 2) == ["two", "three"]


def test_a_count_fails_above_what_is_agreed_and_says_what_to_do() -> None:
    limits = {"hosts": 4, "runs": 30}
    assert budget.excess("triad", limits, {"hosts": 4, "runs": 30}) == []
    (told,) = budget.excess("triad", limits, {"hosts": 4, "runs": 32})
    assert told.startswith("triad: 32 runs are 2 more than are agreed; ")
    assert "tests/ci/budget.yml" in told


def test_each_story_has_a_budget_and_a_job() -> None:
    for story in jobs.STORIES:
        assert set(budget.agreed(story)) == {"hosts", "runs", "tasks", "visits"}
        assert (jobs.PROJECT / "extensions/molecule" / story / "fleet.yml").exists()


@pytest.mark.parametrize("story", jobs.STORIES)
def test_each_story_can_begin(story: str) -> None:
    """What its files import is there: in the gate, and not after a converge."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"extensions/molecule/{story}/tests"]
    done = subprocess.run(words, cwd=jobs.PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_budget_knows_no_job_that_is_gone() -> None:
    assert set(budget.costs()) <= {job.name for job in jobs.table()}


@pytest.mark.parametrize(("choices", "count"), [(2, 1), (3, 1), (4, 1), (7, 1), (4, 2), (5, 2)])
def test_repetitions_that_take_turns_are_all_met_within_any_week(
    monkeypatch: pytest.MonkeyPatch, choices: int, count: int
) -> None:
    monkeypatch.setattr(repetitions, "ALL", False)
    for first in range(1, 360):
        met = set[int]()
        for day in range(first, first + 7):
            monkeypatch.setattr(repetitions, "DAY", day)
            chosen = repetitions.todays(range(choices), count)
            assert chosen == sorted(chosen)
            assert len(chosen) == count
            met.update(chosen)
        assert met == set(range(choices))


def test_the_long_tests_take_all_and_a_week_must_be_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetitions, "ALL", True)
    assert repetitions.todays("abc") == ["a", "b", "c"]
    with pytest.raises(ValueError, match="8 choices are not met within a week by 1 a day"):
        repetitions.todays("abcdefgh")
