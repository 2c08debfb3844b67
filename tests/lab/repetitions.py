# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tests run: those marked as long, for which STRONGHOLD_LONG asks, or the others."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Either the long repetitions are wanted, or all else."""
    long = "STRONGHOLD_LONG" in os.environ
    left_out = [item for item in items if bool(item.get_closest_marker("long")) != long]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
