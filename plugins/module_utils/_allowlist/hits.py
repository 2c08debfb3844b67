# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules count: who was let in by which group, and who knocked in vain. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import KNOCKING, REMEMBERED
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments

Counts = dict[str, int]


def hits(table: Mapping[str, Any]) -> tuple[dict[str, Counts], Counts]:
    """Per group what it let in since its rules were loaded, and what was dropped, as {packets, bytes}.

    ``table`` is what ``nft --json list table`` tells.
    """
    admitted: dict[str, Counts] = {}
    dropped: Counts = {"packets": 0, "bytes": 0}
    for item in table["nftables"]:
        rule = item.get("rule", {})
        expressions = rule.get("expr", ())
        counter = next((one["counter"] for one in expressions if one.get("counter")), None)
        if counter is None:
            continue
        if rule["chain"] == "refuse":
            _add(dropped, counter)
        elif rule["chain"] == "count":
            right = str(expressions[0].get("match", {}).get("right", ""))
            _add(admitted.setdefault(right.lstrip("@")[:-2], {"packets": 0, "bytes": 0}), counter)
    return admitted, dropped


def knocking(table: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
    """Who was turned away within the last day, the latest first: {source, packets, bytes, last_seen}."""
    found = []
    for item in table["nftables"]:
        body = item.get("set", {})
        if body.get("name") in KNOCKING.values():
            found += [_knock(element["elem"], now) for element in body.get("elem", ())]
    return sorted(found, key=lambda one: str(one["last_seen"]), reverse=True)


def _knock(element: Mapping[str, Any], now: float) -> dict[str, Any]:
    """An element lives for REMEMBERED seconds from the last packet on."""
    counter = element.get("counter") or {}
    seen = now - (REMEMBERED - int(element.get("expires", REMEMBERED)))
    return {
        "source": element["val"],
        "packets": counter.get("packets", 0),
        "bytes": counter.get("bytes", 0),
        "last_seen": moments.text(int(seen)),
    }


def _add(counts: Counts, more: Mapping[str, int]) -> None:
    for name in counts:
        counts[name] += more[name]


def entries(sources: Iterable[Any]) -> list[dict[str, Any]]:
    """The entries of a group for a result."""
    return [
        {
            "source": str(source),
            "comment": source.comment,
            "expires": moments.text(source.expires) if source.expires > 0 else None,
        }
        for source in sources
    ]
