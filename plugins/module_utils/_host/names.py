# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster's own block in /etc/hosts. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

BEGIN, END = "# BEGIN stronghold.mongodb", "# END stronghold.mongodb"


def names(peers: Collection[Mapping[str, str]], text: str) -> dict[str, Any]:
    """What the block holds for ``peers`` (name, address), where the whole file now is ``text``.

    Returns declared (lines for the peers), kept (the same, and the lines of names that are in the file and no longer
    declared), former (those names), held (the lines that are there), aliases (name of a peer -> former names of its
    address: it was renamed) and renamed (the lines of declared, and those of the aliases). A member that is to leave, or that
    was renamed, must stay known until the set has let it go.
    """
    declared = {peer["name"]: f"{peer['address']} {peer['name']}" for peer in peers if peer["name"] != peer["address"]}
    held = {line.split()[-1]: line for line in _block(text) if line.strip()}
    former = [name for name in held if name not in declared]
    addresses = {name: held[name].split()[0] for name in former}
    aliases = {
        peer["name"]: [name for name, address in addresses.items() if address == peer["address"]]
        for peer in peers
        if peer["address"] in addresses.values()
    }
    return {
        "declared": list(declared.values()),
        "kept": [*declared.values(), *(held[name] for name in former)],
        "former": former,
        "held": list(held.values()),
        "aliases": aliases,
        "renamed": [*declared.values(), *(held[name] for names in aliases.values() for name in names)],
    }


def _block(text: str) -> list[str]:
    lines = text.splitlines()
    if BEGIN not in lines or END not in lines:
        return []
    return lines[lines.index(BEGIN) + 1 : lines.index(END)]
