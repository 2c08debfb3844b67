# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restarting one member on its own host without the set losing its majority.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._connection import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset import restart
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.address import Address
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import ask
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.rules import Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import PATIENCE, POLL, ReplicaSet, Snapshot
from ansible_collections.stronghold.mongodb.plugins.module_utils._systemd import Systemd


class Restart:
    """The decision and the deed for the server at ``login``; ``timeout`` in seconds, for each wait."""

    def __init__(self, login: Login, unit: Systemd, record: Path | None, *, force: bool, timeout: int, check_mode: bool) -> None:
        self._login = login
        self._unit = unit
        self._record = record
        self._force = force
        self._timeout = timeout
        self._address = Address(login.host, login.port)
        self._check_mode = check_mode
        self.role = "down"
        self.reasons: list[str] = []

    def build(self, plan: Plan, replica_set: ReplicaSet) -> None:
        """Fill ``plan``; raises StrongholdError where the restart is refused."""
        if not self._unit.is_active():
            self.reasons = [f"{self._unit.unit} is not running"]
            plan.add(f"start {self._unit.unit}", f"service {self._unit.unit}", "stopped", "running", self._start)
            return
        hello = self._hello()
        self.role = restart.role_of(hello)
        self.reasons = self._drift() or (["it was asked for"] if self._force else [])
        if not self.reasons:
            return
        if "setName" in hello:
            self._plan_handover(plan, replica_set)
        why = "; ".join(self.reasons)
        plan.add(
            f"restart {self._unit.unit}: {why}",
            f"service {self._unit.unit}",
            why,
            "running with the files as they are",
            partial(self._restart, "setName" in hello),
        )

    def _plan_handover(self, plan: Plan, replica_set: ReplicaSet) -> None:
        key = replica_set.find().peers[self._address.key].name.key
        snapshot = self._once_others_are_healthy(replica_set, key)
        if self.role == "primary" and restart.must_step_down(snapshot.config, key):
            host = snapshot.config.by_key()[key].host
            plan.add(f"step down {host}", f"member {host}", "primary", "secondary", partial(replica_set.step_down, key))

    def _once_others_are_healthy(self, replica_set: ReplicaSet, key: str) -> Snapshot:
        """A member that has just come back counts as down until the next heartbeat: wait, then refuse."""
        deadline = time.monotonic() + (0 if self._check_mode else self._timeout)
        while True:
            snapshot = replica_set.snapshot()
            if snapshot is None:
                raise self._refused(Refusal("it left its replica set meanwhile", "run again"))
            refusal = restart.stays_available(snapshot.config, snapshot.unhealthy(), key)
            if refusal is None:
                return snapshot
            if time.monotonic() >= deadline:
                raise self._refused(refusal)
            time.sleep(POLL)

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
        return (["its program was replaced since the server started"] if replaced else []) + restart.reasons(self._record)

    def _await_answer(self, *, in_set: bool) -> None:
        """Until the server answers, and with ``in_set`` serves in its set and knows a primary."""
        login = replace(self._login, timeout=min(self._login.timeout, PATIENCE))
        deadline = time.monotonic() + self._timeout
        while True:
            if not self._unit.is_active():
                raise self._unit.failure("start", "it ended right after its start")
            hello = ask(login, self._address).hello
            if hello and (restart.serves(hello) or not in_set):
                return
            if time.monotonic() >= deadline:
                state = "it is not yet back in its replica set or knows no primary" if hello else "it does not answer"
                raise self._unit.failure("see the restarted server of", f"after {self._timeout} s {state}")
            time.sleep(POLL)

    def _hello(self) -> Mapping[str, Any]:
        """Its answer, empty where nothing listens; raises StrongholdError where it listens but cannot be spoken to."""
        if not self._listens():
            return {}
        peer = ask(self._login, self._address)
        if peer.error:
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
