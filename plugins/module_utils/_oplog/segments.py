# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a piece of an archived oplog, and of a piece that is not there. Pure; it needs no PyMongo.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import unfit

SHA256 = re.compile(r"[0-9a-f]{64}")

Timestamp = tuple[int, int]  # seconds since 1970, and the number within that second


class Position(NamedTuple):
    """Where an entry stands: its ``ts``, in seconds since 1970 and the number within that second, and the term of its primary."""

    time: int
    inc: int
    term: int

    @property
    def at(self) -> Timestamp:
        return self.time, self.inc


class Link(NamedTuple):
    """One entry that others follow. ``hash`` is the SHA-256, in hex, of its BSON."""

    position: Position
    hash: str


class Why(Enum):
    """What is wrong at a gap. The value completes "where ..."."""

    MISSING = "entries are missing"
    TERM = "what follows belongs to another term"
    HASH = "what follows continues another entry"
    CONTENT = "segments contradict each other"
    ROLLOVER = "the oplog no longer held what follows"


@dataclass(frozen=True)
class Segment:
    """A file of consecutive entries, each as its BSON, the way ``mongorestore --oplogFile`` reads them.

    ``previous`` is the entry that its first one follows, None where a chain begins. ``size`` is in bytes, ``sha256`` that of
    the whole file in hex, ``wall`` the milliseconds since 1970 at which the last entry was written. ``source`` is the address
    of the member that was read, and ``rollback_id`` the one that it had. They say where the entries are from and decide nothing:
    each member has ids of its own, and a server that was killed starts with another one although it rolled nothing back.
    """

    first: Position
    last: Position
    previous: Link | None
    last_hash: str
    entries: int
    size: int
    sha256: str
    source: str
    rollback_id: int
    wall: int

    @property
    def end(self) -> Link:
        return Link(self.last, self.last_hash)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: positions as three numbers, ``previous`` as ``position`` and ``hash``."""
        return {
            **vars(self),
            "first": list(self.first),
            "last": list(self.last),
            "previous": link_to_json(self.previous),
        }

    @classmethod
    def from_json(cls, found: Any) -> Segment:
        """What ``to_json`` made. Raises ValueError for anything that cannot be a segment."""
        reasons = unfit(cls, found, "the segment")
        if reasons:
            raise ValueError("; ".join(reasons))
        made = cls(
            **{
                **{name: read(found[name], name) for name, read in _READ.items()},
                **{name: whole(found[name], name) for name in ("rollback_id", "wall")},
            }
        )
        if made.first > made.last or (made.previous and made.previous.position.at >= made.first.at):
            raise ValueError("the segment's entries are not in the order of time")
        if (made.entries == 1) != (made.first == made.last):
            raise ValueError("the segment's number of entries is not that of its first and last")
        return made


@dataclass(frozen=True)
class Gap:
    """Entries that no archived segment holds, or that cannot be relied upon.

    ``after`` is the last good entry before it and ``before`` the first one behind it, None where there is none (yet).
    ``disputed`` are segments that contradict each other, of which none is used.
    """

    after: Link | None
    before: Position | None
    why: Why
    disputed: tuple[Segment, ...] = ()

    def __str__(self) -> str:
        since = f"after {spelled(self.after.position.at)}" if self.after else "at its beginning"
        until = f" and before {spelled(self.before.at)}" if self.before else ""
        return f"{since}{until}, where {self.why.value}"

    def to_json(self) -> dict[str, Any]:
        return {
            "after": link_to_json(self.after),
            "before": list(self.before) if self.before else None,
            "why": self.why.name.lower(),
            "disputed": [segment.to_json() for segment in self.disputed],
        }

    @classmethod
    def from_json(cls, found: Any) -> Gap:
        """What ``to_json`` made. Raises ValueError for anything that cannot be a gap."""
        reasons = unfit(cls, found, "the gap")
        if reasons:
            raise ValueError("; ".join(reasons))
        why, disputed = found["why"], found.get("disputed", [])
        if not isinstance(why, str) or why.upper() not in Why.__members__:
            raise ValueError("why is none of those known")
        if not isinstance(disputed, list) or not all(isinstance(segment, Mapping) for segment in disputed):
            raise ValueError("disputed is not a list of segments")
        return cls(
            link_from_json(found["after"], "after"),
            None if found["before"] is None else position(found["before"], "before"),
            Why[why.upper()],
            tuple(Segment.from_json(segment) for segment in disputed),
        )


def spelled(timestamp: Timestamp) -> str:
    """For a sentence: the time in UTC, and the exact timestamp."""
    return f"{moments.text(timestamp[0])} ({timestamp[0]}, {timestamp[1]})"


def link_to_json(link: Link | None) -> dict[str, Any] | None:
    return {"position": list(link.position), "hash": link.hash} if link else None


def link_from_json(found: Any, name: str) -> Link | None:
    """What ``link_to_json`` made. Raises ValueError."""
    if found is None:
        return None
    if not isinstance(found, Mapping) or set(found) != {"position", "hash"}:
        raise ValueError(f"{name} is neither null nor an object of position and hash")
    return Link(position(found["position"], name), digest(found["hash"], name))


def position(found: Any, name: str) -> Position:
    """From three numbers. Raises ValueError."""
    if not isinstance(found, list) or len(found) != len(Position._fields):
        raise ValueError(f"{name} is not a position of time, inc and term")
    time, inc, term = found
    return Position(_least(time, name, 0), _least(inc, name, 0), whole(term, name))


def digest(found: Any, name: str) -> str:
    """A SHA-256 in hex. Raises ValueError."""
    return _spelled_as(found, name, SHA256, "a SHA-256 in hex")


def whole(found: Any, name: str) -> int:
    """A whole number. Raises ValueError."""
    if not isinstance(found, int) or isinstance(found, bool):
        raise ValueError(f"{name} is not a whole number")  # noqa: TRY004 - as any other value that is none
    return found


def text(found: Any, name: str) -> str:
    """Text that is not empty. Raises ValueError."""
    return _spelled_as(found, name, re.compile(r".+"), "text")


def _spelled_as(found: Any, name: str, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(found, str) or not pattern.fullmatch(found):
        raise ValueError(f"{name} is not {what}")
    return found


def _least(found: Any, name: str, least: int) -> int:
    if whole(found, name) < least:
        raise ValueError(f"{name} is below {least}")
    return int(found)


_READ: Mapping[str, Callable[[Any, str], Any]] = {
    "first": position,
    "last": position,
    "previous": link_from_json,
    "last_hash": digest,
    "entries": lambda found, name: _least(found, name, 1),
    "size": lambda found, name: _least(found, name, 5),  # an empty document of BSON
    "sha256": digest,
    "source": text,
}
