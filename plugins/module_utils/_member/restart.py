# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restarting one member on its own host without the set losing its majority.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Instead, Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._member import availability, start_record
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.mode_step import ModeStep
from ansible_collections.stronghold.mongodb.plugins.module_utils._member.rotation import Rotation, TlsFiles, suffices
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import ask
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import PATIENCE, POLL, ReplicaSet, Snapshot


class Restart:
    """The decision and the deed for the server at ``login``; ``timeout`` in seconds, for each wait."""

    def __init__(
        self,
        login: Login,
        unit: Systemd,
        record: Path | None,
        *,
        force: bool,
        timeout: int,
        rotates: TlsFiles | None = None,
        mode_step: ModeStep | None = None,
    ) -> None:
        self._login = login
        self._unit = unit
        self._record = record
        self._force = force
        self._timeout = timeout
        self._address = Address(login.host, login.port)
        self._rotation = Rotation(login, rotates, record) if rotates and record else None
        self._mode_step = mode_step if record else None
        self._expired = ""
        self.role = "down"
        self.reasons: list[str] = []

    def build(self, plan: Plan, replica_set: ReplicaSet) -> None:
        """Fill ``plan``; raises StrongholdError where the restart is refused."""
        if not self._unit.is_active():
            self.reasons = [f"{self._unit.unit} is not running"]
            plan.add(f"start {self._unit.unit}", f"service {self._unit.unit}", "stopped", "running", self._start)
            return
        hello = self._hello()
        self.role = availability.role_of(hello)
        self.reasons = self._why()
        if not self.reasons:
            return
        if self._rotation:
            known_as = parse_address(hello["me"]).host if "me" in hello else ""
            self._rotation.require_good_files(f"restart {self._unit.unit} or rotate its certificates", known_as)
        if self._expired:
            self._plan_mending(plan, replica_set)
        elif not self._plan_without_restart(plan, replica_set, hello):
            self._plan_restart(plan, replica_set, hello, self.reasons)

    def _why(self) -> list[str]:
        if self._expired:
            return [self._expired]
        return self._drift() or (["it was asked for"] if self._force else [])

    def _plan_without_restart(self, plan: Plan, replica_set: ReplicaSet, hello: Mapping[str, Any]) -> bool:
        """Whether a running server can be told of all that changed, which is planned then."""
        if self._force or not self._login.tls or self._record is None or self._unit.program_replaced():
            return False
        left = dict(start_record.since_start(self._record) or {})
        deeds: list[tuple[str, Callable[[], str]]] = []
        step, told = self._mode_step, self._mode_step.parameters() if self._mode_step else {}
        if step and told and left.pop(str(step.present), None):
            words = " and ".join(f"{name} to {value}" for name, value in told.items())
            deeds.append((f"set {words} in", partial(step.carry_out, self._record)))
        if left and self._rotation and suffices(left, self._rotation.files, hello):
            left.clear()
            deeds.append(("rotate certificates of", self._rotation.carry_out))
        if left or not deeds:
            return False
        why = "; ".join(self.reasons)
        for words, deed in deeds:
            plan.add(
                f"{words} {self._unit.unit}: {why}",
                f"service {self._unit.unit}",
                why,
                "running with the files as they are",
                partial(self._or_restart, deed, replica_set, hello),
            )
        return True

    def _plan_restart(self, plan: Plan, replica_set: ReplicaSet, hello: Mapping[str, Any], reasons: Sequence[str]) -> None:
        if "setName" in hello:
            self._plan_handover(plan, replica_set)
        self._add_restart(plan, reasons, was_in_set="setName" in hello)

    def _add_restart(self, plan: Plan, reasons: Sequence[str], *, was_in_set: bool) -> None:
        why = "; ".join(reasons)
        plan.add(
            f"restart {self._unit.unit}: {why}",
            f"service {self._unit.unit}",
            why,
            "running with the files as they are",
            partial(self._restart, was_in_set),
        )

    def _or_restart(self, deed: Callable[[], str], replica_set: ReplicaSet, hello: Mapping[str, Any]) -> Instead | None:
        """A server that does not do what it is told, though its files are good, is restarted."""
        problem = deed()
        if not problem:
            return None
        plan = Plan()
        self._plan_restart(plan, replica_set, hello, [*self.reasons, problem])
        plan.apply()
        return Instead(tuple(plan.changes))

    def _plan_mending(self, plan: Plan, replica_set: ReplicaSet) -> None:
        """Nobody reaches it anew, but connections of old may still make it part of the majority: then that is kept."""
        with suppress(StrongholdError):  # no other member answers: no majority is known that could be lost
            replica_set.find(PATIENCE)
        snapshot = replica_set.snapshot() if replica_set.sighting.in_set() else None
        key = self._own_key(snapshot.config) if snapshot else None
        if snapshot and key and key not in snapshot.unhealthy():
            self._once_others_are_healthy(replica_set, key)
        self._add_restart(plan, self.reasons, was_in_set=False)

    def _own_key(self, config: Config) -> str | None:
        """Its key in the set that others tell of: it can be asked itself for nothing."""
        names = set(self._rotation.files.names) if self._rotation else set()
        own = {Address(name, self._login.port).key for name in names}
        return next((member.key for member in config.members if member.key in own), None)

    def _plan_handover(self, plan: Plan, replica_set: ReplicaSet) -> None:
        key = replica_set.find().peers[self._address.key].name.key
        snapshot = self._once_others_are_healthy(replica_set, key)
        if self.role == "primary" and availability.must_step_down(snapshot.config, key):
            host = snapshot.config.by_key()[key].host
            plan.add(f"step down {host}", f"member {host}", "primary", "secondary", partial(replica_set.step_down, key))

    def _once_others_are_healthy(self, replica_set: ReplicaSet, key: str) -> Snapshot:
        """A member that has just come back counts as down until the next heartbeat: wait, then refuse."""
        for _attempt in patience(self._timeout, POLL):
            snapshot = replica_set.snapshot()
            if snapshot is None:
                raise self._refused(Refusal("it left its replica set meanwhile", "run again"))
            refusal = availability.stays_available(snapshot.config, snapshot.unhealthy(), key)
            if refusal is None:
                return snapshot
            hindrance = refusal
        raise self._refused(hindrance)

    def _start(self) -> None:
        # Its set may be down as a whole and come back with its members one by one, so that no primary is waited for.
        self._unit.start()
        self._await_answer(in_set=False)

    def _restart(self, was_in_set: bool) -> None:
        self._unit.restart()
        self._await_answer(in_set=was_in_set)
        left = self._drift()
        if left:
            raise self._unit.failure("see the new state of", f"after its restart still {left[0]}")

    def _drift(self) -> list[str]:
        replaced = self._record and self._unit.program_replaced()
        return (["its program was replaced since the server started"] if replaced else []) + start_record.reasons(self._record)

    def _await_answer(self, *, in_set: bool) -> None:
        """Until the server answers, and with ``in_set`` serves in its set and knows a primary."""
        login = replace(self._login, timeout=min(self._login.timeout, PATIENCE))
        for attempt in patience(self._timeout, POLL):
            if not self._unit.is_active():
                raise self._unit.failure("start", "it ended right after its start")
            hello = ask(login, self._address).hello
            if hello and (availability.serves(hello) or not in_set):
                return
            if attempt.spent:
                state = "it is not yet back in its replica set or knows no primary" if hello else "it does not answer"
                raise self._unit.failure("see the restarted server of", f"after {self._timeout} s {state}")

    def _hello(self) -> Mapping[str, Any]:
        """Its answer, empty where nothing listens; raises StrongholdError where it listens but cannot be spoken to.

        Of a server whose certificate or revocation list has expired, ``_expired`` tells so, and the answer is empty.
        """
        if not self._listens():
            return {}
        peer = ask(self._login, self._address)
        if peer.error:
            if self._rotation and self._login.tls:
                self._expired = self._rotation.expired() or self._rotation.shut_out(peer.error)
            if not self._expired:
                raise peer.error
        return peer.hello

    def _listens(self) -> bool:
        try:
            with socket.create_connection(self._address, timeout=self._login.timeout):
                return True
        except OSError:
            return False

    def _refused(self, refusal: Refusal) -> StrongholdError:
        return StrongholdError(self._login.where, f"restart {self._unit.unit}", refusal.reason, refusal.remedy)
