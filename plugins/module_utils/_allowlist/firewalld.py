# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same rules for a host that firewalld guards: two ipsets, one policy that admits them and drops everybody else.

What all groups admit is joined per IP version, because firewalld refuses entries that overlap, and makes new sets only with a
reload. Which group an address belongs to is in the record alone. Everything is pure here.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.inventory import split
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import BITS, Interval, Ranges, text

FOLDER = Path("/etc/firewalld")
POLICY = "stronghold-mongodb"
SETS = {4: f"{POLICY}-4", 6: f"{POLICY}-6"}
PRIORITY = -100  # before the zones, which come at 0
_FAMILY = {4: "ipv4", 6: "ipv6"}
_INET = {4: "inet", 6: "inet6"}
_MOST = 1 << 20  # entries of a set; the default of 65536 is soon reached by ranges that are split
_HEADING = '<?xml version="1.0" encoding="utf-8"?>\n<!-- Written by stronghold.mongodb.mongodb_allowlist; do not edit. -->'
_ENTRY = re.compile(r"<entry>([^<]*)</entry>")

Entries = Mapping[int, Iterable[str]]


def networks(version: int, intervals: Iterable[Interval]) -> Iterator[str]:
    """The fewest networks that hold exactly the addresses of ``intervals``, as firewalld spells them.

    None is the whole address space, which a set of networks cannot hold: that comes as two halves.
    """
    for interval in intervals:
        for first, last in split(version, *interval):
            halves = [(first, last >> 1), ((last >> 1) + 1, last)] if last - first + 1 == 1 << BITS[version] else [(first, last)]
            for start, end in halves:
                yield _spelled(start, end) if version == 6 else text(version, start, end)  # noqa: PLR2004


def _spelled(first: int, last: int) -> str:
    """An IPv6 network as firewalld spells it."""
    return str(ipaddress.IPv6Network((first, 129 - (last - first + 1).bit_length()))).removesuffix("/128")


def entries(admitted: Ranges) -> dict[int, list[str]]:
    """What the sets hold where ``admitted`` is let in."""
    return {version: list(networks(version, admitted[version])) for version in (4, 6)}


def intervals_of(listed: Iterable[str]) -> list[Interval]:
    """The intervals that entries of a set name; an entry that is no network names none."""
    found = []
    for entry in listed:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            continue
        found.append((int(network.network_address), int(network.broadcast_address)))
    return found


def rules(ports: Iterable[int]) -> list[str]:
    """The rich rules of the policy, as firewalld spells them: admit, then drop. Loopback never comes to them."""
    return [rich_rule(port, -2, version, ipset=name) for port in ports for version, name in SETS.items()] + [
        rich_rule(port, -1) for port in ports
    ]


def rich_rule(port: int, priority: int, version: int | None = None, **source: str) -> str:
    """Accept who comes from ``source``, or drop everybody where there is none."""
    family = f' family="{_FAMILY[version]}"' if version else ""
    origin = "".join(f' source {key}="{value}"' for key, value in source.items())
    verdict = "accept" if source else "drop"
    return f'rule priority="{priority}"{family}{origin} port port="{port}" protocol="tcp" {verdict}'


def files(ports: Iterable[int], admitted: Ranges) -> dict[Path, str]:
    """The permanent configuration: path and content."""
    listed = entries(admitted)
    made = {FOLDER / "ipsets" / f"{name}.xml": ipset(version, listed[version]) for version, name in SETS.items()}
    return {**made, FOLDER / "policies" / f"{POLICY}.xml": policy(ports)}


def ipset(version: int, listed: Iterable[str]) -> str:
    """A set's file (firewalld.ipset(5))."""
    return "\n".join(
        [
            _HEADING,
            '<ipset type="hash:net">',
            f"  <short>MongoDB, IPv{version}</short>",
            "  <description>Sources that reach the MongoDB ports.</description>",
            f'  <option name="family" value="{_INET[version]}"/>',
            f'  <option name="maxelem" value="{_MOST}"/>',
            *(f"  <entry>{entry}</entry>" for entry in listed),
            "</ipset>",
            "",
        ]
    )


def policy(ports: Iterable[int]) -> str:
    """The policy's file (firewalld.policy(5))."""
    ports = list(ports)
    admit = (_rule(port, -2, version, name) for port in ports for version, name in SETS.items())
    drop = (_rule(port, -1) for port in ports)
    return "\n".join(
        [
            _HEADING,
            f'<policy target="CONTINUE" priority="{PRIORITY}">',
            "  <short>MongoDB</short>",
            "  <description>Only declared sources reach the MongoDB ports.</description>",
            '  <ingress-zone name="ANY"/>',
            '  <egress-zone name="HOST"/>',
            *(line for rule in (*admit, *drop) for line in rule),
            "</policy>",
            "",
        ]
    )


def entries_in(content: str) -> set[str]:
    """The entries in a set's file."""
    return set(_ENTRY.findall(content))


def _rule(port: int, priority: int, version: int | None = None, name: str = "") -> Iterator[str]:
    yield f'  <rule priority="{priority}"' + (f' family="{_FAMILY[version]}">' if version else ">")
    if name:
        yield f'    <source ipset="{name}"/>'
    yield f'    <port port="{port}" protocol="tcp"/>'
    yield "    <accept/>" if name else "    <drop/>"
    yield "  </rule>"
