# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names in declarations, as YAML and JSON hand them over. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from typing import Any


def name_of(value: Any, title: str, *, empty: bool = False) -> str:
    """The text that was meant: a number is one, what YAML reads as true, false or null is none (``no``, ``on``, ``~``).

    Neither is the empty text, unless ``empty`` admits it. Raises ValueError, a sentence about ``title`` with what to do.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and (value or empty):
        return value
    raise ValueError(f"{title} is {value!r} and not a name; write it in quotes, or leave it out")
