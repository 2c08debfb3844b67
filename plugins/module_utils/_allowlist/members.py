# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who the other members are, by the one question to the running server.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Source, number
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import PYMONGO_IMPORT_ERROR
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import ask

PATIENCE = 2  # seconds for a server on this host


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
