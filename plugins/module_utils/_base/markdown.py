# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text and tables in Markdown from data that may hold anything. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# A character reference is never taken for structure (CommonMark 0.31, section 2.5).
_SPECIAL = {ord(char): f"&#{ord(char)};" for char in "\\`*_[]<>|#&~!$"}


def text(value: object) -> str:
    """What a person wrote, on one line, to be shown as it is."""
    return _line(value).translate(_SPECIAL)


def name(value: object) -> str:
    """A name, set off as code, where that can show it as it is."""
    line = _line(value)
    if not line:
        return "(empty)"
    return text(line) if set(line) & set("\\`|") or line != line.strip() else f"`{line}`"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table, of cells made by ``text`` and ``name``."""
    return [_row(headings), _row(["---"] * len(headings)), *(_row(row) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(value: object) -> str:
    """Without line breaks, and without what is not seen, such as marks that turn the direction of reading."""
    plain = " ".join(str(value).split("\n")).replace("\r", " ").replace("\t", " ")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in plain)
