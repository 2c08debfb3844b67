# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a long work is, for whoever sits at the terminal; nothing where nobody does.

PRIVATE to the collection.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

Advance = Callable[[int, int], object]
"""Is told bytes done since it was told last, and bytes of the whole, about; from any thread."""
_PAUSE = 0.25  # seconds between two looks
_WIDTH = 24
_ERASE = "\r\x1b[K"
_MIB = 1 << 20


def nobody(_size: int, _whole: int) -> None:
    """``Advance`` for whom nobody watches."""


@contextmanager
def meter(stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Advance]:
    """A bar on ``stream``, standard error where there is none, for a block; it is gone with the block."""
    into = stream or sys.stderr
    if not into.isatty():
        yield nobody
        return
    begun = shown = clock()
    done, lock = 0, Lock()

    def advance(size: int, whole: int) -> None:
        nonlocal done, shown
        with lock:
            done += size
            now = clock()
            if now - shown >= _PAUSE:
                shown = now
                into.write(_ERASE + line(done, whole, now - begun))
                into.flush()

    try:
        yield advance
    finally:
        into.write(_ERASE)
        into.flush()


def line(done: int, whole: int, seconds: float) -> str:
    """Of bytes. The end is told as long as it can be reckoned: a whole that is exceeded was reckoned too low."""
    share = min(1.0, done / whole) if whole else 0.0
    drawn = "#" * int(share * _WIDTH)
    rate = done / seconds if seconds else 0.0
    left = f", {max(0, whole - done) / rate:.0f} s left" if rate and done < whole else ""
    return f"[{drawn:<{_WIDTH}}] {done / _MIB:.0f} of about {whole / _MIB:.0f} MiB, {rate / _MIB:.0f} MiB/s{left}"
