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
        a dictionary with V(source), V(comment) and V(expires). Comments are kept in the file.
      - V(expires) is a time as in ISO 8601 with a zone, such as V(2030-12-31T18:00:00+01:00). An entry that is declared after
        that time is not made. One that is there goes by itself, at most a minute later, where
        M(stronghold.mongodb.mongodb_program) runs the command V(allowlist), else with the next task. With O(state=present) an
        entry without V(expires) keeps the end that it has; an empty one makes it permanent.
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
  protected:
    description:
      - Addresses that must stay admitted, such as those of members and of the backup host, kept in the file. A change after which
        one of them would be shut out is refused, also by a later task that does not name it. Unset keeps them, empty clears them.
    type: list
    elements: str
  management:
    description:
      - Addresses, networks or ranges from which this host may be reached by SSH. Where any are given, everything else on the
        host is closed, to all, except for the MongoDB ports as declared, loopback, ICMP, answers to what the host itself asked
        for, and answers of DHCP. Unset keeps what is in force, empty opens all but the MongoDB ports again.
      - Refused unless O(force) if the SSH connection over which this task runs would not be among them.
    type: list
    elements: str
  management_port:
    description:
      - Port of SSH on this host. Unset keeps the one in force, which is V(22) at first.
    type: int
  force:
    description:
      - Make the change even if it cuts off what is in O(protected), members of the replica set to which the server on this host
        belongs, or everybody but loopback. Without, each of these is refused.
      - The server is asked for its members only where somebody is to be shut out. It need not run. The login options say how
        to reach it; no account is needed. A server that listens but cannot be asked is a warning.
    type: bool
    default: false
  confirm_timeout:
    description:
      - Try the change for that number of seconds. Only the kernel is changed, and systemd takes the change back at the end of
        that time, whatever became of this run or of the connection to the host.
      - The same task without this option, run in time, confirms the change and makes it last.
    type: int
  backend:
    description:
      - Through what the sources are admitted. V(auto) takes firewalld where C(firewalld.service) is active, else nftables.
      - With V(firewalld), of version 0.9 or later, the policy C(stronghold-mongodb) judges the ports before every zone. It has an
        ipset for each IP version, which hold what all groups admit together. Which group an address belongs to is in the file
        C(/etc/stronghold/firewall.nft) alone, and nothing is counted. The first declaration reloads firewalld, and so does one
        that changes more than 200 entries at once. What was changed with C(firewall-cmd) for the run time alone is lost then.
      - firewalld does not judge packets that reach a container through a port that is published on this host.
    type: str
    choices: [auto, nftables, firewalld]
    default: auto
requirements:
  - nftables with JSON support, as all distributions build it
notes:
  - The account that runs the module must be root.
  - An address that several groups hold is admitted until the last of them lets it go.
seealso:
  - module: stronghold.mongodb.mongodb_allowlist_info
  - module: ansible.builtin.iptables
extends_documentation_fragment:
  - stronghold.mongodb.login
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

- name: Let support in for an evening
  stronghold.mongodb.mongodb_allowlist:
    name: support
    sources:
      - source: 203.0.113.99
        comment: ticket 4711
        expires: "2035-03-01T22:00:00+01:00"

- name: Try a change from afar, which comes back after five minutes unless the same task confirms it without confirm_timeout
  stronghold.mongodb.mongodb_allowlist:
    name: application
    sources: [192.0.2.128/26]
    state: exact
    confirm_timeout: 300

- name: Answer loopback only
  stronghold.mongodb.mongodb_allowlist:
    groups: []
    purge: true
    force: true
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
backend:
  description: Through what they are admitted, C(nftables) or C(firewalld).
  returned: success
  type: str
  sample: nftables
ports:
  description: The guarded ports.
  returned: success
  type: list
  elements: int
  sample: [27017]
"""

import gc
import platform
from contextlib import nullcontext
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.backend import open_allowlist
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, Request, Wish, tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.plan import Allowlist
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import GROUP_NAME, management_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.safety import (
    refuse_harm,
    refuse_lockout,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.session import ssh_session
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import (
    BITS,
    NEVER,
    UNSET,
    Ranges,
    Source,
    SourceError,
    parse,
    ranges,
    subtract,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import alone
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec

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
    for port in (*(params["ports"] or ()), params["management_port"]):
        if port is not None and not 1 <= port <= HIGHEST_PORT:
            raise StrongholdError(host, f"guard port {port}", "it is not a TCP port", f"name a port from 1 to {HIGHEST_PORT}")
    if params["ports"] == []:
        raise StrongholdError(host, "guard no port", "that would leave MongoDB open to all", "name its ports in ports")
    protected, management = (
        None
        if params[option] is None
        else tidy(source_of(entry, option, host)._replace(expires=NEVER) for entry in params[option])
        for option in ("protected", "management")
    )
    return Request(
        groups,
        None if params["ports"] is None else tuple(sorted(set(params["ports"]))),
        params["purge"],
        protected,
        management,
        params["management_port"],
    )


def source_of(entry: Any, group: str, host: str) -> Source:
    """One entry, a string or a dictionary. Raises StrongholdError."""
    fields = entry if isinstance(entry, dict) else {"source": entry}
    attempt = f"use the entry '{fields.get('source', entry)}' of group '{group}'"
    source, comment, expires = fields.get("source"), fields.get("comment"), fields.get("expires")
    texts = all(isinstance(text, (str, type(None))) for text in (comment, expires))
    if not isinstance(source, str) or not texts or set(fields) - {"source", "comment", "expires"}:
        raise StrongholdError(
            host,
            attempt,
            "it is neither a string nor source with comment and expires",
            "write source: ADDRESS, comment: TEXT and expires: TIME, each in quotes",
        )
    try:
        return parse(source, comment or "", _end(expires))
    except SourceError as error:
        raise StrongholdError(host, attempt, error.reason, error.remedy) from error
    except ValueError as error:
        raise StrongholdError(host, attempt, str(error), "write for example 2030-12-31T18:00:00Z") from error


def _end(expires: str | None) -> int:
    if expires is None:
        return UNSET
    return int(moments.parse(expires).timestamp()) if expires else NEVER


def main() -> None:
    gc.disable()  # a list of a hundred thousand entries holds no cycles, and the process ends soon
    module = accept(
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
            "protected": {"type": "list", "elements": "str"},
            "management": {"type": "list", "elements": "str"},
            "management_port": {"type": "int"},
            "force": {"type": "bool", "default": False},
            "confirm_timeout": {"type": "int"},
            "backend": {"type": "str", "choices": ["auto", "nftables", "firewalld"], "default": "auto"},
            **login_argument_spec(),
        },
        mutually_exclusive=[["name", "groups"], ["sources", "groups"]],
        required_one_of=[["name", "groups"]],
        required_by={"sources": ["name"]},
        supports_check_mode=True,
    )
    host = platform.node()
    params = module.params
    with funnel(module):
        request = request_of(params, host)
        if params["confirm_timeout"] is not None and params["confirm_timeout"] < 1:
            reason = f"confirm_timeout is {params['confirm_timeout']}"
            raise StrongholdError(host, "try the change", reason, "give the seconds, at least 1")
        for name, version in unlimited(request):
            module.warn(f"Group '{name}' admits every IPv{version} address.")
        with nullcontext() if module.check_mode else alone(host, locks.MODULE_TIMEOUT):
            allowlist = open_allowlist(host, params["backend"], predict=module.check_mode)

            def guard(before: Ranges, after: Ranges, target: Declaration) -> None:
                if not params["force"]:
                    refuse_lockout(host, management_of(target), ssh_session())
                    refuse_harm(host, before, after, target.protected, endangered(module, before, after, target))

            plan, in_force = allowlist.plan(
                request, persist=params["persist"], confirm_timeout=params["confirm_timeout"], guard=guard
            )
            finish(module, plan, report=lambda: remembered(module, allowlist), backend=allowlist.backend, **in_force)


def endangered(module: AnsibleModule, before: Ranges, after: Ranges, target: Declaration) -> dict[str, Source]:
    """The other members of the running set, where somebody is to be shut out."""
    if not any(subtract(before[version], after[version]) for version in (4, 6)):
        return {}
    from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.members import (  # noqa: PLC0415
        running_members,  # PyMongo takes longer to load than most runs take
    )

    members, unasked = running_members(Login.from_params(module.params), target.ports)
    for reason in unasked:
        module.warn(f"Whether a member of the running set is cut off could not be told: {reason}")
    return members


def remembered(module: AnsibleModule, allowlist: Allowlist) -> dict[str, Any]:
    """After the change: what the kernel holds now is noted, which is no result."""
    if not module.check_mode:
        allowlist.remember()
    return {}


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
