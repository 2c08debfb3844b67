#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_config
short_description: Have the files that a mongod starts with
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Keeps the configuration, key file, systemd drop-in and directories of one mongod, as one plan in one task.
  - A new configuration replaces the old one only after mongod itself has read it (C(mongod --outputConfig)), in check mode too.
  - A running server goes on with what it started with. M(stronghold.mongodb.mongodb_restart) restarts it.
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
options:
  config:
    description:
      - Content of the configuration file.
      - Values of options whose name tells that they are secret, such as C(net.tls.certificateKeyFilePassword), are masked in
        every result, and the host's log holds none of it.
    type: str
    required: true
  config_file:
    description:
      - Path of the configuration file. It is root's, and O(group) may read it.
    type: path
    default: /etc/mongod.conf
  keyfile:
    description:
      - Content of the key file with which members prove that they belong together. Unset means that there is none to keep.
      - What mongod would not start with is refused before anything is written. It takes one key of 6 to 1024 characters of
        base64, white space aside, or a YAML list of two.
    type: str
  keyfile_file:
    description:
      - Path of the key file. It is for O(user) alone, since mongod takes no key file that its group may read.
    type: path
    default: /etc/stronghold/keyfile
  drop_in:
    description:
      - Content of a systemd drop-in for O(service). Unset means that there is none to keep.
    type: str
  drop_in_file:
    description:
      - Path of the drop-in.
    type: path
    default: /etc/systemd/system/mongod.service.d/stronghold.conf
  directories:
    description:
      - Directories of the server, for O(user) and O(group) with mode 0750.
    type: list
    elements: path
    default: []
  user:
    description:
      - Account under which the server runs.
    type: str
    default: mongodb
  group:
    description:
      - Group of the account.
    type: str
    default: mongodb
  mongod:
    description:
      - Name or path of the server's program.
    type: str
    default: mongod
  service:
    description:
      - Unit of the server. It is made to start at boot.
    type: str
    default: mongod
seealso:
  - module: stronghold.mongodb.mongodb_restart
"""

EXAMPLES = r"""
- name: Configure a server
  stronghold.mongodb.mongodb_config:
    config: |
      net:
        bindIp: 127.0.0.1
      storage:
        dbPath: /var/lib/mongodb
    directories: [/var/lib/mongodb, /var/log/mongodb]
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, changed.
  type: list
  elements: str
  returned: always
  sample: [change /etc/mongod.conf]
active:
  description: Whether the server ran when the module began.
  type: bool
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.file_plan import (
    File,
    plan_directories,
    plan_file,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.identity import ROOT, Owner
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel, without_files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import conf_secrets, keyfile
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.conf_check import read_by_mongod


def main() -> None:
    module = accept(
        argument_spec={
            "config": {"type": "str", "required": True, "no_log": True},
            "config_file": {"type": "path", "default": "/etc/mongod.conf"},
            "keyfile": {"type": "str", "no_log": True},
            "keyfile_file": {"type": "path", "default": "/etc/stronghold/keyfile", "no_log": False},
            "drop_in": {"type": "str", "no_log": True},
            "drop_in_file": {"type": "path", "default": "/etc/systemd/system/mongod.service.d/stronghold.conf"},
            "directories": {"type": "list", "elements": "path", "default": []},
            "user": {"type": "str", "default": "mongodb"},
            "group": {"type": "str", "default": "mongodb"},
            "mongod": {"type": "str", "default": "mongod"},
            "service": {"type": "str", "default": "mongod"},
        },
        supports_check_mode=True,
    )
    seen = conf_secrets.masked(module.params["config"])
    params = without_files(module, config=seen.text, drop_in=module.params["drop_in"])
    module.no_log_values.update(seen.secrets)
    with funnel(module):
        unit = Systemd(params["service"])
        active = unit.is_active()
        plan = build(params)
        if not unit.is_enabled():
            plan.add(f"start {unit.unit} at boot", f"unit {unit.unit}", "disabled", "enabled", unit.enable)
    finish(module, plan, active=active)


def build(params: dict[str, Any]) -> Plan:
    plan = Plan()
    owner = Owner.named(params["user"], params["group"])
    plan_directories(plan, map(Path, params["directories"]), owner, 0o750)
    path = Path(params["config_file"])
    check = read_by_mongod(params["mongod"], path)
    readable = Owner(ROOT.uid, owner.gid)
    plan_file(plan, File(path, params["config"], readable, 0o640, check=check, difference=conf_secrets.difference))
    if params["keyfile"] is not None:
        path = Path(params["keyfile_file"])
        plan_file(plan, File(path, params["keyfile"], owner, 0o600, secret=True, check=keyfile.taken_by_mongod(path)))
    if params["drop_in"] is not None:
        plan_file(plan, File(Path(params["drop_in_file"]), params["drop_in"], ROOT, 0o644))
    return plan


if __name__ == "__main__":
    main()
