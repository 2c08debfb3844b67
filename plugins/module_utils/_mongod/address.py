# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of members as people and servers write them. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

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
    if "@" in text:  # what is before it may be a password
        raise ValueError("a connection string is not the address of a server")
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


def server_address(text: str, port: int | None, options: tuple[str, str]) -> Address:
    """The one server of ``options``, the names of that for its host and that for its port, which hold ``text`` and ``port``.

    A port may stand in either. Raises ValueError, a clause that tells what the first option takes. Of a connection string nothing
    is told but that it is one, since it may hold a password.
    """
    takes = f"{options[0]} takes the name or the address of one server, such as db-a.example.org, and"
    if "://" in text or "@" in text:
        raise ValueError(f"{takes} no connection string")
    if "," in text:
        raise ValueError(f"{takes} '{text}' names several")
    if text != text.strip():
        raise ValueError(f"{takes} '{text}' has white space around it")
    try:
        found = parse_address(text)
    except ValueError as error:
        raise ValueError(f"{takes} {error}") from None
    named = text != found.host and not text.endswith("]")
    if named and port not in (None, found.port):
        raise ValueError(f"{takes} '{text}' contradicts {options[1]}, which is {port}")
    return found if named or port is None else found._replace(port=port)


def located(server: Mapping[str, Any]) -> dict[str, Any]:
    """``server`` with what its ``host`` and ``port`` mean. Raises ValueError as ``server_address`` does."""
    return {**server, **server_address(server["host"], server.get("port"), ("host", "port"))._asdict()}


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
