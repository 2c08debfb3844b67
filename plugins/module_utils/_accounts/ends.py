# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ends that a host knows of, whatever accounts say of themselves later. Pure.

An end stands in the account (``grants``), where some can write who should not. So each host keeps to the one that it saw first.
A later one counts only from an account that could not have written it, neither when it was last seen nor now; a sooner one
always counts. Accounts are known by their ``userId``, which only dropping and making anew changes: who may do that needs no end
lifted.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import Grant
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments


@dataclass(frozen=True)
class Sight:
    """An account as it is now. ``id`` is its own and no successor's, ``able`` whether it could write its own end."""

    id: str
    key: Key
    grant: Grant | None
    able: bool


@dataclass(frozen=True)
class End:
    """What counts for an account (``grant``), what it was seen to say (``seen``), and whether it was ``able`` to write that."""

    id: str
    key: Key
    grant: Grant
    seen: Grant | None
    able: bool

    @property
    def until(self) -> datetime:
        return min(grant.valid_until for grant in (self.grant, self.seen) if grant)

    @property
    def denied(self) -> bool:
        """Whether the account itself speaks of a later end, or of none."""
        return self.seen is None or self.seen.valid_until > self.grant.valid_until

    def told(self) -> str:
        """One line for the journal, when it was removed, whatever people wrote into the grant."""
        until = moments.in_utc(self.until).isoformat(timespec="seconds")
        return printable(f"removed {self.key}, valid until {until}, granted by {self.grant.granted_by} ({self.grant.reason})")


def follow(known: Mapping[str, End], sights: Iterable[Sight]) -> tuple[dict[str, End], list[str]]:
    """What is known once accounts were looked at again, and a line for each change that does not count.

    ``sights`` are all that have an end or are ``known``; who is not among them exists no more.
    """
    found: dict[str, End] = {}
    lines = []
    for sight in sights:
        former = known.get(sight.id)
        changed = former is None or sight.grant != former.seen
        counts = changed and not (former and (former.able or sight.able))
        if counts or former is None:
            if sight.grant:
                found[sight.id] = End(sight.id, sight.key, sight.grant, sight.grant, sight.able)
            continue
        end = found[sight.id] = End(sight.id, sight.key, former.grant, sight.grant, sight.able)
        if changed and end.denied:
            lines.append(_denial(end))
    return found, lines


def _denial(end: End) -> str:
    says = moments.text(end.seen.valid_until) if end.seen else "never"
    return printable(
        f"kept to the end of {end.key}, {moments.text(end.grant.valid_until)}: it now says {says}, which it may have written "
        "itself; whoever is to stay longer is dropped and made anew, without what may change accounts"
    )


def printable(line: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in line)


def dumps(ends: Mapping[str, End]) -> bytes:
    """As it is kept in a file."""
    entries = {
        end.id: {"user": end.key.name, "db": end.key.database, "able": end.able, "grant": _out(end.grant), "seen": _out(end.seen)}
        for end in ends.values()
    }
    return (json.dumps(entries, indent=1, sort_keys=True) + "\n").encode()


def loads(data: bytes) -> dict[str, End]:
    """Of ``dumps``. Raises ValueError for anything else."""
    try:
        entries = json.loads(data)
        return {
            id_: End(id_, Key.of(entry, "user"), _grant(entry["grant"]), entry["seen"] and _grant(entry["seen"]), entry["able"])
            for id_, entry in entries.items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is no record of ends ({error})") from error


def _out(grant: Grant | None) -> dict[str, Any] | None:
    if grant is None:
        return None
    times = ("valid_until", "granted_at")
    return {name: moments.text(value, "milliseconds") if name in times else value for name, value in asdict(grant).items()}


def _grant(entry: Mapping[str, Any]) -> Grant:
    until, at = (moments.parse(entry[name]) for name in ("valid_until", "granted_at"))
    return Grant(until, entry["granted_by"], entry["reason"], at)
