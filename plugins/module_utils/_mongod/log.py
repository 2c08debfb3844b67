# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a mongod ended, from what it wrote: plain text about its options, lines of JSON about everything else.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

REASON_LENGTH = 400
TAIL = 1 << 20
ERRORS = ("E", "F")
RESTARTED = 20698  # id of the line that begins each run but the first in a log that is appended to
_STORAGE_PREFIX = re.compile(r"^(\[[^\]]*\])+,? ?")
# What follows from an error and names no cause.
_HOLLOW = ("Fatal assertion", "Writing fatal message", "aborting after", "try '")


def complaint(text: str) -> str:
    """The last error in the output of mongod that names a cause, in one line; empty where there is none. Pure."""
    told = [line for line in _errors(text) if line and not any(line.startswith(mark) or f"***{mark}" in line for mark in _HOLLOW)]
    return " ".join((told[-1] if told else "").split())[:REASON_LENGTH].rstrip(". ")


def _errors(text: str) -> Iterator[str]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            yield line.strip()
            continue
        if isinstance(entry, dict) and entry.get("s") in ERRORS:
            attributes = entry.get("attr", {})
            detail = attributes.get("message") or attributes.get("error") or attributes
            detail = _STORAGE_PREFIX.sub("", str(detail)) if detail else ""
            yield f"{entry.get('msg')}: {detail}" if detail else str(entry.get("msg"))


class ServerLog:
    """The log file of a service, as far as it grows from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size if path.exists() else 0

    def complaint(self) -> str:
        """Of the latest run that began since; empty where none began, it complained of nothing or the file cannot be read."""
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
