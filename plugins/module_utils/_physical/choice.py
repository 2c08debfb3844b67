# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which member of a set gives its files to a backup, told by the state of the set alone, so that all members tell the same. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Union

from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, Member, from_server

LAG = timedelta(seconds=10)
"""A member that is further behind is not read, and does not count for those that have to go on without another one."""
_UP = (1, 2, 7)  # primary, secondary, arbiter
_PRIMARY, _SECONDARY = 1, 2


@dataclass(frozen=True)
class Chosen:
    """This member is the one."""


@dataclass(frozen=True)
class Elsewhere:
    """The member ``host`` is the one, or tells why there is none."""

    host: str


@dataclass(frozen=True)
class Refused:
    """No member is the one, and this member is to say so; ``reason`` is a clause."""

    reason: str


Choice = Union[Chosen, Elsewhere, Refused]


def choose(status: Mapping[str, Any], config: Mapping[str, Any], own: str) -> Choice:
    """Of the answers to replSetGetStatus and replSetGetConfig; ``own`` is the name of this member in them."""
    seen = _Set(status, from_server(config["config"]))
    reasons = {member.host: seen.hindrance(member) for member in seen.ranked}
    fit = next((host for host, reason in reasons.items() if not reason), None)
    if fit is not None:
        return Chosen() if fit == own else Elsewhere(fit)
    speaker = next((member.host for member in seen.ranked if seen.is_up(member)), own)
    if speaker != own:
        return Elsewhere(speaker)
    if len([member for member in seen.config.members if not member.arbiter]) == 1:
        return Refused("the set has one member with data, which has to go on (take logical backups, by 'stronghold backup')")
    return Refused("; ".join(f"{host}: {reason}" for host, reason in reasons.items()))


class _Set:
    def __init__(self, status: Mapping[str, Any], config: Config) -> None:
        self.config = config
        by_id = {state["_id"]: state for state in status["members"]}
        self._states = {member.id: by_id.get(member.id, {}) for member in config.members}
        self._wanted = int(status["writeMajorityCount"])
        known = [state for state in self._states.values() if state.get("health") and "optimeDate" in state]
        leading = [state["optimeDate"] for state in known if state["state"] == _PRIMARY]
        self._newest = max(leading or [state["optimeDate"] for state in known], default=None)

    @property
    def ranked(self) -> Sequence[Member]:
        """Members with data, first the one that is missed least; those that are behind on purpose and the primary come last."""

        def order(member: Member) -> tuple[bool, bool, bool, float, int]:
            leads = self._states[member.id].get("state") == _PRIMARY
            return leads, member.delay > 0, not member.hidden, member.priority, -member.id

        return sorted((member for member in self.config.members if not member.arbiter), key=order)

    def is_up(self, member: Member) -> bool:
        state = self._states[member.id]
        return bool(state.get("health")) and state.get("state") in _UP

    def hindrance(self, member: Member) -> str:
        """Why it is not read now, as a clause; empty where it can be."""
        return self._own_hindrance(member) or self._hindrance_of_others(member)

    def _own_hindrance(self, member: Member) -> str:
        if self._states[member.id].get("state") == _PRIMARY:
            return "it is the primary"
        if member.delay:
            return f"it is {member.delay} s behind on purpose"
        if not self.is_up(member) or self._states[member.id]["state"] != _SECONDARY:
            return "it is not healthy, or no secondary now"
        return "" if self._is_up_to_date(member) else f"it is more than {LAG.total_seconds():g} s behind"

    def _hindrance_of_others(self, member: Member) -> str:
        others = [one for one in self.config.voters if one.id != member.id and self._goes_on(one)]
        if len(others) * 2 <= len(self.config.voters):
            return "without it no majority of the votes would be left that is healthy and up to date"
        if sum(not one.arbiter for one in others) < self._wanted:
            return f"without it fewer than {self._wanted} members would take the writes that are to reach a majority"
        return ""

    def _goes_on(self, member: Member) -> bool:
        return self.is_up(member) and (member.arbiter or self._is_up_to_date(member))

    def _is_up_to_date(self, member: Member) -> bool:
        at = self._states[member.id].get("optimeDate")
        return at is not None and self._newest is not None and bool(self._newest - at <= LAG)
