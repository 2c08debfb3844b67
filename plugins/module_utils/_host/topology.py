# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows from the inventory: members, priorities, tags, peers, seed. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.names import name_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import server_address

HostVars = Mapping[str, Mapping[str, Any]]

# A member of which no more is said: so that what is taken out of the inventory goes back, and is not kept by the set.
_PLAIN = {"votes": 1, "hidden": False, "secondary_delay_secs": 0, "tags": {}}
ZONE_SPAN = 2
ZONE_MODE = "acrossZones"


def derive(hostvars: HostVars, members: Sequence[str], backups: Sequence[str], port: int, zones: Sequence[str]) -> dict[str, Any]:
    """The cluster as its parts need it.

    ``members`` and ``backups`` are inventory names, ``zones`` the order of preference for the primary (zones
    that it leaves out follow in alphabetical order). Returns

    * hosts: inventory name -> {name, address, zone, kind: member|backup};
    * members: the members option of mongodb_replicaset;
    * peers: the values of hosts as a list;
    * seed: inventory name of the member that initiates the set, the first of the preferred zone;
    * modes: getLastErrorModes with a write concern that spans two zones, empty with fewer than two.

    Raises StrongholdError for a host without a usable address.
    """
    hosts = {name: _host(name, hostvars[name], "member") for name in members}
    hosts.update({name: _host(name, hostvars[name], "backup") for name in backups if name not in hosts})
    declared = {hosts[name]["zone"] for name in members if hosts[name]["zone"]}
    preferred = [_zone("mongodb_cluster_zones", zone) for zone in zones]
    ranking = [zone for zone in preferred if zone in declared] + sorted(declared - set(preferred))
    priorities = {zone: len(ranking) - rank for rank, zone in enumerate(ranking)}
    shaped = [_member(hosts[name], hostvars[name], port, priorities) for name in members]
    seeds = [name for name, member in zip(members, shaped) if _can_lead(member)]
    return {
        "hosts": hosts,
        "members": shaped,
        "peers": list(hosts.values()),
        "seed": max(seeds, key=lambda name: priorities.get(hosts[name]["zone"], 1)) if seeds else None,
        "modes": {ZONE_MODE: {"zone": ZONE_SPAN}} if len(declared) >= ZONE_SPAN else {},
    }


def _host(name: str, variables: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "name": _name(name, str(variables.get("mongodb_cluster_host") or name)),
        "address": _address(name, variables),
        "zone": _zone(name, variables.get("mongodb_cluster_zone", "")),
        "kind": kind,
    }


def _name(where: str, name: str) -> str:
    try:
        if server_address(name, None, ("it", "mongodb_cluster_port")).host == name:
            return name
        reason = f"'{name}' has more to it than a name or an address"
    except ValueError as error:
        reason = str(error)
    remedy = "correct mongodb_cluster_host, or its name in the inventory, and give ports in mongodb_cluster_port"
    raise StrongholdError(where, "know the name of the host", reason, remedy)


def _zone(where: str, value: Any) -> str:
    try:
        return name_of(value, "its zone", empty=True)
    except ValueError as error:
        reason, _separator, remedy = str(error).partition("; ")
        raise StrongholdError(where, "know the zone", reason, remedy) from error


def _address(name: str, variables: Mapping[str, Any]) -> str:
    candidates = [variables.get("mongodb_cluster_address"), variables.get("ansible_host")]
    facts = variables.get("ansible_facts") or {}
    candidates += [(facts.get(fact) or {}).get("address") for fact in ("default_ipv4", "default_ipv6")]
    for candidate in candidates:
        try:
            return str(ipaddress.ip_address(str(candidate)))
        except ValueError:
            continue
    raise StrongholdError(
        name,
        "tell the address at which the other hosts reach it",
        "neither mongodb_cluster_address nor ansible_host is an IP address and no facts of it were gathered",
        "set mongodb_cluster_address for it in the inventory, or run without --limit",
    )


def _member(host: Mapping[str, Any], variables: Mapping[str, Any], port: int, priorities: Mapping[str, int]) -> dict[str, Any]:
    overrides = dict(variables.get("mongodb_cluster_member") or {})
    bare = ":" not in host["name"]
    member: dict[str, Any] = {"host": f"{host['name']}:{port}" if bare else f"[{host['name']}]:{port}"}
    if host["zone"]:
        member["zone"] = host["zone"]
    passive = overrides.get("arbiter_only") or overrides.get("hidden") or overrides.get("votes") == 0
    member["priority"] = 0 if passive else priorities.get(host["zone"], 1)
    return {**member, **_PLAIN, **overrides}


def _can_lead(member: Mapping[str, Any]) -> bool:
    return float(member["priority"]) > 0 and not member.get("arbiter_only")
