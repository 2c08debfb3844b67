# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the sources in an inventory to the groups of the packet filter, and to the lists that MongoDB itself takes. Pure.

An entry is an address, a network or a range, or a dictionary with ``source``, ``comment``, ``expires`` and ``group``.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Union

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import BITS, Interval, merge, parse, text
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.names import name_of

CLIENTS = "clients"
RESERVED = ("members", "backup")  # they follow from the hosts of the inventory

Entry = Union[str, Mapping[str, Any]]


def group_of(entry: Entry) -> str:
    """The group that an entry names, or that of clients. Raises ValueError."""
    return name_of(entry.get("group", CLIENTS), f"the group of {entry!r}") if isinstance(entry, Mapping) else CLIENTS


def groups(entries: Iterable[Entry], hosts: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The groups option of mongodb_allowlist. ``hosts``: group -> name -> address, for groups that follow from hosts.

    The group of clients is there in any case. Raises ValueError for an entry in a group of hosts of the cluster.
    """
    found: dict[str, list[Any]] = {
        group: [{"source": address, "comment": name} for name, address in named.items()] for group, named in hosts.items()
    }
    found.setdefault(CLIENTS, [])
    for entry in entries:
        group = group_of(entry)
        if group in RESERVED:
            raise ValueError(f"the group {group} follows from the hosts of the inventory; give {entry!r} another one")
        shown = {key: value for key, value in entry.items() if key != "group"} if isinstance(entry, Mapping) else entry
        found.setdefault(group, []).append(shown)
    return [{"name": name, "sources": sources} for name, sources in found.items()]


def networks(entries: Iterable[Entry], group: str, now: float | None = None) -> list[str]:
    """The entries of a group as addresses and networks, sorted: what MongoDB takes knows no ranges and no end.

    What has expired is left out. Raises ValueError for an entry that is none.
    """
    now = time.time() if now is None else now
    admitted: dict[int, list[Interval]] = {4: [], 6: []}
    for entry in entries:
        if group_of(entry) == group:
            fields = entry if isinstance(entry, Mapping) else {"source": entry}
            if fields.get("expires") in (None, "") or moments.parse(str(fields["expires"])).timestamp() > now:
                source = parse(str(fields["source"]))
                admitted[source.version].append((source.first, source.last))
    return [
        text(version, *network)
        for version, intervals in admitted.items()
        for interval in merge(intervals)
        for network in split(version, *interval)
    ]


def split(version: int, first: int, last: int) -> Iterable[Interval]:
    """An interval as the fewest networks, each as its first and last address."""
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else BITS[version]
        bits = min(aligned, (last - first + 1).bit_length() - 1)
        yield first, first + (1 << bits) - 1
        first += 1 << bits
