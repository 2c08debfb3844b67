# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule set of our own nftables table: written as a script, recognised in the kernel's listing.

A packet is judged twice: at prerouting before any address translation (a port that a container engine publishes on this
host is caught there, before it is redirected), and at input after it (a redirection from another port ends there). Both
judge only packets to this host and to our ports, and leave every other packet to other tables. Established connections
are judged packet by packet, so a source that is removed loses them. What each group let in is counted once, at input. Who was
turned away is remembered for a day, with how often, in two sets of bounded size.

A script is one transaction of the kernel: all of it or nothing.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import SSH_PORT, Declaration, tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.netlink import Changed
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import (
    BITS,
    Interval,
    Ranges,
    Source,
    number,
    ranges,
    read_line,
    text,
)

FAMILY = "inet"
TABLE = "stronghold_mongodb"
GROUP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_SET_NAME = re.compile(rf"({GROUP_NAME.pattern})_([46])")
_SAY = {4: "ip", 6: "ip6"}
_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}

# Who may reach the host by SSH, and where that listens.
_MANAGEMENT = {4: "_management_4", 6: "_management_6"}
_MANAGEMENT_PORTS = "_management_ports"

# By number, because a minimal system has no /etc/protocols; nft lists them by name where there is one.
ICMP, ICMP_6 = 1, 58
_NUMBERED = {"icmp": ICMP, "ipv6-icmp": ICMP_6}

# The chains that name the groups.
_JUDGES = ("judge", "count")

# Base chains: before every translation (raw - 10, where dstnat is -100), and before the filters of others.
_BASE = {"prerouting": -310, "input": -10, "host": 20}
_HOOK = {"host": "input"}

# Who was turned away. Not a name of a group's set, because those begin with a letter.
KNOCKING = {4: "_knocking_4", 6: "_knocking_6"}
REMEMBERED = 86400  # seconds
_KNOCKING_SIZE = 4096

_HEADING = "# Written by stronghold.mongodb.mongodb_allowlist. The comments below are the declaration; do not edit."
_PORTS = "# ports "
_PROTECTED = "# protected "
_MANAGED_BY = "# management "
_GROUP = "# group "
_ENTRY = "#   "

Rule = tuple[str, list[dict[str, Any]]]  # as nft reads it, as nft lists it: libnftables-json(5)


class Management(NamedTuple):
    """Who may reach the host by SSH, and at which port."""

    port: int
    admitted: Ranges


@dataclass
class Listing:
    """The table as the kernel has it. ``alterations`` name what is missing from it, altered or foreign."""

    ports: tuple[int, ...] = ()
    groups: dict[str, Ranges] = field(default_factory=dict)
    alterations: list[str] = field(default_factory=list)
    management: Management | None = None


def management_of(declaration: Declaration) -> Management | None:
    """None where SSH is not limited."""
    return Management(declaration.management_port, ranges(declaration.management)) if declaration.management else None


def render(declaration: Declaration) -> str:
    """The script that puts ``declaration`` in force, with the declaration itself in its comments."""
    return "\n".join(
        [*_record(declaration), "", *_script(declaration.ports, declaration.ranges(), management_of(declaration)), ""]
    )


def record(declaration: Declaration) -> str:
    """The declaration alone: a script that does nothing, for hosts where others put it in force."""
    return "\n".join([*_record(declaration), ""])


def update(
    ports: Iterable[int], groups: Mapping[str, Ranges], listing: Listing | None, management: Management | None = None
) -> str:
    """The script that brings the kernel's table to ``groups``.

    Only differences, so that sets in use are never replaced: a packet that is on its way while a set gives way to a
    new one of the same name finds neither, and a declared source loses it. A table that is missing or altered is
    replaced as a whole all the same.
    """
    if listing is None or listing.alterations or listing.management != management:
        return script(ports, groups, management)
    return "\n".join([*_update(set(ports), groups, listing), ""])


def element_changes(
    ports: Collection[int], groups: Mapping[str, Ranges], listing: Listing | None, management: Management | None = None
) -> list[Changed] | None:
    """What differs, where that is entries of groups that hold some already and nothing else; None where it is more."""
    if listing is None or listing.alterations or listing.management != management:
        return None
    if set(listing.ports) != set(ports) or set(listing.groups) != set(groups):
        return None
    changes = []
    for name, held in listing.groups.items():
        for version in (4, 6):
            if held[version] != groups[name][version]:
                old, new = set(held[version]), set(groups[name][version])
                if not (old and new):
                    return None
                changes.append(Changed(f"{name}_{version}", version, sorted(old - new), sorted(new - old)))
    return changes


def script(ports: Iterable[int], groups: Mapping[str, Ranges], management: Management | None = None) -> str:
    """The bare script that replaces the table."""
    return "\n".join([*_script(ports, groups, management), ""])


def recorded(content: str) -> Declaration | None:
    """The declaration in the comments of a rendered script; None when they cannot be read."""
    ports: tuple[int, ...] = ()
    protected: tuple[Source, ...] = ()
    management: tuple[Source, ...] = ()
    management_port = SSH_PORT
    groups: dict[str, list[Source]] = {}
    sources: list[Source] = []
    lines = iter(content.splitlines())
    if next(lines, "") != _HEADING:
        return None
    try:
        for line in lines:
            if line.startswith(_ENTRY):
                sources.append(read_line(line[len(_ENTRY) :]))
            elif line.startswith(_GROUP):
                sources = groups.setdefault(line[len(_GROUP) :], [])
            elif line.startswith(_PORTS):
                ports = tuple(map(int, line[len(_PORTS) :].split()))
            elif line.startswith(_PROTECTED):
                protected = tuple(map(read_line, line[len(_PROTECTED) :].split()))
            elif line.startswith(_MANAGED_BY):
                port, *listed = line[len(_MANAGED_BY) :].split()
                management_port, management = int(port), tuple(map(read_line, listed))
            else:
                break
    except ValueError:
        return None
    if not ports or not all(map(GROUP_NAME.fullmatch, groups)):
        return None
    found = {name: tidy(sources) for name, sources in sorted(groups.items())}
    return Declaration(ports, found, protected, management, management_port)


def read(listing: dict[str, Any]) -> Listing:
    """What ``nft --json list table`` says."""
    ports: tuple[int, ...] = ()
    groups: dict[str, Ranges] = {}
    found: dict[str, Any] = {}
    managers: Ranges = {4: [], 6: []}
    alterations = []
    for item in listing["nftables"]:
        ((kind, body),) = item.items()
        if kind == "metainfo":
            continue
        if kind == "rule":
            found.setdefault(f"chain {body['chain']}", [None]).append(_plain(body["expr"]))
            continue
        found.setdefault(f"{kind} {body['name']}", [None])[0] = _attributes(body)
        if kind != "set":
            continue
        if body["name"] in KNOCKING.values():
            continue
        elements = body.get("elem", [])
        if any(isinstance(element, dict) and "elem" in element for element in elements):
            alterations.append(f"set {body['name']}")
        match = _SET_NAME.fullmatch(body["name"])
        if match:
            version = int(match[2])
            known = elements if body["type"] == _TYPE[version] else []
            groups.setdefault(match[1], {4: [], 6: []})[version] = sorted(_interval(version, element) for element in known)
        elif body["name"] in _MANAGEMENT.values():
            version = 6 if body["name"] == _MANAGEMENT[6] else 4
            managers[version] = sorted(_interval(version, element) for element in elements)
        elif body["name"] == "ports":
            ports = tuple(sorted(element for element in elements if isinstance(element, int)))
            if len(ports) != len(elements):
                alterations.append("set ports")
    management = None
    if f"set {_MANAGEMENT_PORTS}" in found:
        management = Management(_only_port(listing), managers)
    expected = _skeleton(groups, management)
    alterations += [name for name in (*expected, *found) if expected.get(name) != found.get(name)]
    return Listing(ports, groups, sorted(set(alterations)), management)


def _only_port(listing: dict[str, Any]) -> int:
    """The element of the set of SSH's port, 0 where it is not one port."""
    sets = [item["set"].get("elem", []) for item in listing["nftables"] if item.get("set", {}).get("name") == _MANAGEMENT_PORTS]
    return int(sets[0][0]) if sets and len(sets[0]) == 1 and isinstance(sets[0][0], int) else 0


def _record(declaration: Declaration) -> Iterator[str]:
    yield _HEADING
    yield _PORTS + " ".join(map(str, declaration.ports))
    if declaration.protected:
        yield _PROTECTED + " ".join(map(str, declaration.protected))
    if declaration.management or declaration.management_port != SSH_PORT:
        yield " ".join([_MANAGED_BY.rstrip(), str(declaration.management_port), *map(str, declaration.management)])
    for name, sources in declaration.groups.items():
        yield _GROUP + name
        for source in sources:
            yield _ENTRY + source.line


def _script(ports: Iterable[int], groups: Mapping[str, Ranges], management: Management | None) -> Iterator[str]:
    yield f"table {FAMILY} {TABLE}"  # so that there is something to delete
    yield f"delete table {FAMILY} {TABLE}"
    yield f"table {FAMILY} {TABLE} {{"
    yield from _set("ports", "type inet_service", map(str, ports))
    for version, name in KNOCKING.items():
        remember = f"type {_TYPE[version]}; size {_KNOCKING_SIZE}; flags dynamic,timeout; timeout {REMEMBERED}s"
        yield from _set(name, remember, ())
    for name, admitted in sorted(groups.items()):
        yield from _sets(name, admitted)
    if management:
        yield from _set(_MANAGEMENT_PORTS, "type inet_service", [str(management.port)])
        for version, name in _MANAGEMENT.items():
            elements = _texts(version, management.admitted[version])
            yield from _set(name, f"type {_TYPE[version]}; flags interval", elements)
    for chain in _rules(groups, management):
        yield from _chain(chain, groups, management)
    yield "}"


def _update(ports: set[int], groups: Mapping[str, Ranges], listing: Listing) -> Iterator[str]:
    held = listing.groups
    yield f"table {FAMILY} {TABLE} {{"
    for name in sorted(set(groups) - set(held)):
        yield from _sets(name, groups[name])
    yield "}"
    yield from _elements("delete", "ports", map(str, set(listing.ports) - ports))
    yield from _elements("add", "ports", map(str, ports - set(listing.ports)))
    for name in sorted(set(groups) & set(held)):
        for version in (4, 6):
            old, new = set(held[name][version]), set(groups[name][version])
            yield from _elements("delete", f"{name}_{version}", _texts(version, old - new))
            yield from _elements("add", f"{name}_{version}", _texts(version, new - old))
    if set(groups) != set(held):
        for chain in _JUDGES:
            yield f"flush chain {FAMILY} {TABLE} {chain}"
        yield f"table {FAMILY} {TABLE} {{"
        for chain in _JUDGES:
            yield from _chain(chain, groups)
        yield "}"
    for name in sorted(set(held) - set(groups)):
        for version in (4, 6):
            yield f"delete set {FAMILY} {TABLE} {name}_{version}"


def _texts(version: int, intervals: Iterable[Interval]) -> Iterator[str]:
    return (text(version, *interval) for interval in sorted(intervals))


def _elements(verb: str, name: str, elements: Iterable[str]) -> Iterator[str]:
    listed = ", ".join(elements)
    if listed:
        yield f"{verb} element {FAMILY} {TABLE} {name} {{ {listed} }}"


def _chain(chain: str, groups: Collection[str], management: Management | None = None) -> Iterator[str]:
    yield f"\tchain {chain} {{"
    if chain in _BASE:
        yield f"\t\ttype filter hook {_HOOK.get(chain, chain)} priority {_BASE[chain]}; policy accept;"
    yield from (f"\t\t{rule}" for rule, _listed in _rules(groups, management)[chain])
    yield "\t}"


def _sets(name: str, admitted: Ranges) -> Iterator[str]:
    for version in (4, 6):
        yield from _set(f"{name}_{version}", f"type {_TYPE[version]}; flags interval", _texts(version, admitted[version]))


def _set(name: str, attributes: str, elements: Iterable[str]) -> Iterator[str]:
    yield f"\tset {name} {{"
    yield f"\t\t{attributes};"
    listed = ",\n\t\t\t".join(elements)
    if listed:
        yield f"\t\telements = {{\n\t\t\t{listed}\n\t\t}}"
    yield "\t}"


def _rules(groups: Iterable[str], management: Management | None) -> dict[str, list[Rule]]:
    ours: Rule = ("tcp dport @ports", [_match({"payload": {"protocol": "tcp", "field": "dport"}}, "@ports")])
    here: Rule = ("fib daddr type local", [_match({"fib": {"result": "type", "flags": "daddr"}}, "local")])
    accept: Rule = ("accept", [{"accept": None}])
    count: Rule = ("counter", [{"counter": None}])
    loopback: Rule = ('iif "lo"', [_match({"meta": {"key": "iif"}}, "lo")])
    refuse: Rule = ("goto refuse", [{"goto": {"target": "refuse"}}])
    admitted = [_from(version, f"{name}_{version}") for name in sorted(groups) for version in (4, 6)]
    rules = {
        "refuse": [*(_remember(version) for version in (4, 6)), ("counter drop", [{"counter": None}, {"drop": None}])],
        "judge": [_rule(loopback, accept), *(_rule(one, accept) for one in admitted), refuse],
        "count": [_rule(loopback, accept), *(_rule(one, count, accept) for one in admitted), refuse],
        "prerouting": [_rule(ours, here, _jump("judge"))],
        "input": [_rule(ours, _jump("count"))],
    }
    if management:
        open_to_all = [_state("established"), _state("related"), _protocol(ICMP), _protocol(ICMP_6), _dhcp(68), _dhcp(546)]
        ssh: Rule = (
            f"tcp dport @{_MANAGEMENT_PORTS}",
            [_match({"payload": {"protocol": "tcp", "field": "dport"}}, f"@{_MANAGEMENT_PORTS}")],
        )
        managers = [_rule(ssh, _from(version, name), accept) for version, name in _MANAGEMENT.items()]
        # Our own ports were judged before.
        passing = [_rule(one, accept) for one in (loopback, *open_to_all, ours)]
        rules["host"] = [*passing, *managers, ("counter drop", [{"counter": None}, {"drop": None}])]
    return rules


def _state(state: str) -> Rule:
    return f"ct state {state}", [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": state}}]


def _protocol(number: int) -> Rule:
    return f"meta l4proto {number}", [_match({"meta": {"key": "l4proto"}}, number)]


def _dhcp(port: int) -> Rule:
    """Answers to a client of DHCP (RFC 2131) or DHCPv6 (RFC 8415)."""
    return f"udp dport {port}", [_match({"payload": {"protocol": "udp", "field": "dport"}}, port)]


def _jump(chain: str) -> Rule:
    return f"jump {chain}", [{"jump": {"target": chain}}]


def _remember(version: int) -> Rule:
    """Where the set is full the packet goes on to the next rule."""
    family, name = _SAY[version], f"@{KNOCKING[version]}"
    key = {"payload": {"protocol": family, "field": "saddr"}}
    return (
        f"update {name} {{ {family} saddr counter }}",
        [{"set": {"op": "update", "elem": key, "set": name, "stmt": [{"counter": None}]}}],
    )


def _rule(*parts: Rule) -> Rule:
    return " ".join(words for words, _listed in parts), [expression for _words, listed in parts for expression in listed]


def _from(version: int, set_name: str) -> Rule:
    family, group = _SAY[version], f"@{set_name}"
    return f"{family} saddr {group}", [_match({"payload": {"protocol": family, "field": "saddr"}}, group)]


def _match(left: dict[str, Any], right: str | int) -> dict[str, Any]:
    return {"match": {"op": "==", "left": left, "right": right}}


def _skeleton(groups: Iterable[str], management: Management | None) -> dict[str, list[Any]]:
    """What a faithful listing holds besides elements: per object its attributes, and a chain's rules after them."""
    skeleton: dict[str, list[Any]] = {
        f"table {TABLE}": [{"family": FAMILY, "name": TABLE}],
        "set ports": [{"family": FAMILY, "name": "ports", "table": TABLE, "type": "inet_service"}],
    }
    for version, name in KNOCKING.items():
        skeleton[f"set {name}"] = [
            {
                "family": FAMILY,
                "name": name,
                "table": TABLE,
                "type": _TYPE[version],
                "size": _KNOCKING_SIZE,
                "timeout": REMEMBERED,
            }
        ]
    groups = sorted(groups)
    interval_sets = [(f"{name}_{version}", version) for name in groups for version in (4, 6)]
    if management:
        attributes = {"family": FAMILY, "name": _MANAGEMENT_PORTS, "table": TABLE, "type": "inet_service"}
        skeleton[f"set {_MANAGEMENT_PORTS}"] = [attributes]
        interval_sets += [(name, version) for version, name in _MANAGEMENT.items()]
    for set_name, version in interval_sets:
        skeleton[f"set {set_name}"] = [
            {"family": FAMILY, "name": set_name, "table": TABLE, "type": _TYPE[version], "flags": "interval"}
        ]
    for chain, rules in _rules(groups, management).items():
        described: dict[str, Any] = {"family": FAMILY, "table": TABLE, "name": chain}
        if chain in _BASE:
            described.update(type="filter", hook=_HOOK.get(chain, chain), prio=_BASE[chain], policy="accept")
        skeleton[f"chain {chain}"] = [described, *(listed for _words, listed in rules)]
    return skeleton


def _attributes(body: dict[str, Any]) -> Any:
    unsaid = {"handle", "elem"} | ({"flags"} if body["name"] in KNOCKING.values() else set())  # versions differ in listing them
    return _plain({key: value for key, value in body.items() if key not in unsaid})


def _plain(value: Any) -> Any:
    """Without what changes by itself (counts) or with nft's version (a list of one flag, or the flag alone)."""
    if isinstance(value, dict):
        return {
            key: None
            if key == "counter"
            else inner[0]
            if key == "flags" and isinstance(inner, list) and len(inner) == 1
            else _plain(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _NUMBERED.get(value, value) if isinstance(value, str) else value


def _interval(version: int, element: Any) -> Interval:
    if isinstance(element, dict):
        if "elem" in element:
            return _interval(version, element["elem"]["val"])
        if "range" in element:
            first, last = (number(version, end) for end in element["range"])
            return first, last
        prefix = element["prefix"]
        first = number(version, prefix["addr"])
        return first, first + (1 << (BITS[version] - prefix["len"])) - 1
    first = number(version, element)
    return first, first
