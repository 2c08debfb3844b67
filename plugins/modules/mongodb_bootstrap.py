#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_bootstrap
short_description: Create the first MongoDB administrator before the server listens
version_added: 0.1.0
description:
  - Gives a data directory its first administrator while its service does not run, by a private mongod that listens on a
    Unix socket alone, in a directory that only root and O(user) can enter. The service can then start for the first
    time with C(enableLocalhostAuthBypass) off, so that at no moment an account can be created over the network.
  - Run it on the member that initiates the replica set, before its service starts. On an initiated set use
    M(stronghold.mongodb.mongodb_user).
  - It decides by the state of the data, not by a marker. Killed at any point and run again, it finishes.
  - Where a server already runs on the data, it only checks that the administrator can log in.
author:
  - The stronghold.mongodb maintainers (@stronghold-mongodb)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
  - stronghold.mongodb.login
attributes:
  check_mode:
    details:
      - Nothing is started in check mode. Whether data without a running server have their administrator is then not known,
        no change is predicted, and a warning says so.
options:
  login_user:
    description:
      - Name of the administrator.
    type: str
    required: true
  login_password:
    description:
      - Password of the administrator.
    type: str
    required: true
  auth_mechanism:
    description:
      - SCRAM mechanism for which the administrator gets a credential, and with which it logs in. Unset means V(SCRAM-SHA-256).
  db_path:
    description:
      - Data directory of the server. It has to exist, owned by O(user).
    type: path
    required: true
  mongod:
    description:
      - Name or path of the server's program.
    type: str
    default: mongod
  user:
    description:
      - Account under which the service runs. The private server runs under it too when the module runs as root.
    type: str
    default: mongodb
  roles:
    description:
      - Roles of the administrator, each a name or a dictionary with the keys C(role) and C(db).
    type: list
    elements: raw
    default: [root]
  storage:
    description:
      - Section C(storage) of the service's configuration, so that the data are opened as the service opens them.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds that each of these may take, waiting for another holder of the data, starting and stopping the private server.
    type: int
    default: 120
notes:
  - A running server is recognised by its lock on the data directory, whatever started it.
seealso:
  - module: stronghold.mongodb.mongodb_user
"""

EXAMPLES = r"""
- name: Create the administrator before mongod starts for the first time
  stronghold.mongodb.mongodb_bootstrap:
    login_user: admin
    login_password: "{{ admin_password }}"
    db_path: /var/lib/mongodb
    storage:
      directoryPerDB: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["create user admin@admin"]
"""

import platform
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.first import plan_first
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.scram import SHA_256
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User, roles_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.private_server import PrivateServer


def main() -> None:
    options = login_argument_spec()
    for name in ("login_user", "login_password"):
        options[name] = {**options[name], "required": True}
    module = accept(
        argument_spec={
            **options,
            "db_path": {"type": "path", "required": True},
            "mongod": {"type": "str", "default": "mongod"},
            "user": {"type": "str", "default": "mongodb"},
            "roles": {"type": "list", "elements": "raw", "default": ["root"]},
            "storage": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    require_pymongo(module)
    with funnel(module):
        manage(module)


def manage(module: AnsibleModule) -> None:
    params = module.params
    login = Login.from_params(params)
    server = PrivateServer(params["mongod"], Path(params["db_path"]), params["storage"], params["user"], params["timeout"])
    plan, warnings = plan_first(server, login, administrator(params, login), may_start=not module.check_mode)
    for warning in warnings:
        module.warn(warning)
    finish(module, plan)


def administrator(params: dict[str, Any], login: Login) -> User:
    """Raises StrongholdError for options that are none of an administrator's."""
    attempt = f"declare the administrator {login.user}"
    if login.auth_mechanism == "MONGODB-X509":
        reason = "the first administrator has a password, and auth_mechanism asks for a certificate"
        raise StrongholdError(platform.node(), attempt, reason, "set auth_mechanism to one of SCRAM, or leave it out")
    try:
        roles = roles_of(params["roles"], login.database)
    except ValueError as error:
        raise StrongholdError(platform.node(), attempt, str(error), "correct the option roles") from error
    return User(
        name=params["login_user"],
        database=login.database,
        password=login.password,
        roles=roles,
        mechanisms=frozenset({login.auth_mechanism or SHA_256}),
        overwrite=False,
    )


if __name__ == "__main__":
    main()
