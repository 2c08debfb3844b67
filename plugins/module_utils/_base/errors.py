# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to fail: what was tried, on which host, why it failed, what to do.

PRIVATE to the collection.
"""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """``reason`` completes "because ..."; ``remedy`` is an imperative."""

    reason: str
    remedy: str


class StrongholdError(Exception):
    """A failure that a person can act on.

    ``host`` names the machine or address, ``attempt`` completes "could not ...", ``reason`` completes
    "because ...", ``remedy`` is an imperative. The four together make one sentence: ``str(error)``.
    """

    def __init__(self, host: str, attempt: str, reason: str, remedy: str) -> None:
        self.host = host
        self.attempt = attempt
        self.reason = reason.rstrip(". ")
        self.remedy = remedy.rstrip(". ")
        super().__init__(f"{host}: could not {attempt} because {self.reason}; {self.remedy}.")

    def facts(self) -> dict[str, str]:
        """The parts, for ``fail_json``: keys host, attempt, reason, remedy."""
        return {"host": self.host, "attempt": self.attempt, "reason": self.reason, "remedy": self.remedy}


class ItemError(StrongholdError):
    """A failure of one item of several that stand alone: the others can still become as declared."""
