# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CRC-64 with the polynomial of ECMA-182, as xz and mongodump compute it.

liblzma does it at the speed of memory, Python at five megabytes a second. Where a host lacks the library, backups still work.

PRIVATE to the collection.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_POLYNOMIAL = 0xC96C5795D7870F42
_ONES = 0xFFFFFFFFFFFFFFFF
_LIBRARY = "liblzma.so.5"

Checksum = Callable[[bytes, int], int]


def by_liblzma() -> Checksum:
    """Raises OSError or AttributeError where there is no such library or function."""
    function = ctypes.CDLL(_LIBRARY).lzma_crc64
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    function.restype = ctypes.c_uint64

    def checksum(data: bytes, before: int) -> int:
        return int(function(data, len(data), before))

    return checksum


def by_python() -> Checksum:
    """The same without a library."""
    table = []
    for byte in range(256):
        value = byte
        for _bit in range(8):
            value = (value >> 1) ^ _POLYNOMIAL if value & 1 else value >> 1
        table.append(value)

    def checksum(data: bytes, before: int) -> int:
        found = before ^ _ONES
        for byte in data:
            found = table[(found ^ byte) & 0xFF] ^ (found >> 8)
        return found ^ _ONES

    return checksum


def _best() -> Checksum:
    try:
        return by_liblzma()
    except (OSError, AttributeError):
        return by_python()


_checksum = _best()


def crc64(data: bytes, before: int = 0) -> int:
    """The checksum of ``data`` after data whose checksum is ``before``."""
    return _checksum(data, before)
