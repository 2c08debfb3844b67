# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repetitions that take turns: each day some of them, all within a week, and all at once in the long tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TypeVar

import pytest

ALL = bool(os.environ.get("STRONGHOLD_LONG"))
DAY = int(os.environ.get("STRONGHOLD_DAY") or datetime.now(timezone.utc).strftime("%j"))
WEEK = 7

Choice = TypeVar("Choice")


def todays(choices: Sequence[Choice], count: int = 1) -> list[Choice]:
    """``count`` of the choices in their order, others each day, or all of them in the long tests.

    Raises ValueError where a week would not meet all.
    """
    if len(choices) > WEEK * count:
        raise ValueError(f"{len(choices)} choices are not met within a week by {count} a day")
    if ALL:
        return list(choices)
    turns = {(DAY * count + number) % len(choices) for number in range(count)}
    return [choices[turn] for turn in sorted(turns)]


def header() -> str:
    """Which repetitions run, in words that tell how to run them again."""
    return "repetitions: all" if ALL else f"repetitions: those of day {DAY} (again with STRONGHOLD_DAY={DAY})"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked as long only where all are wanted."""
    left_out = [item for item in items if item.get_closest_marker("long") and not ALL]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
