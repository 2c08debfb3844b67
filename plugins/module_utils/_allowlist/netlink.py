# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to nf_tables for which nft(8) reads whole sets first: the generation of the rules, and a few elements changed.

Messages are those of linux/netfilter/nf_tables.h, which is stable: attributes in network byte order, one batch is one
transaction. A batch can name the generation that it was made for; the kernel refuses it (ERESTART) once another one is in force.

PRIVATE to the collection.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import BITS, Interval

MOST_INTERVALS = 500  # in one message, whose attributes may hold 64 KiB

_NETFILTER = 12
_SUBSYSTEM = 10 << 8
_INET = 1
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_GET_TABLE, _NEW_ELEMENTS, _DELETE_ELEMENTS, _GET_GENERATION = 1, 12, 14, 16
_REQUEST, _ACK, _CREATE = 0x1, 0x4, 0x400
_ERROR = 2
_NESTED = 0x8000
_INTERVAL_END = 1
_TIMEOUT = 5.0


class Changed(NamedTuple):
    """Intervals that go from the set ``name`` of one IP version, and those that come."""

    name: str
    version: int
    removed: list[Interval]
    added: list[Interval]


def generation() -> int | None:
    """The number of the rules in force in this network namespace, which every transaction of anybody moves; None if untold."""
    try:
        with connected() as kernel:
            kernel.send(_message(_SUBSYSTEM | _GET_GENERATION, _REQUEST, 1, _family(0)))
            answer = kernel.recv(8192)
    except OSError:
        return None
    size, kind = struct.unpack_from("=IH", answer)
    found = _attributes(answer[20:size]).get(1, b"") if kind != _ERROR else b""
    return int.from_bytes(found, "big") if found else None


def has_table(name: str) -> bool | None:
    """Whether there is an inet table of that name in this network namespace; None if untold."""
    try:
        with connected() as kernel:
            kernel.send(_message(_SUBSYSTEM | _GET_TABLE, _REQUEST, 1, _family(_INET) + _attribute(1, name.encode() + b"\0")))
            answer = kernel.recv(8192)
    except OSError:
        return None
    kind = struct.unpack_from("=IH", answer)[1]
    if kind != _ERROR:
        return True
    return False if -struct.unpack_from("=i", answer, 16)[0] == errno.ENOENT else None


def change_elements(table: str, changes: Iterable[Changed], made_for: int) -> None:
    """One transaction on interval sets of an inet table. Raises OSError where the kernel refuses, also for another generation."""
    messages = [_message(_BATCH_BEGIN, _REQUEST, 0, _family(0, _SUBSYSTEM >> 8) + _attribute(1, made_for.to_bytes(4, "big")))]
    for change in changes:
        for command, flags, intervals in (
            (_DELETE_ELEMENTS, _REQUEST | _ACK, change.removed),
            (_NEW_ELEMENTS, _REQUEST | _ACK | _CREATE, change.added),
        ):
            if intervals:
                body = _elements(table, change.name, change.version, intervals)
                messages.append(_message(_SUBSYSTEM | command, flags, len(messages), body))
    expected = len(messages) - 1
    messages.append(_message(_BATCH_END, _REQUEST, len(messages), _family(0, _SUBSYSTEM >> 8)))
    with connected() as kernel:
        kernel.send(b"".join(messages))
        while expected:
            answer = kernel.recv(65536)
            while answer:
                size, kind = struct.unpack_from("=IH", answer)
                code = struct.unpack_from("=i", answer, 16)[0] if kind == _ERROR else 0
                if code:
                    raise OSError(-code, os.strerror(-code))
                expected -= 1
                answer = answer[(size + 3) & ~3 :]


def connected(groups: int = 0) -> socket.socket:
    """A socket to the kernel's netfilter; ``groups`` is the mask of those whose notices it receives. Raises OSError."""
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    kernel.settimeout(_TIMEOUT)
    kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    kernel.bind((0, groups))
    return kernel


def _elements(table: str, name: str, version: int, intervals: Iterable[Interval]) -> bytes:
    """An interval is its first address and, marked as an end, the one after its last, unless that is the last there is."""
    size = BITS[version] // 8
    listed = []
    for first, last in intervals:
        listed.append(_nested(1, _nested(1, _attribute(1, first.to_bytes(size, "big")))))
        if last + 1 < 1 << BITS[version]:
            end = _attribute(3, _INTERVAL_END.to_bytes(4, "big"))
            listed.append(_nested(1, _nested(1, _attribute(1, (last + 1).to_bytes(size, "big"))) + end))
    names = _attribute(1, table.encode() + b"\0") + _attribute(2, name.encode() + b"\0")
    return _family(_INET) + names + _nested(3, b"".join(listed))


def _family(family: int, resource: int = 0) -> bytes:
    return struct.pack("=BB", family, 0) + resource.to_bytes(2, "big")


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def _nested(kind: int, body: bytes) -> bytes:
    return _attribute(kind | _NESTED, body)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _attributes(data: bytes) -> Mapping[int, bytes]:
    found = {}
    while len(data) >= 4:  # noqa: PLR2004 - the header of an attribute
        size, kind = struct.unpack_from("=HH", data)
        found[kind & ~_NESTED] = data[4:size]
        data = data[(size + 3) & ~3 :]
    return found
