#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_backup
short_description: Take, verify and drop backups of a replica set
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Runs on a host of the group C(mongodb_backup), with the repository and the account that the role
    P(stronghold.mongodb.mongodb_backup#role) gave to its command C(stronghold backup), which also takes a backup every day
      by itself.
  - Takes a backup now, for instance before a risky change, of all or of a part; proves one to be whole; or drops one.
  - While another run works with the repository it is waited for, and after 15 seconds the task fails and names that run.
requirements:
  - pymongo >= 4.6 on the host that runs the module (the role P(stronghold.mongodb.mongodb_host#role) provides it)
  - restic >= 0.14 on the host that runs the module (the role P(stronghold.mongodb.mongodb_backup#role) provides it)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
attributes:
  idempotent:
    support: partial
    details: With O(state=present) each run takes a backup.
options:
  state:
    description:
      - With V(present) a backup is taken, whatever there is already.
      - With V(verified) the backup O(name) is read as a whole and compared with what was written, unless that was done within
        O(verified_within).
      - With V(absent) the backup O(name) is dropped, with what no other backup shares with it. The last backup of all that was
        verified, and the only one of all, are refused.
    type: str
    choices: [present, verified, absent]
    default: present
  name:
    description:
      - The C(id) of a backup. Required with O(state=absent). With O(state=verified) unset means the newest backup of all.
    type: str
  databases:
    description:
      - Databases to back up with O(state=present). Where neither O(databases) nor O(collections) names any, all is backed up.
      - A backup of a part is kept by the same rules as one of all, and never takes the place of one.
    type: list
    elements: str
    default: []
  collections:
    description:
      - Collections to back up with O(state=present), each as C(DATABASE.COLLECTION).
    type: list
    elements: str
    default: []
  query:
    description:
      - Which documents are wanted of the only one of O(collections), in extended JSON.
    type: dict
  verified_within:
    description:
      - So many days a proof counts. With V(0) the backup is always read.
    type: int
    default: 7
  config_directory:
    description:
      - Directory with the settings of the program's commands.
    type: path
    default: /etc/stronghold
notes:
  - The account that runs the module must be root.
  - In check mode nothing is written on the host or in the repository.
seealso:
  - module: stronghold.mongodb.mongodb_backup_info
  - module: stronghold.mongodb.mongodb_program
"""

EXAMPLES = r"""
- name: Take a backup before a risky change
  stronghold.mongodb.mongodb_backup:
  become: true
  vars:
    ansible_python_interpreter: /opt/stronghold/venv/bin/python
  register: before

- name: Prove it
  stronghold.mongodb.mongodb_backup:
    name: "{{ before.backup.id }}"
    state: verified
  become: true
  vars:
    ansible_python_interpreter: /opt/stronghold/venv/bin/python

- name: Take the orders of a year out
  stronghold.mongodb.mongodb_backup:
    collections: [shop.orders]
    query:
      placed:
        $gte: {$date: "2025-01-01T00:00:00Z"}
        $lt: {$date: "2026-01-01T00:00:00Z"}
  become: true
  vars:
    ansible_python_interpreter: /opt/stronghold/venv/bin/python

- name: Drop a backup
  stronghold.mongodb.mongodb_backup:
    name: 20261126T021300Z-92eee1
    state: absent
  become: true
  vars:
    ansible_python_interpreter: /opt/stronghold/venv/bin/python
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["take a backup of all from db-b:27017"]
applied:
  description: What was carried out although the task failed.
  returned: failure
  type: list
  elements: str
backup:
  description:
    - The backup that was taken or verified, with the fields of an element of
      RV(stronghold.mongodb.mongodb_backup_info#module:backups).
    - Null where it was dropped, or in check mode would be taken.
  returned: success
  type: dict
selected:
  description: What was there to be backed up when the task began.
  returned: success with O(state=present)
  type: dict
  contains:
    member:
      description: Address of the member that is read.
      type: str
      sample: db-b:27017
    collections:
      description: The collections, each as C(DATABASE.COLLECTION).
      type: list
      elements: str
    size:
      description: Bytes of all documents of the databases that they are in.
      type: int
"""

import platform
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.declared import (
    ACCEPT,
    Declared,
    opened,
    selection_of,
    settings_of,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "verified", "absent"], "default": "present"},
    "name": {"type": "str"},
    "databases": {"type": "list", "elements": "str", "default": []},
    "collections": {"type": "list", "elements": "str", "default": []},
    "query": {"type": "dict"},
    "verified_within": {"type": "int", "default": 7},
    "config_directory": {"type": "path", "default": "/etc/stronghold"},
}
ATTEMPTS = {"present": "take a backup", "verified": "verify a backup", "absent": "drop a backup"}


def main() -> None:
    module = accept(ARGUMENT_SPEC, required_if=[("state", "absent", ["name"])], supports_check_mode=True)
    require_pymongo(module)
    params = module.params
    with funnel(module):
        refuse_contradictions(module)
        settings = settings_of(Path(params["config_directory"]))
        with opened(settings, ATTEMPTS[params["state"]], predict=module.check_mode) as backups:
            manage(module, backups)


def refuse_contradictions(module: AnsibleModule) -> None:
    """Raises StrongholdError."""
    params = module.params
    selects = [name for name in ("databases", "collections", "query") if params[name] not in (None, [])]
    reason = None
    if params["name"] == "":
        reason = "name is empty"
    elif params["state"] == "present" and params["name"] is not None:
        reason = "a new backup is given its name, and cannot be told it"
    elif params["state"] != "present" and selects:
        reason = f"{selects[0]} is for state present alone"
    elif params["verified_within"] < 0:
        reason = "verified_within is below 0"
    if reason:
        raise StrongholdError(platform.node(), ACCEPT, reason, "correct it, or leave it out")


def manage(module: AnsibleModule, backups: Declared) -> None:
    params = module.params
    if params["state"] == "present":
        plan, selected = backups.taken(selection_of(params["databases"], params["collections"], params["query"]))
        finish(module, plan, report=lambda: {"backup": backups.result(plan)}, selected=selected)
    elif params["state"] == "absent":
        plan = backups.gone(params["name"])
        finish(module, plan, report=lambda: {"backup": backups.result(plan)})
    else:
        plan = backups.proved(params["name"], params["verified_within"])
        finish(module, plan, report=lambda: {"backup": backups.result(plan)})


if __name__ == "__main__":
    main()
