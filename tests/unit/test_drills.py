# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a restore drill is due, and what is remembered of drills."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drills import gauges, state
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.outcome import EACH, Outcome, Outcomes

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
GOOD = Outcome("2026-11-26T12:00:00Z", "base", "2026-11-26T11:00:00Z", 4.5, 10, 20, "next")


@pytest.mark.parametrize(
    ("outcomes", "later", "due"),
    [
        (Outcomes(), timedelta(), True),
        (Outcomes(GOOD, GOOD), timedelta(), False),
        (Outcomes(GOOD, GOOD), EACH - timedelta(seconds=1), False),
        (Outcomes(GOOD, GOOD), EACH, True),
        (Outcomes(GOOD, GOOD), -timedelta(days=400), True),
        (Outcomes(GOOD, replace(GOOD, compared="")), timedelta(), True),
        (Outcomes(replace(GOOD, failure="No."), GOOD), timedelta(), True),
    ],
)
def test_once_a_week_and_again_until_all_was_well_and_compared(outcomes: Outcomes, later: timedelta, due: bool) -> None:
    assert outcomes.is_due(NOW + later) is due


def test_a_failure_does_not_hide_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.json"
    failed = Outcome("2026-11-26T13:00:00Z", "", failure="vault: could not.")
    Outcomes().with_another(GOOD).with_another(failed).write(path)
    found = Outcomes.read(path)
    assert (found.last, found.good) == (failed, GOOD)
    told = {gauge.name: gauge.samples[0][1] for gauge in gauges(found)}
    assert told["mongodb_drill_ok"] == 0
    assert told["mongodb_drill_duration_seconds"] == 4.5
    assert told["mongodb_drill_last_seconds"] - told["mongodb_drill_good_seconds"] == 3600
    lines, reasons = state(tmp_path)
    assert "took 4.5 s, compared and equal" in lines[0]
    assert reasons[0] == "the last drill failed (vault: could not)"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"last": 5}', '{"last": {"at": "then", "base": ""}}', '{"good": {"at": 5, "base": ""}}']
)
def test_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "outcomes.json").write_text(text)
    assert Outcomes.read(tmp_path / "outcomes.json").is_due(NOW)
    assert state(tmp_path) == (["last drill: none yet"], [])
