# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared: the ports and the groups of sources that may reach them.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import (
    Ranges,
    Source,
    meeting,
    ranges,
    subtract,
)

DEFAULT_PORTS = (27017,)


@dataclass(frozen=True)
class Declaration:
    """Sorted ports, and per group its entries, sorted and without repetition. No group means: loopback only."""

    ports: tuple[int, ...] = DEFAULT_PORTS
    groups: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)

    def ranges(self) -> dict[str, Ranges]:
        """What each group admits."""
        return {name: ranges(sources) for name, sources in self.groups.items()}


@dataclass(frozen=True)
class Wish:
    """What one task asks of a group: its entries, or None where none are given; ``state`` is present, absent or exact."""

    sources: tuple[Source, ...] | None = None
    state: str = "present"


@dataclass(frozen=True)
class Request:
    """What one task asks for; ``ports`` None keeps those in force; ``purge`` removes every group that is not named."""

    groups: Mapping[str, Wish]
    ports: tuple[int, ...] | None = None
    purge: bool = False


def revise(base: Declaration, request: Request) -> Declaration:
    """``base`` as ``request`` wants it."""
    groups = {} if request.purge else dict(base.groups)
    for name, wish in request.groups.items():
        held = base.groups.get(name, ())
        if wish.state == "absent":
            groups.pop(name, None)
            if wish.sources is not None and name in base.groups:
                groups[name] = _without(held, wish.sources)
        elif wish.state == "exact" and wish.sources is not None:
            groups[name] = wish.sources
        else:
            groups[name] = tidy((*held, *(wish.sources or ())))
    return Declaration(base.ports if request.ports is None else request.ports, dict(sorted(groups.items())))


def undeclared(target: Declaration, request: Request) -> dict[str, int]:
    """How many entries each named group holds besides those of the request; without groups that hold none.

    An entry that the request has without a comment is the same one with any comment.
    """
    counts = {}
    for name, wish in request.groups.items():
        declared = set(wish.sources or ())
        counts[name] = sum(not declared & {held, held._replace(comment="")} for held in target.groups.get(name, ()))
    return {name: count for name, count in counts.items() if count}


def tidy(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Sorted and each once; an entry without comment gives way to the same entry with one."""
    unique = set(sources)
    commented = {source[:3] for source in unique if source.comment}
    return tuple(sorted(source for source in unique if source.comment or source[:3] not in commented))


def of_ranges(admitted: Ranges) -> tuple[Source, ...]:
    """Entries for what a group admits when only that is known."""
    return tuple(Source(version, first, last) for version in (4, 6) for first, last in admitted[version])


def _without(sources: Iterable[Source], removed: Iterable[Source]) -> tuple[Source, ...]:
    cuts = ranges(removed)
    return tidy(
        Source(version, *piece, comment)
        for version, first, last, comment in sources
        for piece in subtract([(first, last)], meeting(cuts[version], (first, last)))
    )


def difference(before: Ranges, after: Ranges) -> tuple[Ranges, Ranges]:
    """What is removed and what is added on the way from ``before`` to ``after``."""
    removed = {version: subtract(before[version], after[version]) for version in (4, 6)}
    added = {version: subtract(after[version], before[version]) for version in (4, 6)}
    return removed, added
