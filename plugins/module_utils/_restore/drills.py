# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore drill with all that belongs to it: when one is due, what is remembered, and what is told of it.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import span
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import DrillSettings
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, memory, metrics, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drill import ATTEMPT, Tell, drill
from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.outcome import Outcome, Outcomes

OUTCOMES = "outcomes.json"
DRILL = Path("/var/lib", DrillSettings.state)
LATE = timedelta(days=9)
"""After which a drill, of which there is one each week, is overdue."""


def due(settings: DrillSettings) -> bool:
    return Outcomes.read(settings.home / OUTCOMES).is_due()


def drilled(settings: DrillSettings, tell: Tell) -> list[StrongholdError]:
    """Do one, alone on this host, remember what came of it, and leave metrics; what failed. Raises StrongholdError."""
    with locks.held(locks.DRILL, platform.node(), ATTEMPT):
        return _drilled(settings, tell)


def _drilled(settings: DrillSettings, tell: Tell) -> list[StrongholdError]:
    path = settings.home / OUTCOMES
    failures: list[StrongholdError] = []
    begun = Outcome(moments.text(time.time()), "")
    try:
        with drill(settings) as one:
            outcome = one.run(begun)
        tell(_said(outcome))
    except StrongholdError as error:
        failures.append(error)
        outcome = Outcome(begun.at, "", failure=str(error))
    outcomes = Outcomes.read(path).with_another(outcome)
    with memory.leaving("the drill", failures):
        outcomes.write(path)
        if settings.metrics_file:
            metrics.write(Path(settings.metrics_file), gauges(outcomes))
    return failures


def _said(outcome: Outcome) -> str:
    equals = f"it equals {outcome.compared}" if outcome.compared else f"it was compared with nothing, as {outcome.uncompared}"
    return (
        f"restored the backup {outcome.base} to {outcome.to} in {outcome.seconds:.1f} s: {outcome.documents} documents, "
        f"{outcome.operations} operations of the oplog; {equals}"
    )


def gauges(outcomes: Outcomes) -> Sequence[metrics.Gauge]:
    last = metrics.Gauge("mongodb_drill_last_seconds", "When a restore was last tested, in seconds since 1970.")
    well = metrics.Gauge("mongodb_drill_ok", "Whether that went well.")
    good = metrics.Gauge("mongodb_drill_good_seconds", "When a tested restore last went well, in seconds since 1970.")
    took = metrics.Gauge("mongodb_drill_duration_seconds", "How long the last good one took until all was there (RTO).")
    if outcomes.last:
        last.add({}, moments.parse(outcomes.last.at).timestamp())
        well.add({}, int(not outcomes.last.failure))
    if outcomes.good:
        good.add({}, moments.parse(outcomes.good.at).timestamp())
        took.add({}, outcomes.good.seconds)
    return [last, well, good, took]


def state(home: Path) -> tuple[list[str], list[str]]:
    """Lines of the last good one, and clauses of what is not well; ``home`` is the state of its service."""
    outcomes = Outcomes.read(home / OUTCOMES)
    reasons = []
    if outcomes.last and outcomes.last.failure:
        reasons.append(f"the last drill failed ({outcomes.last.failure.rstrip('.')})")
    good = outcomes.good
    if good is None:
        return ["last drill: none yet"], reasons
    age = datetime.now(timezone.utc) - moments.parse(good.at)
    compared = "compared and equal" if good.compared else "compared with nothing"
    if age > LATE:
        reasons.append(f"the last drill is {span(age)} old")
    return [f"last drill: {span(age)} ago, took {good.seconds:.1f} s, {compared}"], reasons
