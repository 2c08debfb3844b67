# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trying again until it works or the time is over.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """One of several. ``spent``: it is the last one, so that what still hinders it is the reason of a failure."""

    number: int
    spent: bool


def patience(timeout: float, pause: float = 0.5, backoff: float = 1, longest: float = 10) -> Iterator[Attempt]:
    """Attempts for ``timeout`` seconds by a clock that nobody sets: at least one, and one more when the time is over.

    Between two of them lie ``pause`` seconds, each pause ``backoff`` times the one before, at most ``longest`` seconds.
    A loop that is left at ``spent`` never ends in silence.
    """
    deadline = time.monotonic() + timeout
    number = 1
    while True:
        left = deadline - time.monotonic()
        yield Attempt(number, left <= 0)
        if left <= 0:
            return
        time.sleep(max(0, min(pause, deadline - time.monotonic())))
        pause = min(pause * backoff, longest)
        number += 1
