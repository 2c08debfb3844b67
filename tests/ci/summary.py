# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many tests ran, read from what pytest says at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

SUMMARY = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in \d[\d.]*s(?: \([\d:]+\))?(?: =+)?$", re.MULTILINE)
FAILED = ("failed", "error", "errors")


@dataclass(frozen=True)
class Tally:
    passed: int = 0
    failed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed)


_TELLING = re.compile(r"^(?:E   |FAILED |ERROR |ERROR: |fatal: |.*\bAssertionError\b)")


def telling(log: str, count: int) -> list[str]:
    """The last lines that tell what went wrong, each cut to what is read in one line; else the very last ones."""
    lines = [line.rstrip()[:200] for line in log.splitlines() if line.strip()]
    return [line for line in lines if _TELLING.match(line)][-count:] or lines[-count:]


def read(log: str) -> Tally:
    """The sum over all runs of pytest whose output is in ``log``."""
    told = Tally()
    for summary in SUMMARY.finditer(log):
        numbers = {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", summary[1])}
        told += Tally(numbers.get("passed", 0), sum(numbers.get(word, 0) for word in FAILED))
    return told
