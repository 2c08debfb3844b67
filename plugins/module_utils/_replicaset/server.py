# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The set behind its primary: reading it, carrying steps out, waiting. The only part that changes servers.

PRIVATE to the collection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, key_of, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import (
    Kind,
    ServerError,
    connect,
    translate,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config, from_server, renames, to_server
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import Peer, Sighting, ask_all, look
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.steps import Step

if TYPE_CHECKING:
    from pymongo import MongoClient

Result = TypeVar("Result")

PRIMARY, SECONDARY, ARBITER = "PRIMARY", "SECONDARY", "ARBITER"
SERVING = (PRIMARY, SECONDARY, ARBITER)
# Seconds. The server does not let a member that stepped down stand again for STEP_DOWN, and takes no writes while it waits
# CATCH_UP for a successor: both are short, and a refused attempt is repeated.
POLL = 0.25
FAREWELL = 15
PATIENCE = 3
STEP_DOWN = 20
CATCH_UP = 10
# What an election or a configuration still on its way explains.
_PASSING = frozenset(
    {
        Code.NODE_NOT_FOUND,  # too few voters answered the check before a reconfiguration
        Code.SHUTDOWN_IN_PROGRESS,
        Code.NEW_REPLICA_SET_CONFIGURATION_INCOMPATIBLE,  # another change came first
        Code.CONFIGURATION_IN_PROGRESS,
        Code.PRIMARY_STEPPED_DOWN,
        Code.EXCEEDED_TIME_LIMIT,  # no secondary that may stand caught up, as where each has just stepped down itself
        Code.CURRENT_CONFIG_NOT_COMMITTED_YET,
        Code.NOT_WRITABLE_PRIMARY,
        Code.INTERRUPTED_AT_SHUTDOWN,
        Code.INTERRUPTED_DUE_TO_REPL_STATE_CHANGE,
        Code.NOT_PRIMARY_NO_SECONDARY_OK,
        Code.NOT_PRIMARY_OR_SECONDARY,
    }
)


@dataclass(frozen=True)
class Snapshot:
    """A set as one member sees it: configuration, replSetGetStatus, getDefaultRWConcern, and the primary's key or ''."""

    config: Config
    status: Mapping[str, Any]
    concerns: Mapping[str, Any]
    primary: str

    def states(self) -> dict[str, Mapping[str, Any]]:
        """replSetGetStatus's entry by key of the member."""
        return {key_of(member["name"]): member for member in self.status["members"]}

    def unhealthy(self) -> set[str]:
        states = self.states()
        return {key for key, member in states.items() if not (member["health"] and member["stateStr"] in SERVING)}

    def successors(self) -> list[str]:
        """Members that could take over from the primary now."""
        states = self.states()
        latest = states.get(self.primary, {}).get("optimeDate")
        return [
            key
            for key, member in self.config.by_key().items()
            if key != self.primary
            and member.electable
            and _is_in(states.get(key, {}), (SECONDARY,))
            and (latest - states[key]["optimeDate"]).total_seconds() <= CATCH_UP
        ]


class ReplicaSet:
    """One set, spoken to through whichever member is primary now; a context manager that closes its connections.

    ``members`` are addresses to ask besides ``login``'s; ``timeout`` is in seconds, for each wait.
    """

    def __init__(self, login: Login, members: Sequence[Address], timeout: int) -> None:
        self._login = login
        self._addresses = [Address(login.host, login.port), *members]
        self._timeout = timeout
        self._connections = contextlib.ExitStack()
        self._client: MongoClient[dict[str, Any]] | None = None
        self._where = login.where
        self.sighting = Sighting({}, None)

    def __enter__(self) -> ReplicaSet:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def find(self, patience: int | None = None) -> Sighting:
        """Look for the primary. Raises StrongholdError where no member answers, the first one's reason."""
        sighting = look(self._login, self._addresses, patience=patience)
        if not any(peer.hello for peer in sighting.peers.values()):
            error = sighting.peers[self._addresses[0].key].error
            raise error or AssertionError("a peer without answer carries its error")
        self.sighting = sighting
        return sighting

    def await_primary(self) -> Peer:
        """The primary, found within the timeout."""
        for _attempt in patience(self._timeout, POLL):
            if self.find(PATIENCE).primary:
                break
        if self.sighting.primary is None:
            raise self._failure(
                "find a primary",
                f"no member became one within {self._timeout} s ({told(self.sighting)})",
                "see mongodb_replicaset_info for the members' states",
            )
        return self.sighting.primary

    def snapshot(self) -> Snapshot | None:
        """What the primary tells, or where there is none, another member; None where no member is in a set."""
        if self.sighting.primary:
            return self._on_primary("read the replica set", _read)
        members = self.sighting.in_set()
        if not members:
            return None
        with connect(self._at(members[0]), "read the replica set") as client:
            return _read(client)

    def initiate(self, config: Config) -> None:
        """Through the login's own member, which must be one of ``config``; then wait for a primary."""
        with connect(self._login.at(self._login.host, self._login.port), "initiate the replica set") as client:
            client.admin.command("replSetInitiate", to_server(config, version=1))
        self.await_primary()

    def carry_out(self, step: Step) -> None:
        if step.steps_down:
            self.step_down(key_of(step.steps_down))
            return
        self.await_states([key_of(host) for host in step.awaits], (SECONDARY, PRIMARY))
        self._on_primary("reconfigure the replica set", lambda client: self._reconfigure(client, step))
        self._on_primary("see the new configuration on a majority", _require_committed)
        self.await_states(renames(step.before, step.after).values(), SERVING)
        kept = step.after.by_id()
        self._await_farewell([parse_address(member.host) for member in step.before.members if member.id not in kept])

    def _await_farewell(self, left: Sequence[Address]) -> None:
        """Until those that answer know that they left: by their next heartbeat to the set, if they still reach it."""
        for _attempt in patience(min(self._timeout, FAREWELL), POLL) if left else ():
            if not any("setName" in peer.hello for peer in ask_all(self._login, left).values()):
                break

    def step_down(self, key: str) -> None:
        """Let another member become primary if the one with this key is."""
        self._on_primary("step down the primary", lambda client: self._step_down(client, key))
        self._forget_primary()
        self.await_primary()

    def set_default_write_concern(self, concern: Mapping[str, Any]) -> None:
        command = {"setDefaultRWConcern": 1, "defaultWriteConcern": dict(concern), "writeConcern": {"w": "majority"}}
        self._on_primary("set the default write concern", lambda client: client.admin.command(command))

    def await_states(self, keys: Collection[str], wanted: Collection[str]) -> None:
        """Until every member of ``keys`` is healthy and in one of the states ``wanted``."""
        late: dict[str, Mapping[str, Any]] = {}
        for _attempt in patience(self._timeout, POLL) if keys else ():
            snapshot = self._on_primary("read the members' states", _read)
            states = snapshot.states()
            late = {key: states.get(key, {}) for key in keys if not _is_in(states.get(key, {}), wanted)}
            if not late:
                break
        if late:
            raise self._failure(
                f"see {_names(late)} in state {' or '.join(wanted)}",
                f"after {self._timeout} s {_states(late)}",
                "see the log of that member, and run again, with a longer timeout if it is still copying data",
            )

    def _step_down(self, client: MongoClient[dict[str, Any]], key: str) -> None:
        snapshot = _read(client)
        if snapshot.primary != key:
            return
        if not snapshot.successors():
            raise _AgainError(f"no electable secondary is healthy and within {CATCH_UP} s of the primary")
        client.admin.command({"replSetStepDown": STEP_DOWN, "secondaryCatchUpPeriodSecs": CATCH_UP})

    def _reconfigure(self, client: MongoClient[dict[str, Any]], step: Step) -> None:
        snapshot = _read(client)
        if snapshot.config.same_as(step.after):
            return
        if not snapshot.config.same_as(step.before):
            raise self._failure(
                "reconfigure the replica set", "its configuration was changed by someone else meanwhile", "run again"
            )
        if not snapshot.primary:
            raise _AgainError("there is no primary")
        leader = step.after.by_id().get(snapshot.config.by_key()[snapshot.primary].id)
        if leader is None or not leader.electable:
            self._step_down(client, snapshot.primary)
            raise _AgainError("the member that takes over is not known")
        client.admin.command(
            "replSetReconfig", to_server(step.after, snapshot.config.version + 1), maxTimeMS=self._timeout * 1000
        )

    def _on_primary(self, attempt: str, act: Callable[[MongoClient[dict[str, Any]]], Result]) -> Result:
        """Do ``act`` on the primary, again on the next one when an election comes between."""
        last: Exception = _AgainError("there is no primary")
        for _attempt in patience(self._timeout, POLL):
            try:
                client = self._primary_client(attempt)
                with translate(self._where, attempt, authenticates=self._login.authenticates):
                    return act(client)
            except (_AgainError, StrongholdError) as error:
                if not _passes(error):
                    raise
                last = error
                if isinstance(error, StrongholdError):
                    self._forget_primary()
        if isinstance(last, StrongholdError):
            raise last
        raise self._failure(attempt, f"after {self._timeout} s still {last}", "run again once the set is healthy")

    def _primary_client(self, attempt: str) -> MongoClient[dict[str, Any]]:
        if self._client is None:
            primary = self.sighting.primary or self.find(PATIENCE).primary
            if primary is None:
                raise _AgainError("there is no primary")
            self._where = str(primary.address)
            self._client = self._connections.enter_context(connect(self._at(primary), attempt))
        return self._client

    def _forget_primary(self) -> None:
        self._connections.close()
        self._client = None
        self.sighting = Sighting(self.sighting.peers, None)

    def _at(self, peer: Peer) -> Login:
        return self._login.at(peer.address.host, peer.address.port)

    def _failure(self, attempt: str, reason: str, remedy: str) -> StrongholdError:
        return StrongholdError(self._where, attempt, reason, remedy)


class _AgainError(Exception):
    """The set is not ready for it yet, for this reason: look for the primary and repeat."""


def _passes(error: Exception) -> bool:
    """Whether an election, or a configuration on its way, is the cause, so that waiting helps."""
    if not isinstance(error, ServerError):
        return isinstance(error, _AgainError)
    return error.kind in (Kind.UNREACHABLE, Kind.INTERRUPTED) or error.code in _PASSING


def _read(client: MongoClient[dict[str, Any]]) -> Snapshot:
    status = client.admin.command("replSetGetStatus")
    return Snapshot(
        config=from_server(client.admin.command("replSetGetConfig")["config"]),
        status=status,
        concerns=client.admin.command("getDefaultRWConcern"),
        primary=next((key_of(member["name"]) for member in status["members"] if member["stateStr"] == PRIMARY), ""),
    )


def _require_committed(client: MongoClient[dict[str, Any]]) -> None:
    if not client.admin.command({"replSetGetConfig": 1, "commitmentStatus": True})["commitmentStatus"]:
        raise _AgainError("a majority has not taken it over")


def _is_in(member: Mapping[str, Any], wanted: Collection[str]) -> bool:
    return bool(member.get("health")) and member.get("stateStr") in wanted


def _states(members: Mapping[str, Mapping[str, Any]]) -> str:
    """``db-b:27017 is STARTUP2, db-c:27017 is not in the set``, with what the server says about it."""
    told = []
    for key, member in members.items():
        text = f"{member.get('name', key)} is {member.get('stateStr', 'not in the set')}"
        message = str(member.get("lastHeartbeatMessage") or "")
        told.append(f"{text} ({message})" if message else text)
    return ", ".join(told)


def _names(members: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(str(member.get("name", key)) for key, member in members.items())


def told(sighting: Sighting) -> str:
    """Who answered what, for the reason of an error."""
    return ", ".join(f"{peer.address} {_told(peer)}" for peer in sighting.peers.values())


def _told(peer: Peer) -> str:
    if peer.error:
        return "does not answer"
    if not peer.set_name:
        return "is in no set"
    return "is primary" if peer.leads else "is secondary" if peer.hello.get("secondary") else "is neither primary nor secondary"
