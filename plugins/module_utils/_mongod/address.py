# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of members as people and servers write them. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

DEFAULT_PORT = 27017
_LAST_PORT = 65535
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


class Address(NamedTuple):
    """``host`` without brackets, and ``port``; ``str()`` is the way the server writes it: ``[::1]:27017``."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def key(self) -> str:
        """What two spellings of one address have in common: names in lower case, IPv6 in its short form."""
        try:
            host = str(ipaddress.ip_address(self.host))
        except ValueError:
            host = self.host.lower()
        return f"[{host}]:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """As the server tells it (isLocalHost in src/mongo/util/net/hostandport.cpp), which refuses to mix both kinds."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


def parse_address(text: str) -> Address:
    """``name``, ``name:port``, IPv4, IPv6 with or without brackets; raises ValueError with a reason."""
    text = text.strip()
    host, separator, port = text, "", ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        separator, port = rest[:1], rest[1:]
        if not bracket or separator not in ("", ":") or not _is_ipv6(host):
            raise ValueError(f"'{text}' is not an IPv6 address in brackets")
    elif text.count(":") == 1:
        host, separator, port = text.partition(":")
    if ":" in host and not _is_ipv6(host):
        raise ValueError(f"'{text}' is neither a name nor an address")
    if ":" not in host and not _NAME.fullmatch(host):
        raise ValueError(f"'{text}' has no valid host name")
    if separator and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT):
        raise ValueError(f"'{text}' has no valid port")
    return Address(host, int(port) if separator else DEFAULT_PORT)


@lru_cache(maxsize=1024)
def key_of(text: str) -> str:
    """The comparing key of an address that the server wrote."""
    return parse_address(text).key


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
