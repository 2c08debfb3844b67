# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fingerprints of an ASCII-armoured OpenPGP key, without gpg. Pure.

A version 4 fingerprint is the SHA-1 of the primary key's packet (RFC 9580, sections 5.5.4.2, 6.2 and 4.2).

PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

PUBLIC_KEY = 6
VERSION_4 = 4
ARMOUR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)\r?\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
ONE_OCTET, TWO_OCTETS, FIVE_OCTETS = 192, 224, 255
OLD_LENGTHS = {0: 1, 1: 2, 2: 4}


def fingerprints(text: str) -> list[str]:
    """The fingerprints, 40 upper-case hex digits, of all primary keys in ``text``. Empty when it holds none that can be read."""
    found = []
    for block in ARMOUR.findall(text):
        body = re.split(r"\r?\n[ \t]*\r?\n", "\n" + block, maxsplit=1)[-1]
        digits = "".join(line.strip() for line in body.splitlines() if not line.startswith("="))
        try:
            packets = list(_packets(base64.b64decode(digits, validate=True)))
        except (binascii.Error, IndexError, ValueError):
            return []
        for tag, packet in packets:
            if tag != PUBLIC_KEY:
                continue
            if packet[0] != VERSION_4:
                return []
            found.append(hashlib.sha1(b"\x99" + len(packet).to_bytes(2, "big") + packet).hexdigest().upper())  # noqa: S324  RFC 9580
    return found


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        header = data[position]
        if not header & 0x80:
            raise ValueError("not an OpenPGP packet")
        if header & 0x40:
            tag = header & 0x3F
            length, start = _new_length(data, position + 1)
        else:
            tag = header >> 2 & 0x0F
            width = OLD_LENGTHS[header & 3] if header & 3 in OLD_LENGTHS else _refuse()
            start = position + 1 + width
            length = int.from_bytes(data[position + 1 : start], "big")
        position = start + length
        if position > len(data):
            raise ValueError("a packet is cut short")
        yield tag, data[start:position]


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    first = data[position]
    if first < ONE_OCTET:
        return first, position + 1
    if first < TWO_OCTETS:
        return (first - ONE_OCTET << 8) + data[position + 1] + ONE_OCTET, position + 2
    if first == FIVE_OCTETS:
        return int.from_bytes(data[position + 1 : position + 5], "big"), position + 5
    return _refuse(), position


def _refuse() -> int:
    raise ValueError("a key has no packets of unknown length")
