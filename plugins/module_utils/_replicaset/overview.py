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


def overview(snapshot: Snapshot) -> dict[str, Any]:
    """The results of mongodb_replicaset_info for an initiated set."""
    config, states = snapshot.config, snapshot.states()
    unhealthy = snapshot.unhealthy()
    newest = _reference(states)
    members = config.by_key()
    return {
        "initiated": True,
        "name": config.name,
        "primary": members[snapshot.primary].host if snapshot.primary in members else None,
        "majority": _majority(config, unhealthy),
        "members": [_member(member, states.get(key, {}), newest) for key, member in members.items()],
        "zones": _zones(config, unhealthy),
        "config_version": config.version,
        "term": int(snapshot.status["term"]),
        "default_write_concern": dict(snapshot.concerns.get("defaultWriteConcern") or {}),
    }


def _majority(config: Config, unhealthy: set[str]) -> bool:
    healthy = [member for member in config.voters if member.key not in unhealthy]
    return len(healthy) * 2 > len(config.voters)


def _zones(config: Config, unhealthy: set[str]) -> dict[str, dict[str, Any]]:
    """Zone -> votes, and whether its loss now, on top of what is already missing, would leave a majority."""
    votes = Counter(member.tags["zone"] for member in config.voters if "zone" in member.tags)
    return {
        zone: {"votes": votes[zone], "can_be_lost": _majority(config, unhealthy | _in_zone(config, zone))}
        for zone in sorted(votes)
    }


def _in_zone(config: Config, zone: str) -> set[str]:
    return {member.key for member in config.members if member.tags.get("zone") == zone}


def _reference(states: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    """The primary's last operation, or where there is no primary, the newest of all."""
    dates = {state["stateStr"]: state["optimeDate"] for state in states.values() if "optimeDate" in state and state["health"]}
    return dates.get(PRIMARY) or max((state["optimeDate"] for state in states.values() if "optimeDate" in state), default=None)


def _member(member: Member, state: Mapping[str, Any], newest: datetime | None) -> dict[str, Any]:
    healthy = bool(state.get("health"))
    return {
        "host": member.host,
        "state": state.get("stateStr", "UNKNOWN"),
        "health": healthy,
        "message": str(state.get("lastHeartbeatMessage") or state.get("infoMessage") or ""),
        "unreachable_since": None if healthy else _moment(state.get("lastHeartbeatRecv")),
        "lag_secs": _lag(state, newest) if healthy else None,
        "votes": member.votes,
        "priority": member.priority,
        "hidden": member.hidden,
        "arbiter_only": member.arbiter,
        "secondary_delay_secs": member.delay,
        "tags": dict(member.tags),
        "zone": member.tags.get("zone", ""),
    }


def _lag(state: Mapping[str, Any], newest: datetime | None) -> int | None:
    if newest is None or "optimeDate" not in state:
        return None
    return max(0, int((newest - state["optimeDate"]).total_seconds()))


def _moment(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC; None for a member that never spoke, for which the server says 1970."""
    if moment is None or moment.timestamp() <= 0:
        return None
    return moments.text(moment)
