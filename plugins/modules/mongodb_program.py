#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_program
short_description: Have a command of the collection run on the host by itself, at set times
version_added: 0.1.0
description:
  - Installs one program, made of the very code that the modules run, with the settings of one of its commands and the
    systemd units that run it, as one plan in one task.
  - The program needs no Ansible. It runs with the Python that runs this module.
  - The login options are what the command logs in with, if it does. They are kept in its settings, a file for root alone.
    This module does not connect.
author:
  - The stronghold.mongodb maintainers (@stronghold-mongodb)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
  - stronghold.mongodb.login
options:
  command:
    description:
      - What to run. V(expiry) removes accounts whose C(valid_until) has passed, on the primary, and ends their sessions on
        all members. On its own member it also ends operations of accounts that do not exist any more, whoever dropped them.
        What it did is one line of output for each account.
      - Its account needs the actions C(viewUser) and C(dropUser) on every database, and on the cluster C(viewUser),
        C(killAnySession), C(inprog), C(killop) and C(replSetGetConfig).
      - V(allowlist) keeps the rules of M(stronghold.mongodb.mongodb_allowlist) as they were declared. It puts back what another
        tool flushed, deleted or altered, and takes out entries that have expired. What it did is one line of output. It logs in
        nowhere.
      - V(certificates) judges the certificates, authorities and revocation lists of its O(settings) as
        M(stronghold.mongodb.mongodb_tls_info) does, and tells of each in one line. It fails, one sentence for each, where one is
        near its end, would be refused, or is not the one that the running server presents.
    type: str
    choices: [allowlist, certificates, expiry]
    required: true
  settings:
    description:
      - What the command V(certificates) looks at. It is kept in a file for root alone, and has no place for secrets.
      - The options C(ca_file), C(crl_file), C(certificates), C(servers), C(renew_before) and C(timeout) of
        M(stronghold.mongodb.mongodb_tls_info). Each server needs the C(path) of one of the certificates.
      - C(metrics_file), where wanted, is a file that receives metrics for the textfile collector of Prometheus' node exporter.
        Its directory must exist.
      - The other commands have no settings.
    type: dict
    default: {}
  service:
    description:
      - Content of the systemd unit C(stronghold-COMMAND.service), which runs O(program_file) with the name of the command.
    type: str
    required: true
  timer:
    description:
      - Content of the systemd unit C(stronghold-COMMAND.timer). The timer is started, now and at boot.
    type: str
    required: true
  program_file:
    description:
      - Path of the program. It serves all commands.
    type: path
    default: /opt/stronghold/bin/stronghold
  config_directory:
    description:
      - Directory of the settings, C(COMMAND.json).
    type: path
    default: /etc/stronghold
  unit_directory:
    description:
      - Directory of the units.
    type: path
    default: /etc/systemd/system
seealso:
  - module: stronghold.mongodb.mongodb_user
  - module: stronghold.mongodb.mongodb_tls_info
"""

EXAMPLES = r"""
- name: Remove expired accounts every half minute
  stronghold.mongodb.mongodb_program:
    command: expiry
    login_user: stronghold_expiry
    login_password: "{{ expiry_password }}"
    service: |
      [Service]
      Type=oneshot
      ExecStart=/opt/stronghold/bin/stronghold expiry
      TimeoutStartSec=30
    timer: |
      [Timer]
      OnCalendar=*:*:0/30
      AccuracySec=1s
      [Install]
      WantedBy=timers.target

- name: Look at the certificates every day and at boot
  stronghold.mongodb.mongodb_program:
    command: certificates
    settings:
      ca_file: /etc/stronghold/tls/ca.pem
      certificates:
        - path: /etc/stronghold/tls/member.pem
          names: [db-a.example.com]
        - path: /etc/stronghold/tls/client.pem
          kind: client
      servers:
        - host: localhost
          path: /etc/stronghold/tls/member.pem
          certificate_key_file: /etc/stronghold/tls/client.pem
      metrics_file: /var/lib/prometheus/node-exporter/mongodb_certificates.prom
    service: |
      [Service]
      Type=oneshot
      ExecStart=/opt/stronghold/bin/stronghold certificates
      TimeoutStartSec=60
    timer: |
      [Timer]
      OnBootSec=1min
      OnCalendar=daily
      Persistent=true
      [Install]
      WantedBy=timers.target
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, changed.
  type: list
  elements: str
  returned: success
  sample: [change /opt/stronghold/bin/stronghold]
applied:
  description: The part of RV(changes) that was carried out before the task failed.
  type: list
  elements: str
  returned: failure
"""

import platform
import sys
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.file_plan import ROOT, File, plan_file
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import certificates
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.bundle import build
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.installed import settings_text
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.program import COMMANDS, CONNECTING


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **login_argument_spec(),
            "command": {"type": "str", "choices": sorted(COMMANDS), "required": True},
            "settings": {"type": "dict", "default": {}},
            "service": {"type": "str", "required": True},
            "timer": {"type": "str", "required": True},
            "program_file": {"type": "path", "default": "/opt/stronghold/bin/stronghold"},
            "config_directory": {"type": "path", "default": "/etc/stronghold"},
            "unit_directory": {"type": "path", "default": "/etc/systemd/system"},
        },
        supports_check_mode=True,
    )
    if module.params["command"] in CONNECTING:
        require_pymongo(module)
    with funnel(module):
        plan = plan_program(module.params)
    finish(module, plan)


def plan_program(params: dict[str, Any]) -> Plan:
    """The timer comes last, so that what it starts is there."""
    plan = Plan()
    unit = f"stronghold-{params['command']}"
    service, timer = Systemd(f"{unit}.service"), Systemd(f"{unit}.timer")
    units = Path(params["unit_directory"])
    plan_file(plan, File(Path(params["program_file"]), build(sys.executable), ROOT, 0o755))
    plan_file(
        plan, File(Path(params["config_directory"], f"{params['command']}.json"), settings(params), ROOT, 0o600, secret=True)
    )
    before = len(plan.changes)
    plan_file(plan, File(units / service.unit, params["service"], ROOT, 0o644))
    plan_file(plan, File(units / timer.unit, params["timer"], ROOT, 0o644))
    if len(plan.changes) > before or service.needs_reload() or timer.needs_reload():
        plan.add("have systemd read the units", "systemd", "units as before", "units as on disk", timer.reload_manager)
    if not timer.is_enabled():
        plan.add(f"start {timer.unit} at boot", f"unit {timer.unit}", "disabled", "enabled", timer.enable)
    if not timer.is_active():
        plan.add(f"start {timer.unit}", f"unit {timer.unit}", "inactive", "active", timer.start)
    return plan


def settings(params: dict[str, Any]) -> str:
    """The file of ``_program.program``: what is unset is left out. Raises StrongholdError for what the command cannot use."""
    command, found = params["command"], dict(params["settings"])
    if command == "certificates":
        certificates.accepted(found, platform.node())
    elif found:
        attempt, reason = f"accept the settings of the command {command}", "it has none"
        raise StrongholdError(platform.node(), attempt, reason, "leave them out")
    return settings_text(command, found, Login.from_params(params))


if __name__ == "__main__":
    main()
