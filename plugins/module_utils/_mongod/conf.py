# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``mongod.conf`` says, read by a pattern: a bare host has no YAML parser.

PRIVATE to the collection.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"( *)([\w.]+):(.*)")
_WORD = re.compile(r"[^\"'\s#]+")


def options(text: str) -> list[tuple[str, str]]:
    """Path and value of each line, as it stands there; a line that is no option has the path of the one before it."""
    found: list[tuple[str, str]] = []
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match:
            above = [(depth, name) for depth, name in above if depth < len(match[1])] + [(len(match[1]), match[2])]
        value = match[3].strip(" '\"") if match else line
        found.append((".".join(name for _depth, name in above), value))
    return found


def option(text: str, path: str) -> str | None:
    """The one word that stands at a path such as net.tls.mode, or None."""
    for found, value in options(text):
        if found == path:
            word = _WORD.match(value)
            return word[0] if word else None
    return None
