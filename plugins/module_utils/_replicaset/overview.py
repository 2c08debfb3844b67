# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator asks of a set at night: who leads, who lags, who is missing since when, what another loss would do. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, Member
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import PRIMARY, Snapshot

NOT_INITIATED: dict[str, Any] = {
    "initiated": False,
    "name": None,
    "primary": None,
    "majority": False,
    "members": [],
    "zones": {},
    "config_version": None,
    "term": None,
    "default_write_concern": {},
}


def behind(snapshot: Snapshot) -> list[Address]:
    """Those that seem to lag, after the one that they are compared with; nobody where nobody seems to.

    One member knows of the others what they said up to two seconds ago, and an idle set writes nothing for ten: who has not told
    yet of the newest write seems to be ten seconds behind. They are to be asked themselves, at once.
    """
    states = _healthy(snapshot)
    leader = _reference(states)
    late = [key for key, state in states.items() if leader and state["optimeDate"] < states[leader]["optimeDate"]]
    return [parse_address(snapshot.config.by_key()[key].host) for key in ([leader, *late] if leader and late else [])]


def overview(snapshot: Snapshot, told: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The results of mongodb_replicaset_info for an initiated set; ``told`` has what those ``behind`` answer to hello, by key."""
    config, states = snapshot.config, snapshot.states()
    unhealthy = snapshot.unhealthy()
    lags = _lags(snapshot, told or {})
    members = config.by_key()
    return {
        "initiated": True,
        "name": config.name,
        "primary": members[snapshot.primary].host if snapshot.primary in members else None,
        "majority": _majority(config, unhealthy),
        "members": [_member(member, states.get(key, {}), lags.get(key)) for key, member in members.items()],
        "zones": _zones(config, unhealthy),
        "config_version": config.version,
        "term": int(snapshot.status["term"]),
        "default_write_concern": dict(snapshot.concerns.get("defaultWriteConcern") or {}),
    }


def _majority(config: Config, unhealthy: set[str]) -> bool:
    healthy = [member for member in config.voters if member.key not in unhealthy]
    return len(healthy) * 2 > len(config.voters)


def _zones(config: Config, unhealthy: set[str]) -> dict[str, dict[str, Any]]:
    """Zone -> votes, and whether its loss now, on top of what is already missing, would leave a majority.

    A zone of which nothing is left is lost already.
    """
    votes = Counter(member.tags["zone"] for member in config.voters if "zone" in member.tags)
    return {
        zone: {
            "votes": votes[zone],
            "can_be_lost": not _in_zone(config, zone) <= unhealthy and _majority(config, unhealthy | _in_zone(config, zone)),
        }
        for zone in sorted(votes)
    }


def _in_zone(config: Config, zone: str) -> set[str]:
    return {member.key for member in config.members if member.tags.get("zone") == zone}


def _healthy(snapshot: Snapshot) -> dict[str, Mapping[str, Any]]:
    """Those that hold data and can be reached."""
    known = snapshot.config.by_key()
    return {key: state for key, state in snapshot.states().items() if key in known and state["health"] and "optimeDate" in state}


def _reference(states: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The primary, or where there is none, who has the newest operation."""
    leaders = [key for key, state in states.items() if state["stateStr"] == PRIMARY]
    return leaders[0] if leaders else max(states, key=lambda key: states[key]["optimeDate"], default=None)


def _lags(snapshot: Snapshot, told: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Seconds by key: of those that told of their last write by this, of the others by what the set knows of them."""
    states = _healthy(snapshot)
    leader = _reference(states)
    if leader is None:
        return {}
    written = {key: (told.get(key) or {}).get("lastWrite", {}).get("lastWriteDate") for key in states}
    lags = {}
    for key, state in states.items():
        if written[leader] and written[key]:
            late = written[leader] - written[key]
        else:
            late = states[leader]["optimeDate"] - state["optimeDate"]
        lags[key] = max(0, int(late.total_seconds()))
    return lags


def _member(member: Member, state: Mapping[str, Any], lag: int | None) -> dict[str, Any]:
    healthy = bool(state.get("health"))
    return {
        "host": member.host,
        "state": state.get("stateStr", "UNKNOWN"),
        "health": healthy,
        "message": str(state.get("lastHeartbeatMessage") or state.get("infoMessage") or ""),
        "unreachable_since": None if healthy else _moment(state.get("lastHeartbeatRecv")),
        "lag_secs": lag,
        "votes": member.votes,
        "priority": member.priority,
        "hidden": member.hidden,
        "arbiter_only": member.arbiter,
        "secondary_delay_secs": member.delay,
        "tags": dict(member.tags),
        "zone": member.tags.get("zone", ""),
    }


def _moment(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC; None for a member that never spoke, for which the server says 1970."""
    if moment is None or moment.timestamp() <= 0:
        return None
    return moments.text(moment)
