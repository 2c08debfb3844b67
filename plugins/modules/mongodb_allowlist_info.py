#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_allowlist_info
short_description: Tell which sources may reach MongoDB on a host, who does, and who is knocking
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Reads what M(stronghold.mongodb.mongodb_allowlist) keeps on this host, in the kernel and in the file for the boot.
  - Counts come from the rules in the kernel. They begin with 0 when the rules are loaded, at boot and when a group comes or goes.
notes:
  - The account that runs the module must be root.
requirements:
  - nftables with JSON support, as all distributions build it
seealso:
  - module: stronghold.mongodb.mongodb_allowlist
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
"""

EXAMPLES = r"""
- name: Who reaches MongoDB here
  stronghold.mongodb.mongodb_allowlist_info:
  register: allowlist

- name: Show who was turned away today
  ansible.builtin.debug:
    msg: "{{ allowlist.knocking | map(attribute='source') }}"
"""

RETURN = r"""
guarded:
  description: Whether the rules are in the kernel. Without, the ports are open to all.
  returned: success
  type: bool
drift:
  description: What in the kernel is not as it was loaded. The next run of M(stronghold.mongodb.mongodb_allowlist) puts it back.
  returned: success
  type: list
  elements: str
ports:
  description: The guarded ports.
  returned: success
  type: list
  elements: int
  sample: [27017]
groups:
  description: The groups in force.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    sources:
      description: Its entries.
      type: list
      elements: dict
      contains:
        source:
          description: Address, network or range.
          type: str
        comment:
          description: What it is for. Empty if nobody said so.
          type: str
        expires:
          description: Until when it holds, in UTC. Null for one without end.
          type: str
    persistent:
      description: Whether it comes back at boot.
      type: bool
    packets:
      description: Packets that it let in.
      type: int
    bytes:
      description: Their bytes.
      type: int
protected:
  description: Addresses that must stay admitted.
  returned: success
  type: list
  elements: str
management:
  description: Addresses that may reach the host by SSH while all else on it is closed. Empty where that is not limited.
  returned: success
  type: list
  elements: str
dropped:
  description: All packets to the MongoDB ports that were turned away, and their bytes.
  returned: success
  type: dict
  sample: {packets: 12, bytes: 720}
knocking:
  description: Sources that were turned away within the last day, the latest first; up to 4096 of each IP version.
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: Address.
      type: str
    packets:
      description: Packets of it that were turned away.
      type: int
    bytes:
      description: Their bytes.
      type: int
    last_seen:
      description: Time of the last one, in UTC.
      type: str
backend:
  description:
    - Through what the sources are admitted, C(nftables) or C(firewalld). The latter counts nothing, and does not tell who knocks.
  returned: success
  type: str
  sample: nftables
on_trial:
  description: Whether the rules in force will be taken back unless they are confirmed.
  returned: success
  type: bool
"""

import platform
import time
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.backend import open_allowlist
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.hits import entries, hits, knocking
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.plan import Allowlist, declared
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import read
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, funnel


def main() -> None:
    module = accept(argument_spec={}, supports_check_mode=True)
    with funnel(module):
        module.exit_json(changed=False, **told(open_allowlist(platform.node(), "recorded")))


def told(allowlist: Allowlist) -> dict[str, Any]:
    """The results, from one look at the kernel."""
    table = allowlist.nft.table()
    listing = None if table is None else read(table)
    admitted, dropped = ({}, {"packets": 0, "bytes": 0}) if table is None else hits(table)
    in_force = allowlist.ran.declaration or declared(listing) or allowlist.boot.declaration or Declaration()
    persistent = allowlist.boot.declaration.groups if allowlist.boot.declaration else {}
    return {
        "guarded": allowlist.guarded(listing),
        "backend": allowlist.backend,
        "drift": allowlist.drift(in_force, listing),
        "ports": list(in_force.ports),
        "groups": [
            {
                "name": name,
                "sources": entries(sources),
                "persistent": name in persistent,
                **admitted.get(name, {"packets": 0, "bytes": 0}),
            }
            for name, sources in in_force.groups.items()
        ],
        "protected": [str(source) for source in in_force.protected],
        "management": [str(source) for source in in_force.management],
        "dropped": dropped,
        "knocking": [] if table is None else knocking(table, time.time()),
        "on_trial": allowlist.trial.former() is not None,
    }


if __name__ == "__main__":
    main()
