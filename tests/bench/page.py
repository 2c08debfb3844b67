# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A page under docs/benchmarks, the same for every benchmark. Functions over data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WHY = "## Why"
PLACEHOLDER = "A goal was missed, and nobody has yet said why."


def page(
    title: str, written: str, body: Sequence[str], facts: Mapping[str, str], method: str, *, met: bool, previous: str
) -> str:
    """The whole page; where a goal is missed, the section Why of the ``previous`` one is kept, for a person to update."""
    parts = [
        f"# {title}",
        written,
        *body,
        "## Machine and versions",
        "\n".join(f"* {name}: {value}" for name, value in facts.items()),
        "## Method",
        method,
    ]
    if not met:
        heading, kept = previous.partition(f"\n{WHY}\n")[1:]
        parts += [WHY, kept.strip() if heading else PLACEHOLDER]
    return "\n\n".join(parts) + "\n"


def grid(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first row its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
