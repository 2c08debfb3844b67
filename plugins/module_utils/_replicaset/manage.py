# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a declaration to a plan, and what is reported of a set.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset import rules
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import (
    Config,
    Member,
    declared,
    renames,
    view,
    zones_of,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.declaration import Declaration
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import (
    Peer,
    Sighting,
    ask_all,
    foreign,
    impostor,
    members_among,
    same_server,
    unusable,
    was_member,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import SERVING, ReplicaSet, Snapshot
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.steps import Step, steps


class Management:
    """One declaration against one set: reads, refuses, plans. Nothing is changed before the plan is applied."""

    def __init__(self, replica_set: ReplicaSet, login: Login, declaration: Declaration, *, check_mode: bool) -> None:
        self._set = replica_set
        self._login = login
        self._declaration = declaration
        self._check_mode = check_mode
        self.plan = Plan()
        self.snapshot: Snapshot | None = None
        self._target = Config(declaration.name, ())
        self._newcomers: dict[str, Peer] = {}

    def build(self) -> Plan:
        """The plan; raises StrongholdError for what is refused."""
        wanted = self._declaration.members
        self._refuse(rules.duplicates(wanted or ()))
        sighting = self._set.find()
        self._refuse(foreign(sighting.peers.values(), self._declaration.name))
        self.snapshot = self._set.snapshot()
        current = self.snapshot.config if self.snapshot else None
        if current is None and wanted is None:
            self._refuse(Refusal("it is not initiated and no members are declared", "declare members"))
        renamed = self._renamed(current) if current else {}
        self._target = declared(self._declaration.name, current, wanted, self._declaration.settings, renamed)
        self._refuse(*self._objections(current))
        if self.snapshot is None:
            self._plan_initiation(sighting)
            self._plan_write_concern({})
        else:
            self._plan_changes(self.snapshot)
        return self.plan

    def report(self, wait_for: str) -> dict[str, Any]:
        """The results primary, members and config_version, after waiting for what is asked for."""
        if self._check_mode or wait_for == "none":
            waits = False
        elif wait_for == "all":
            keys = set(self._target.by_key())
            waits = self.plan.changed or self.snapshot is None or bool(keys & self.snapshot.unhealthy())
            if waits:
                self._set.await_states(keys, SERVING)
        else:
            waits = self.plan.changed or not self._set.sighting.primary
            if waits:
                self._set.await_primary()
        if waits or (self.plan.changed and not self._check_mode):
            self.snapshot = self._set.snapshot()
        zones = zones_of(self._target, self._declaration.members)
        return summary(self.snapshot, zones)

    def _renamed(self, current: Config) -> dict[str, str]:
        """Key in the set, by the key of a declared address that leads to a member under another name.

        The servers say who they are.
        """
        wanted = self._declaration.members or ()
        known = current.by_key()
        self._newcomers = ask_all(self._login, [item.address for item in wanted if item.address.key not in known])
        self._refuse(foreign(self._newcomers.values(), self._declaration.name))
        formers = members_among(self._newcomers, known)
        asked = ask_all(self._login, [parse_address(known[key].host) for key in formers.values()])
        self._refuse(*(impostor(self._newcomers[key], asked[former]) for key, former in formers.items()))
        self._refuse(rules.aliases(wanted, {key: known[former].host for key, former in formers.items()}))
        return formers

    def _objections(self, current: Config | None) -> Iterable[Refusal | None]:
        if self._declaration.members is not None:
            zones = zones_of(self._target, self._declaration.members)
            yield from rules.shape(self._target, zones, self._declaration.allow)
        if current is not None:
            yield rules.kind_change(current, self._target)
            yield rules.room(current, self._target)
        if self._declaration.write_concern is not None:
            yield rules.default_write_concern(self._target, self._declaration.write_concern)

    def _plan_initiation(self, sighting: Sighting) -> None:
        keys = self._target.by_key()
        self._refuse(*(unusable(sighting.peers[key]) for key in keys))
        self._refuse(same_server([sighting.peers[key] for key in keys]))
        self.plan.add(
            f"initiate {self._target.name} with {', '.join(member.host for member in self._target.members)}",
            f"replica set {self._target.name}",
            view(None),
            view(self._target),
            partial(self._set.initiate, self._target),
        )

    def _plan_changes(self, snapshot: Snapshot) -> None:
        # A mode of its own must be defined before it can be the default; another default may have to give way to one.
        own_mode = (self._declaration.write_concern or {}).get("w") in self._target.settings.get("getLastErrorModes", {})
        if not own_mode:
            self._plan_write_concern(snapshot.concerns)
        if not self._target.same_as(snapshot.config):
            for step in self._steps(snapshot):
                self._plan_step(step)
        if own_mode:
            self._plan_write_concern(snapshot.concerns)

    def _steps(self, snapshot: Snapshot) -> list[Step]:
        current = snapshot.config
        unhealthy = snapshot.unhealthy() & {member.key for member in current.voters}
        self._refuse(rules.majority([current], unhealthy))
        self._refuse(*map(unusable, self._newcomers.values()), same_server(self._newcomers.values()))
        self._refuse(*(self._used_arbiter(member) for member in self._target.members if member.id not in current.by_id()))
        unhealthy |= {key for former, key in renames(current, self._target).items() if former in unhealthy}
        primary = snapshot.primary
        if not primary and not self._check_mode:
            primary = self._set.await_primary().name.key
        planned = steps(current, self._target, primary)
        self._refuse(rules.majority((step.after for step in planned), unhealthy))
        return planned

    def _used_arbiter(self, member: Member) -> Refusal | None:
        """A server that held the set's data aborts when it becomes an arbiter with it."""
        if not member.arbiter or not was_member(self._login, parse_address(member.host)):
            return None
        return Refusal(f"{member.host} is to be an arbiter and still holds the data of a set", "empty its data directory first")

    def _plan_step(self, step: Step) -> None:
        before: Any = view(step.before)
        after: Any = view(step.after)
        if step.steps_down:
            before, after = "primary", "secondary"
        subject = f"member {step.steps_down}" if step.steps_down else f"replica set {step.after.name}"
        self.plan.add(step.summary, subject, before, after, partial(self._set.carry_out, step))

    def _plan_write_concern(self, concerns: Mapping[str, Any]) -> None:
        wanted = self._declaration.write_concern
        if wanted is None:
            return
        present = concerns.get("defaultWriteConcern")
        explicit = concerns.get("defaultWriteConcernSource", "global") == "global"
        if present is not None and explicit and _whole(present) == _whole(wanted):
            return
        self.plan.add(
            f"set the default write concern to {_worded(wanted)}",
            "default write concern",
            _whole(present) if present is not None and explicit else None,
            _whole(wanted),
            partial(self._set.set_default_write_concern, wanted),
        )

    def _refuse(self, *objections: Refusal | None) -> None:
        for objection in objections:
            if objection is not None:
                raise StrongholdError(
                    self._login.where,
                    f"bring replica set {self._declaration.name} into the declared shape",
                    objection.reason,
                    objection.remedy,
                )


def summary(snapshot: Snapshot | None, zones: Mapping[str, str]) -> dict[str, Any]:
    """The results of the module: primary, members, config_version."""
    if snapshot is None:
        return {"primary": None, "members": [], "config_version": None}
    states = snapshot.states()
    members = snapshot.config.by_key()
    return {
        "primary": members[snapshot.primary].host if snapshot.primary else None,
        "config_version": snapshot.config.version,
        "members": [
            {
                "host": member.host,
                "state": states.get(key, {}).get("stateStr", "UNKNOWN"),
                "health": bool(states.get(key, {}).get("health")),
                "votes": member.votes,
                "priority": member.priority,
                "zone": zones.get(key) or member.tags.get("zone", ""),
            }
            for key, member in members.items()
        ],
    }


def _whole(concern: Mapping[str, Any]) -> dict[str, Any]:
    return {"w": concern["w"], "j": bool(concern.get("j")), "wtimeout": int(concern.get("wtimeout", 0))}


def _worded(concern: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in concern.items())
