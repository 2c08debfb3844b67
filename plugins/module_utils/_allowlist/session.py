# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From where the very run on this host comes, if by SSH: proc(5).

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Source

_ESTABLISHED = "01"


class Session(NamedTuple):
    """The other end of an SSH session, and the port of this host that it uses."""

    peer: Source
    port: int


def ssh_session(process: int | None = None) -> Session | None:
    """The session that ``process``, or this one, descends from; None where there is none, as on a local connection."""
    for ancestor in _ancestors(os.getpid() if process is None else process):
        with suppress(OSError):
            if Path(f"/proc/{ancestor}/comm").read_text(encoding="utf-8").startswith("sshd"):
                found = _connection(set(_sockets(ancestor)))
                if found:
                    return found
    return None


def _ancestors(process: int) -> Iterator[int]:
    while process > 1:
        try:
            # The name in brackets may hold blanks and brackets itself.
            process = int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return
        yield process


def _sockets(process: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]


def _connection(inodes: set[str]) -> Session | None:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[9] in inodes and words[3] == _ESTABLISHED:
                    return Session(_address(words[2].partition(":")[0]), int(words[1].partition(":")[2], 16))
    return None


def _address(digits: str) -> Source:
    """Words of four bytes, each in the order of the machine, which is little-endian wherever MongoDB runs."""
    packed = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    found = ipaddress.ip_address(packed)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return Source(found.version, int(found), int(found))
