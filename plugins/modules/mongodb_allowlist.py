#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: mongodb_allowlist
short_description: Decide which sources reach the MongoDB ports of a host
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Keeps named groups of source addresses that may reach the MongoDB ports of this host. Loopback always may; every other
    packet to these ports is dropped. Without any group only loopback is answered.
  - The rules live in the nftables table C(inet stronghold_mongodb) and in C(/etc/stronghold/firewall.nft), from which the role
    P(stronghold.mongodb.mongodb_firewall#role) has them loaded at boot. Other tables are left alone.
  - Changes are made in one transaction and only where something differs, so that at no moment a declared source is shut out or
    another one let in. A source that is removed loses its established connections too.
  - Both the kernel's table and the file are compared with the declaration, and what was changed or deleted behind Ansible's back
    is put back.
  - Ports that a container engine publishes on this host are covered as well, provided they are among O(ports).
options:
  name:
    description:
      - Name of a single group. It starts with a letter; letters, digits, C(_), C(.) and C(-) may follow, 63 characters in all.
    type: str
  sources:
    description:
      - Entries of the group O(name). An entry is an IPv4 or IPv6 address, a network in CIDR notation or a range C(FIRST-LAST), or
        a dictionary with V(source) and V(comment). Comments are kept in the file.
      - Entries may overlap. Unset keeps the entries of the group.
    type: list
    elements: raw
  groups:
    description:
      - Several groups in one task, and in one transaction.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      sources:
        description: As O(sources).
        type: list
        elements: raw
      state:
        description: As O(state), whose value is the default.
        type: str
        choices: [present, absent, exact]
  state:
    description:
      - With V(present) the entries are added to what the group holds, and the group is made if need be.
      - With V(exact) the group holds these entries and no other; an empty list clears it.
      - With V(absent) the group no longer admits these addresses, even if they are a part of a larger network in it. Without
        sources the whole group is removed.
    type: str
    choices: [present, absent, exact]
    default: present
  ports:
    description:
      - TCP ports to guard. They are common to all groups. A port that is no longer listed is no longer guarded.
      - Unset keeps those in force, which are V([27017]) at first.
    type: list
    elements: int
  persist:
    description:
      - Whether the declaration outlives a reboot. With V(false) only the kernel is changed and the file is left as it is.
    type: bool
    default: true
  purge:
    description:
      - Whether to remove every group that this task does not name.
    type: bool
    default: false
requirements:
  - nftables with JSON support, as all distributions build it
notes:
  - The account that runs the module must be root.
  - An address that several groups hold is admitted until the last of them lets it go.
seealso:
  - module: ansible.builtin.iptables
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
"""

EXAMPLES = r"""
- name: Let the application servers in
  stronghold.mongodb.mongodb_allowlist:
    name: application
    sources:
      - 192.0.2.0/25
      - source: 2001:db8:0:7::/64
        comment: second site

- name: Declare everything that may connect, and nothing else
  stronghold.mongodb.mongodb_allowlist:
    groups:
      - name: members
        sources: [198.51.100.11, 198.51.100.12, 198.51.100.13]
      - name: reporting
        sources: [203.0.113.20-203.0.113.29]
    state: exact
    purge: true

- name: Admit a workstation until the next boot
  stronghold.mongodb.mongodb_allowlist:
    name: support
    sources: [203.0.113.99]
    persist: false

- name: Answer loopback only
  stronghold.mongodb.mongodb_allowlist:
    groups: []
    purge: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, with the reason. One sentence for the kernel, one for the file.
  returned: success
  type: list
  elements: str
  sample:
    - "load table inet stronghold_mongodb: group application +2 -0"
    - "write /etc/stronghold/firewall.nft: group application +2 -0"
groups:
  description: Names of the groups in force.
  returned: success
  type: list
  elements: str
  sample: [application, members]
undeclared:
  description: How many entries the groups of this task hold besides the declared ones; groups without any are left out.
  returned: success
  type: dict
  sample: {application: 2}
ports:
  description: The guarded ports.
  returned: success
  type: list
  elements: int
  sample: [27017]
"""

import platform
from contextlib import nullcontext
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Request, Wish, tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.kernel import Nft
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.plan import plan_allowlist
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import GROUP_NAME
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import (
    BITS,
    Source,
    SourceError,
    parse,
    ranges,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store, alone
from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._module import finish, funnel

HIGHEST_PORT = 65535


def request_of(params: dict[str, Any], host: str) -> Request:
    """The request in the module's parameters. Raises StrongholdError, which names the entry that cannot be used."""
    declared = [params] if params["groups"] is None else params["groups"]
    groups: dict[str, Wish] = {}
    for group in declared:
        name = group["name"]
        if not GROUP_NAME.fullmatch(name):
            raise StrongholdError(
                host,
                f"use the group name '{name}'",
                "it is not a letter followed by letters, digits, '_', '.' or '-'",
                "choose another name",
            )
        if name in groups:
            raise StrongholdError(host, f"use the group '{name}'", "it is declared twice", "declare it once")
        sources = None if group["sources"] is None else tidy(source_of(entry, name, host) for entry in group["sources"])
        groups[name] = Wish(sources, group["state"] or params["state"])
    ports = params["ports"]
    if ports is not None:
        ports = tuple(sorted(set(ports)))
        if not ports:
            raise StrongholdError(host, "guard no port", "that would leave MongoDB open to all", "name its ports in ports")
        wrong = next((port for port in ports if not 1 <= port <= HIGHEST_PORT), None)
        if wrong is not None:
            raise StrongholdError(host, f"guard port {wrong}", "it is not a TCP port", f"name a port from 1 to {HIGHEST_PORT}")
    return Request(groups, ports, params["purge"])


def source_of(entry: Any, group: str, host: str) -> Source:
    """One entry, a string or a dictionary. Raises StrongholdError."""
    fields = entry if isinstance(entry, dict) else {"source": entry}
    attempt = f"use the entry '{fields.get('source', entry)}' of group '{group}'"
    source, comment = fields.get("source"), fields.get("comment") or ""
    if not isinstance(source, str) or not isinstance(comment, str) or set(fields) - {"source", "comment"}:
        raise StrongholdError(
            host, attempt, "it is neither a string nor source with comment", "write source: ADDRESS and comment: TEXT"
        )
    try:
        return parse(source, comment)
    except SourceError as error:
        raise StrongholdError(host, attempt, error.reason, error.remedy) from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "sources": {"type": "list", "elements": "raw"},
            "groups": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "sources": {"type": "list", "elements": "raw"},
                    "state": {"type": "str", "choices": ["present", "absent", "exact"]},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
            "ports": {"type": "list", "elements": "int"},
            "persist": {"type": "bool", "default": True},
            "purge": {"type": "bool", "default": False},
        },
        mutually_exclusive=[["name", "groups"], ["sources", "groups"]],
        required_one_of=[["name", "groups"]],
        required_by={"sources": ["name"]},
        supports_check_mode=True,
    )
    host = platform.node()
    with funnel(module):
        request = request_of(module.params, host)
        for name, version in unlimited(request):
            module.warn(f"Group '{name}' admits every IPv{version} address.")
        nft, store = Nft(host), Store(host)
        with nullcontext() if module.check_mode else alone(host):
            # A host that has no nft yet has no table yet: check mode predicts what a run will do after its installation.
            listing = nft.listing() if nft.installed or not module.check_mode else None
            plan, in_force = plan_allowlist(request, listing, nft, store, persist=module.params["persist"])
            finish(module, plan, **in_force)


def unlimited(request: Request) -> list[tuple[str, int]]:
    """Group and IP version wherever the entries cover the whole address space."""
    return [
        (name, version)
        for name, wish in request.groups.items()
        if wish.state != "absent"
        for version, intervals in ranges(wish.sources or ()).items()
        if intervals == [(0, (1 << BITS[version]) - 1)]
    ]


if __name__ == "__main__":
    main()
