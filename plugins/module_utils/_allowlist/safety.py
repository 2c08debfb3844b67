# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a change would cut off that must not be: pure, and the one question to the running server.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import Management
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.session import Session
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Ranges, Source, merge, number, subtract
from ansible_collections.stronghold.mongodb.plugins.module_utils._connection import PYMONGO_IMPORT_ERROR, Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import ask

PATIENCE = 2  # seconds for a server on this host


def refuse_harm(host: str, before: Ranges, after: Ranges, protected: Iterable[Source], members: Mapping[str, Source]) -> None:
    """Raise StrongholdError where ``after`` lacks one of ``members`` (by name) or ``protected``, or lets nobody in any more."""
    attempt = "change who reaches MongoDB"
    lost = [str(source) for source in protected if not admits(after, source)]
    lost_members = [f"{name} ({source})" for name, source in members.items() if not admits(after, source)]
    if lost_members:
        reason = f"it would cut off members of the running replica set: {', '.join(lost_members)}"
        raise StrongholdError(host, attempt, reason, "admit them, remove them from the set first, or set force")
    if lost:
        reason = f"it would cut off what is protected: {', '.join(lost)}"
        raise StrongholdError(host, attempt, reason, "admit it, take it out of protected, or set force")
    if any(before.values()) and not any(after.values()):
        raise StrongholdError(host, attempt, "it would cut off everybody", "admit somebody, or set force")


def refuse_lockout(host: str, management: Management | None, session: Session | None) -> None:
    """Raise StrongholdError where SSH would be closed to the session that makes the change."""
    if management is None or session is None:
        return
    attempt, remedy = "limit SSH to management", "correct management and management_port, or set force"
    if not admits(management.admitted, session.peer):
        raise StrongholdError(host, attempt, f"this very run comes from {session.peer}, which is not among them", remedy)
    if session.port != management.port:
        reason = f"this very run uses port {session.port} and not {management.port}"
        raise StrongholdError(host, attempt, reason, remedy)


def admits(admitted: Ranges, source: Source) -> bool:
    """Whether all addresses of ``source`` are let in."""
    return not subtract([(source.first, source.last)], admitted[source.version])


def together(groups: Iterable[Ranges]) -> Ranges:
    """What all groups let in."""
    listed = [one for one in groups if any(one.values())]
    if len(listed) == 1:
        return listed[0]
    return {version: merge(interval for one in listed for interval in one[version]) for version in (4, 6)}


def running_members(login: Login, ports: Iterable[int]) -> tuple[dict[str, Source], list[str]]:
    """The other members of the sets whose members listen on ``ports`` of this host, by name; and what could not be asked.

    A port on which nothing listens, and a server in no set, are no obstacle.
    """
    members: dict[str, Source] = {}
    unasked: list[str] = []
    for port in ports:
        where = Address(login.host, port)
        with suppress(OSError), socket.create_connection(where, timeout=PATIENCE):
            if PYMONGO_IMPORT_ERROR:
                unasked.append(f"{login.host}:{port}: this Python has no PyMongo")
                continue
            peer = ask(replace(login, port=port, timeout=min(login.timeout, PATIENCE)), where)
            if peer.error:
                unasked.append(str(peer.error))
            for kind in ("hosts", "passives", "arbiters"):
                for name in peer.hello.get(kind, ()):
                    if name != peer.hello.get("me"):
                        members.update((name, source) for source in _resolved(name))
    return members, unasked


def _resolved(name: str) -> list[Source]:
    address = parse_address(name)
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    versions = {socket.AF_INET: 4, socket.AF_INET6: 6}
    numbers = {
        (versions[family], number(versions[family], str(where[0]).partition("%")[0]))
        for family, _kind, _protocol, _canonical, where in found
        if family in versions
    }
    return [Source(version, value, value) for version, value in sorted(numbers)]
