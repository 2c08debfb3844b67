# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the members of a set and its primary by asking them, without logging in.

PRIVATE to the collection.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

# Seconds after which the other members are asked too when the first one has not answered yet.
HEAD_START = 1.0
ATTEMPT = "ask it about its replica set"


@dataclass(frozen=True)
class Peer:
    """What one member answered to ``hello``, or why it did not."""

    address: Address
    hello: Mapping[str, Any] = field(default_factory=dict)
    error: StrongholdError | None = None

    @property
    def set_name(self) -> str | None:
        """The set it is a member of; None also after it was removed from one."""
        return self.hello.get("setName")

    @property
    def standalone(self) -> bool:
        return bool(self.hello) and "setName" not in self.hello and not self.hello.get("isreplicaset")

    @property
    def leads(self) -> bool:
        return "setName" in self.hello and bool(self.hello.get("isWritablePrimary"))

    @property
    def name(self) -> Address:
        """Its address in the set's configuration, or where it is in none, the one under which it was asked."""
        return parse_address(self.hello["me"]) if "me" in self.hello else self.address

    @property
    def process(self) -> Any:
        """What tells this server's process from every other one, None of servers before 4.4."""
        return (self.hello.get("topologyVersion") or {}).get("processId")

    def names_primary(self) -> list[Address]:
        return [parse_address(self.hello["primary"])] if "primary" in self.hello else []

    def knows(self) -> list[Address]:
        lists = (self.hello.get(name, ()) for name in ("hosts", "passives", "arbiters"))
        return [parse_address(host) for hosts in lists for host in hosts]


@dataclass(frozen=True)
class Sighting:
    """Who answered; ``peers`` by key of the address asked. ``primary`` is among them, or None."""

    peers: Mapping[str, Peer]
    primary: Peer | None

    def in_set(self) -> list[Peer]:
        """Members of a set, those that hold data (and accounts) first."""
        return sorted((peer for peer in self.peers.values() if peer.set_name), key=lambda peer: not peer.hello.get("secondary"))


def ask(login: Login, address: Address) -> Peer:
    try:
        with connect(login.at(address.host, address.port).anonymous(), ATTEMPT) as client:
            return Peer(address, client.admin.command("hello"))
    except StrongholdError as error:
        return Peer(address, error=error)


def ask_all(login: Login, addresses: Iterable[Address]) -> dict[str, Peer]:
    """Ask several at once, so that those which are down cost one timeout together; by key of the address."""
    search = _Search(login)
    asked = list(addresses)
    search.send(asked)
    while search.waiting:
        search.answer(None)
    return {address.key: search.peers[address.key] for address in asked}


def look(login: Login, addresses: Sequence[Address], *, patience: int | None = None) -> Sighting:
    """Ask the first address, then, unless it leads to the primary, all others and whom they know, until a primary answers.

    ``patience`` caps the connection timeout in seconds.
    """
    if patience is not None:
        login = replace(login, timeout=min(login.timeout, patience))
    search = _Search(login)
    search.send(addresses[:1])
    wait: float | None = HEAD_START
    while search.waiting:
        peer = search.answer(wait)
        if peer is None:
            wait = None
            search.send(addresses)
        elif peer.leads:
            return Sighting(search.peers, peer)
        elif not search.send(peer.names_primary()):
            search.send([*addresses, *peer.knows()])
    return Sighting(search.peers, None)


class _Search:
    """Questions under way. The threads are daemons: a member that never answers does not hold up the module's end."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._asked: set[str] = set()
        self._answers: queue.Queue[Peer] = queue.Queue()
        self.peers: dict[str, Peer] = {}

    @property
    def waiting(self) -> bool:
        return len(self.peers) < len(self._asked)

    def send(self, addresses: Iterable[Address]) -> bool:
        """Ask those not yet asked; whether there were any."""
        new = {address.key: address for address in addresses if address.key not in self._asked}
        for key, address in new.items():
            self._asked.add(key)
            threading.Thread(target=self._ask, args=(address,), daemon=True).start()
        return bool(new)

    def answer(self, wait: float | None) -> Peer | None:
        try:
            peer = self._answers.get(timeout=wait)
        except queue.Empty:
            return None
        self.peers[peer.address.key] = peer
        return peer

    def _ask(self, address: Address) -> None:
        try:
            peer = ask(self._login, address)
        except Exception as error:  # a thread without an answer would be waited for without end
            peer = Peer(
                address, error=StrongholdError(str(address), ATTEMPT, f"of the error '{error}'", "check the login options")
            )
        self._answers.put(peer)


def foreign(peers: Iterable[Peer], name: str) -> Refusal | None:
    """A member that is in a set of another name."""
    for peer in peers:
        if peer.set_name not in (None, name):
            return Refusal(f"{peer.address} belongs to the replica set {peer.set_name}", "check replica_set and the addresses")
    return None


def was_member(login: Login, address: Address) -> bool:
    """Whether a server outside any set still has the configuration, and so the data, of one it was in.

    Only an account of that time, or a server without authentication, lets it be asked; a server that refuses the login is new.
    """
    try:
        with connect(login.at(address.host, address.port), "ask it about its former replica set") as client:
            client.admin.command("replSetGetConfig")
            return True
    except StrongholdError:
        return False


def members_among(peers: Mapping[str, Peer], known: Collection[str]) -> dict[str, str]:
    """Key of a set's member by the key under which it was asked, of those ``peers`` that say they are one of ``known``."""
    return {key: peer.name.key for key, peer in peers.items() if peer.set_name and peer.name.key in known}


def same_server(peers: Iterable[Peer]) -> Refusal | None:
    """Two addresses that lead to one process (``topologyVersion`` of ``hello``, since 4.4)."""
    found: dict[Any, Peer] = {}
    for peer in peers:
        other = found.setdefault(peer.process, peer) if peer.process else peer
        if other is not peer:
            return Refusal(f"{other.address} and {peer.address} lead to one server", "declare it once")
    return None


def impostor(peer: Peer, member: Peer) -> Refusal | None:
    """A server that says it is a member of the set, and another one answers under that member's name."""
    if peer.process and member.process and peer.process != member.process:
        reason = f"{peer.address} says it is {member.address}, where another server answers"
        return Refusal(reason, "check where both names lead, seen from the host that runs this task")
    return None


def unusable(peer: Peer) -> Refusal | None:
    """A member that cannot join: it does not answer, or was not started to be one."""
    if peer.error:
        return Refusal(f"{peer.address} does not answer ({peer.error.reason})", peer.error.remedy)
    if peer.standalone:
        return Refusal(f"{peer.address} was started without replSetName", "set replication.replSetName there and restart it")
    return None
