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
    NEVER,
    UNSET,
    Ranges,
    Source,
    meeting,
    ranges,
    subtract,
)

DEFAULT_PORTS = (27017,)
SSH_PORT = 22


@dataclass(frozen=True)
class Declaration:
    """Sorted ports, and per group its entries, sorted and without repetition. No group means: loopback only.

    ``protected`` are addresses that must stay admitted. ``management`` are those that may reach the host by SSH at
    ``management_port``; where there are any, all else on the host is closed.
    """

    ports: tuple[int, ...] = DEFAULT_PORTS
    groups: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    protected: tuple[Source, ...] = ()
    management: tuple[Source, ...] = ()
    management_port: int = SSH_PORT

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
    """What one task asks for; None keeps what is in force; ``purge`` removes every group that is not named."""

    groups: Mapping[str, Wish]
    ports: tuple[int, ...] | None = None
    purge: bool = False
    protected: tuple[Source, ...] | None = None
    management: tuple[Source, ...] | None = None
    management_port: int | None = None


def revise(base: Declaration, request: Request, now: float = 0) -> Declaration:
    """``base`` as ``request`` wants it, without what has expired at ``now``, in seconds since 1970."""
    groups = {} if request.purge else dict(base.groups)
    for name, wish in request.groups.items():
        held = base.groups.get(name, ())
        if wish.state == "absent":
            groups.pop(name, None)
            if wish.sources is not None and name in base.groups:
                groups[name] = _without(held, wish.sources)
        elif wish.state == "exact" and wish.sources is not None:
            groups[name] = tuple(source._replace(expires=max(source.expires, NEVER)) for source in wish.sources)
        else:
            groups[name] = _joined(held, wish.sources or ())
    return Declaration(
        base.ports if request.ports is None else request.ports,
        {name: in_force(sources, now) for name, sources in sorted(groups.items())},
        base.protected if request.protected is None else request.protected,
        base.management if request.management is None else request.management,
        request.management_port or base.management_port,
    )


def in_force(sources: tuple[Source, ...], now: float) -> tuple[Source, ...]:
    """Without what has expired."""
    if any(NEVER < source.expires <= now for source in sources):
        return tuple(source for source in sources if not NEVER < source.expires <= now)
    return sources


def undeclared(target: Declaration, request: Request) -> dict[str, int]:
    """How many entries each named group holds besides those of the request; without groups that hold none.

    An entry that the request has without a comment is the same one with any comment.
    """
    counts = {}
    for name, wish in request.groups.items():
        declared = {source[:4] for source in wish.sources or ()}
        counts[name] = sum(held[:4] not in declared and (*held[:3], "") not in declared for held in target.groups.get(name, ()))
    return {name: count for name, count in counts.items() if count}


def tidy(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Sorted and each once; an entry without comment gives way to the same entry with one."""
    unique = tuple(dict.fromkeys(sorted(sources)))
    commented = {(*source[:3], source.expires) for source in unique if source.comment}
    if not commented:
        return unique
    return tuple(source for source in unique if source.comment or (*source[:3], source.expires) not in commented)


def of_ranges(admitted: Ranges) -> tuple[Source, ...]:
    """Entries for what a group admits when only that is known."""
    return tuple(Source(version, first, last) for version in (4, 6) for first, last in admitted[version])


def _joined(held: tuple[Source, ...], wished: tuple[Source, ...]) -> tuple[Source, ...]:
    """What is held and what is wished for beside it. The same addresses with the same comment, or with any where none is wished
    for, are the same entry: it gets another end where one is wished for.
    """
    if not wished:
        return held
    asked = {source[:3] for source in wished}
    same: dict[tuple[int, int, int], list[Source]] = {}
    for source in held:
        if source[:3] in asked:
            same.setdefault(source[:3], []).append(source)
    replaced: set[Source] = set()
    added: list[Source] = []
    for wish in wished:
        twins = [twin for twin in same.get(wish[:3], ()) if twin.comment == wish.comment or not (twin.comment and wish.comment)]
        for twin in twins or [wish]:
            end = twin.expires if wish.expires == UNSET else wish.expires
            added.append(wish._replace(comment=wish.comment or twin.comment, expires=max(end, NEVER)))
        replaced.update(twins)
    return tidy((*(source for source in held if source not in replaced), *added))


def _without(sources: Iterable[Source], removed: Iterable[Source]) -> tuple[Source, ...]:
    cuts = ranges(removed)
    return tidy(
        Source(version, *piece, comment, expires)
        for version, first, last, comment, expires in sources
        for piece in subtract([(first, last)], meeting(cuts[version], (first, last)))
    )


def difference(before: Ranges, after: Ranges) -> tuple[Ranges, Ranges]:
    """What is removed and what is added on the way from ``before`` to ``after``."""
    if before == after:
        return {4: [], 6: []}, {4: [], 6: []}
    removed = {version: subtract(before[version], after[version]) for version in (4, 6)}
    added = {version: subtract(after[version], before[version]) for version in (4, 6)}
    return removed, added
