# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected to a port, and having the kernel end connections, through ss(8) or conntrack(8).

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.safety import admits
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import FAMILY, Ranges, Source, number
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import EXITS, Output, find, run

_MAPPED = "::ffff:"
_AT_ONCE = 100  # connections in one call
_TIMEOUT = 10


class Connection(NamedTuple):
    """One established connection: the peer's IP version, address and port, and the port here."""

    version: int
    peer: str
    peer_port: int
    port: int


def parse(listed: str) -> list[Connection]:
    """What ``ss --no-header --numeric --tcp state established`` says."""
    found = []
    for line in listed.splitlines():
        words = line.split()
        if len(words) < 4:  # noqa: PLR2004
            continue
        port = int(words[-2].rpartition(":")[2])
        address, _colon, peer_port = words[-1].rpartition(":")
        peer = address.strip("[]").partition("%")[0]
        if peer.startswith(_MAPPED) and "." in peer:
            peer = peer[len(_MAPPED) :]
        found.append(Connection(6 if ":" in peer else 4, peer, int(peer_port), port))
    return found


def refused(connections: Iterable[Connection], admitted: Ranges) -> list[Connection]:
    """Those whose peer is not let in."""
    out = []
    for one in connections:
        value = number(one.version, one.peer)
        if not admits(admitted, Source(one.version, value, value)):
            out.append(one)
    return out


def expression(one: Connection) -> str:
    """The filter of ss that finds this connection alone."""
    peer = f"[{one.peer}]" if one.version == 6 else one.peer  # noqa: PLR2004
    return f"( sport = :{one.port} and dport = :{one.peer_port} and dst {peer} )"


def cut(ports: Iterable[int], admitted: Ranges) -> str:
    """End every connection to ``ports`` that ``admitted`` does not let in. Returns what hindered it, or nothing."""
    try:
        return _cut(list(ports), admitted)
    except StrongholdError as error:
        return error.reason


def still_open(hindrance: str) -> str:
    """The warning for what ``cut`` could not do."""
    return f"Connections of sources that are no longer admitted may go on until they end by themselves: {hindrance}."


def _cut(ports: list[int], admitted: Ranges) -> str:
    if find("ss") is None:
        return "ss of iproute2 is not installed"
    doomed = _doomed(ports, admitted)
    for start in range(0, len(doomed), _AT_ONCE):
        some = doomed[start : start + _AT_ONCE]
        _ss("--kill", " or ".join(map(expression, some)))
    left = _doomed(ports, admitted) if doomed else []
    if left and find("conntrack"):
        # A connection that is not known any more is judged anew, and dropped.
        for one in left:
            tuple_ = ["--orig-src", one.peer, "--sport", str(one.peer_port), "--dport", str(one.port)]
            if _run(["conntrack", "--delete", "--family", f"ipv{one.version}", "--proto", "tcp", *tuple_]).code:
                return f"conntrack could not forget the connection of {one.peer}"
        return ""
    return "the kernel cannot end connections for ss, and conntrack is not installed" if left else ""


def _doomed(ports: Iterable[int], admitted: Ranges) -> list[Connection]:
    listed = _ss(" or ".join(f"sport = :{port}" for port in ports))
    return [one for one in refused(parse(listed), admitted) if not _own(one.version, one.peer)]


def _own(version: int, address: str) -> bool:
    """Whether the address is one of this host: such connections go through loopback."""
    with socket.socket(FAMILY[version], socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _ss(*words: str) -> str:
    options, sought = words[:-1], words[-1]
    return _run(["ss", *options, "--no-header", "--numeric", "--tcp", "state", "established", f"( {sought} )"]).text


def _run(words: list[str]) -> Output:
    # Fixed words, numbers and addresses.
    return run(words, host=platform.node(), attempt="end connections", timeout=_TIMEOUT, accept=EXITS)
