# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a mongod ended, from what it wrote: plain text about its options, lines of JSON about everything else.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

REASON_LENGTH = 400
TAIL = 1 << 20
ERRORS = ("E", "F")
# Ids of lines that name a cause though the server does not call them errors.
CAUSES = (20254,)  # a key file that cannot be read
# Id of a line that says only that something before it went wrong.
CONSEQUENCE = 20575  # the service context could not be made
RESTARTED = 20698  # id of the line that begins each run but the first in a log that is appended to
_STORAGE_PREFIX = re.compile(r"^(\[[^\]]*\])+,? ?")
# What follows from an error and names no cause; a line that was cut off where the disk was full begins as those of JSON do.
_HOLLOW = ("Fatal assertion", "Writing fatal message", "aborting after", "try '", "BACKTRACE", "Frame:", "Got signal", "{")


class Complaint(NamedTuple):
    """A line in which the server says what went wrong; the higher its ``weight``, the nearer to the cause."""

    weight: int
    text: str


def complaint(text: str) -> str:
    """The last error in the output of mongod that names a cause, in one line; empty where there is none. Pure."""
    told = [found for found in _complaints(text) if found.text and not _is_hollow(found.text)]
    heaviest = max((found.weight for found in told), default=0)
    last = [found.text for found in told if found.weight == heaviest][-1:]
    return " ".join("".join(last).split())[:REASON_LENGTH].rstrip(". ")


def _is_hollow(text: str) -> bool:
    return any(text.startswith(mark) or f"***{mark}" in text for mark in _HOLLOW)


def _complaints(text: str) -> Iterator[Complaint]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            yield Complaint(0, line.strip())
            continue
        if not isinstance(entry, dict):
            continue
        number = entry.get("id")
        if number in CAUSES:
            yield Complaint(3, _worded(entry))
        elif entry.get("s") in ERRORS:
            yield Complaint(1 if number == CONSEQUENCE else 2, _worded(entry))


def _worded(entry: Mapping[str, Any]) -> str:
    attributes = entry.get("attr") or {}
    detail = attributes.get("message") or attributes.get("error") or attributes
    if isinstance(detail, Mapping):
        detail = detail.get("errmsg") or detail
    detail = _STORAGE_PREFIX.sub("", str(detail)) if detail else ""
    return f"{entry.get('msg')}: {detail}" if detail else str(entry.get("msg"))


class ServerLog:
    """The log file of a service, as far as it grows from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size if path.exists() else 0

    def complaint(self, journal: str = "") -> str:
        """Of the latest run that began since, in the log, or where it could not write one, in the end of its ``journal``.

        Empty where none began and where it complained of nothing.
        """
        return self._logged() or complaint(journal)

    def _logged(self) -> str:
        try:
            with self._path.open("rb") as stream:
                size = stream.seek(0, 2)
                known = self._size if size >= self._size else 0
                stream.seek(max(known, size - TAIL))
                text = stream.read().decode(errors="replace")
        except OSError:
            return ""
        lines = text.splitlines()
        beginnings = [number for number, line in enumerate(lines) if f'"id":{RESTARTED},' in line]
        if not beginnings and known:
            return ""
        return complaint("\n".join(lines[beginnings[-1] if beginnings else 0 :]))
