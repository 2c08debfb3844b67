# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of a replica set: as the server stores it, as it is declared, and what differs. Pure.

Field names of the server: manual, "Replica Set Configuration".

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, key_of

# The tag in which a member that waits for its vote carries what it is owed, so that an interrupted run can go on.
PENDING_TAG = "stronghold_pending"
_PENDING = re.compile(r"votes=(\d+) priority=([\d.e+]+)")
_LAST_SHORT_ID = 255
DELAY = "secondaryDelaySecs"
DELAY_BEFORE_5_0 = "slaveDelay"
_KNOWN_FIELDS = ("_id", "host", "votes", "priority", "hidden", "tags", "arbiterOnly", DELAY, DELAY_BEFORE_5_0)
# What a server assumes for settings that were never given.
SETTINGS_DEFAULTS: dict[str, Any] = {
    "chainingAllowed": True,
    "heartbeatIntervalMillis": 2000,
    "heartbeatTimeoutSecs": 10,
    "electionTimeoutMillis": 10000,
    "catchUpTimeoutMillis": -1,
    "catchUpTakeoverDelayMillis": 30000,
    "getLastErrorModes": {},
}


@dataclass(frozen=True)
class Member:
    """One member; ``delay`` is in seconds, ``pending`` the (votes, priority) it will get once it is a secondary.

    ``extra`` holds fields that the collection does not manage, such as buildIndexes; they are kept.
    """

    id: int
    host: str
    votes: int = 1
    priority: float = 1
    hidden: bool = False
    delay: int = 0
    arbiter: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    pending: tuple[int, float] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        return key_of(self.host)

    @property
    def electable(self) -> bool:
        return bool(self.votes) and self.priority > 0 and not self.arbiter

    @property
    def passive(self) -> bool:
        """Whether the server accepts no priority but 0 (MemberConfig::validate)."""
        return self.arbiter or self.hidden or self.delay > 0 or not self.votes


@dataclass(frozen=True)
class Config:
    """A replica set's configuration; ``version`` and ``extra`` (protocolVersion, ...) are kept, not compared."""

    name: str
    members: tuple[Member, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0
    delay_field: str = DELAY
    extra: Mapping[str, Any] = field(default_factory=dict)

    def by_key(self) -> dict[str, Member]:
        return {member.key: member for member in self.members}

    def by_id(self) -> dict[int, Member]:
        """A member keeps its ``_id`` for life, also where it gets another name."""
        return {member.id: member for member in self.members}

    @property
    def voters(self) -> list[Member]:
        return [member for member in self.members if member.votes]

    def same_as(self, other: Config) -> bool:
        """Whether members (in any order) and settings agree."""
        return self.by_key() == other.by_key() and dict(self.settings) == dict(other.settings)


@dataclass(frozen=True)
class Wanted:
    """A declared member: its address, its zone (None: not said), and the fields of ``Member`` that were declared."""

    address: Address
    zone: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def from_server(document: Mapping[str, Any]) -> Config:
    """Read the ``config`` of replSetGetConfig."""
    members = [_member_from_server(member) for member in document["members"]]
    older = any(DELAY_BEFORE_5_0 in member for member in document["members"])
    return Config(
        name=document["_id"],
        members=tuple(members),
        settings=dict(document.get("settings") or {}),
        version=int(document["version"]),
        delay_field=DELAY_BEFORE_5_0 if older else DELAY,
        extra={key: value for key, value in document.items() if key not in ("_id", "members", "settings", "version", "term")},
    )


def to_server(config: Config, version: int) -> dict[str, Any]:
    """The document for replSetInitiate and replSetReconfig; the server sets the term itself."""
    return {
        "_id": config.name,
        "version": version,
        **config.extra,
        "members": [_member_to_server(member, config.delay_field) for member in config.members],
        "settings": dict(config.settings),
    }


def _member_from_server(document: Mapping[str, Any]) -> Member:
    tags = dict(document.get("tags") or {})
    owed = _PENDING.fullmatch(str(tags.pop(PENDING_TAG, "")))
    return Member(
        id=int(document["_id"]),
        host=document["host"],
        votes=int(document.get("votes", 1)),
        priority=0 if document.get("arbiterOnly") else _short(document.get("priority", 1)),
        hidden=bool(document.get("hidden", False)),
        delay=int(document.get(DELAY, document.get(DELAY_BEFORE_5_0, 0))),
        arbiter=bool(document.get("arbiterOnly", False)),
        tags=tags,
        pending=(int(owed[1]), _short(owed[2])) if owed else None,
        extra={key: value for key, value in document.items() if key not in _KNOWN_FIELDS},
    )


def _member_to_server(member: Member, delay_field: str) -> dict[str, Any]:
    tags = dict(member.tags)
    if member.pending:
        tags[PENDING_TAG] = f"votes={member.pending[0]} priority={member.pending[1]}"
    return {
        "_id": member.id,
        "host": member.host,
        **member.extra,
        "votes": member.votes,
        "priority": member.priority,
        "hidden": member.hidden,
        "tags": tags,
        "arbiterOnly": member.arbiter,
        **({delay_field: member.delay} if member.delay else {}),
    }


def declared(
    name: str,
    current: Config | None,
    wanted: Sequence[Wanted] | None,
    settings: Mapping[str, Any],
    renamed: Mapping[str, str] | None = None,
) -> Config:
    """The configuration that the declaration asks for: what it does not say stays, or is the server's default.

    ``wanted`` None keeps the members. Settings that are named replace the present ones, nested ones as a whole.
    ``renamed`` holds, by the key of a declared address, the key under which ``current`` knows the same member.
    """
    base = current or Config(name=name, members=())
    present = base.by_key()
    if wanted is None:
        members = [_owed(member) for member in base.members]
    else:
        used = [member.id for member in base.members]
        members = []
        for item in wanted:
            former = (renamed or {}).get(item.address.key)
            before = replace(present[former], host=str(item.address)) if former else present.get(item.address.key)
            if before is None:
                used.append(_next_id(used))
                before = Member(id=used[-1], host=str(item.address))
            members.append(_declared_member(_owed(before), item))
    kept = dict(base.settings)
    changed = {key: value for key, value in settings.items() if kept.get(key, SETTINGS_DEFAULTS.get(key)) != value}
    return replace(base, members=tuple(members), settings={**kept, **changed})


def _owed(member: Member) -> Member:
    """The member as it will be once it has got its vote."""
    if member.pending is None:
        return member
    return replace(member, votes=member.pending[0], priority=member.pending[1], pending=None)


def _declared_member(before: Member, item: Wanted) -> Member:
    member = replace(before, **item.fields)
    if member.passive and "priority" not in item.fields:
        member = replace(member, priority=0)
    if item.zone is not None and not member.arbiter:  # the server accepts no tags on an arbiter
        tags = {key: value for key, value in member.tags.items() if key != "zone"}
        member = replace(member, tags={**tags, "zone": item.zone} if item.zone else tags)
    return member


def _next_id(used: Sequence[int]) -> int:
    following = max(used, default=-1) + 1
    if following <= _LAST_SHORT_ID:
        return following
    return next(number for number in range(_LAST_SHORT_ID + 1) if number not in used)


def renames(before: Config, after: Config) -> dict[str, str]:
    """Former key -> key of every member that has another name afterwards."""
    known = before.by_id()
    pairs = ((known[member.id].key, member.key) for member in after.members if member.id in known)
    return {former: key for former, key in pairs if former != key}


def zones_of(config: Config, wanted: Sequence[Wanted] | None) -> dict[str, str]:
    """Zone by member key, empty where none is known; an arbiter's comes from the declaration alone."""
    said = {item.address.key: item.zone for item in wanted or () if item.zone}
    return {member.key: said.get(member.key) or member.tags.get("zone", "") for member in config.members}


def differences(before: Config, after: Config) -> list[str]:
    """Sentences without final stop that tell what leads from one configuration to the other."""
    old, new = before.by_id(), after.by_id()
    texts = [f"remove {member.host}" for number, member in old.items() if number not in new]
    for number, member in new.items():
        texts += _added(member) if number not in old else _changed(old[number], member)
    for name in sorted({*before.settings, *after.settings}):
        value = after.settings.get(name)
        if before.settings.get(name) != value:
            texts.append(f"set {name} to {value}")
    return texts


def _added(member: Member) -> list[str]:
    kind = "as arbiter" if member.arbiter else "with a vote" if member.votes else "without a vote"
    return [f"add {member.host} {kind}"]


def _changed(old: Member, new: Member) -> list[str]:
    texts = [f"rename {old.host} to {new.host}"] if old.key != new.key else []
    if old.votes != new.votes:
        texts.append(f"give {new.host} its vote" if new.votes else f"take the vote of {new.host}")
    for name, label in (("priority", "priority"), ("hidden", "hidden"), ("delay", DELAY), ("tags", "tags")):
        value = getattr(new, name)
        if getattr(old, name) != value:
            texts.append(f"set {label} of {new.host} to {value}")
    return texts


def view(config: Config | None) -> dict[str, Any]:
    """What ``--diff`` shows of a configuration."""
    if config is None:
        return {}
    return {
        "members": {
            member.host: {
                "votes": member.votes,
                "priority": member.priority,
                "hidden": member.hidden,
                "secondary_delay_secs": member.delay,
                "arbiter_only": member.arbiter,
                "tags": dict(member.tags),
            }
            for member in config.members
        },
        "settings": {name: value for name, value in config.settings.items() if name in SETTINGS_DEFAULTS},
    }


def _short(number: Any) -> float:
    """A number without a needless ``.0``, since priorities are mostly whole."""
    value = float(number)
    return int(value) if value.is_integer() else value
