# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that goes no faster than it may, whoever does how much of it.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Pace:
    """At most ``rate`` bytes a second, of all threads together; 0 is as fast as it goes."""

    def __init__(
        self, rate: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._lock, self._free = Lock(), clock()

    def spend(self, size: int) -> None:
        """Before so many bytes go: wait until those before them have had their time. Time that nobody used is gone."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            begin = max(now, self._free)
            self._free = begin + size / self._rate
        if begin > now:
            self._sleep(begin - now)
