#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_role_info
short_description: Tell what custom roles allow, and who has them
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Tells of each custom role its own and its effective privileges, who has it, and whether it can make its holder a superuser
    and by what.
extends_documentation_fragment:
  - stronghold.mongodb.many.info
  - stronghold.mongodb.login
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
notes:
  - The account in use has to see the users and roles of all databases.
  - All custom roles are found if the account may read C(admin.system.roles); else those of the databases that it may list, that
    O(databases) names, and in which users or their roles are defined.
seealso:
  - module: stronghold.mongodb.mongodb_user_info
  - module: stronghold.mongodb.mongodb_role
"""

EXAMPLES = r"""
- name: Look at the custom roles of shop
  stronghold.mongodb.mongodb_role_info:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    databases: [shop]
  register: shop

- name: Show those that nobody has
  ansible.builtin.debug:
    msg: "{{ shop.roles | rejectattr('held_by') | map(attribute='name') }}"
"""

RETURN = r"""
roles:
  description: The custom roles, in the order of database and name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
    database:
      description: Database in which it is defined.
      type: str
    privileges:
      description: What it allows itself, one entry with C(resource) and C(actions) for each resource.
      type: list
      elements: dict
    effective_privileges:
      description: What it allows with all that it inherits.
      type: list
      elements: dict
    roles:
      description: Roles directly below it, as C(role) and C(db).
      type: list
      elements: dict
    inherited_roles:
      description: All roles below it.
      type: list
      elements: dict
    held_by:
      description: Users and custom roles that have it directly.
      type: list
      elements: str
      sample: ["user ann@admin", "role manager@shop"]
    superuser:
      description: Whether who has it can make themselves anything.
      type: bool
    superuser_because:
      description: Why, one sentence each without a final stop.
      type: list
      elements: str
    address_restricted:
      description: Whether who has it may log in from declared addresses only.
      type: bool
    authentication_restrictions:
      description: Its own restrictions.
      type: list
      elements: dict
    problem:
      description: Why the server does not show all of it; its privileges are then unknown. Null if it does.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.directory import Directory, databases_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.overview import (
    Wanted,
    role_entries,
    wanted_argument_spec,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect, require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec


def main() -> None:
    module = accept(argument_spec={**login_argument_spec(), **wanted_argument_spec()}, supports_check_mode=True)
    require_pymongo(module)
    with funnel(module):
        look(module)


def look(module: AnsibleModule) -> None:
    login = Login.from_params(module.params)
    wanted = Wanted.from_params(module.params)
    with connect(login, "look at the roles") as client:
        directory = Directory(client, login)
        users = directory.users()
        roles = directory.roles([*databases_of(users), *wanted.databases])
        module.exit_json(changed=False, roles=role_entries(users, roles, wanted))


if __name__ == "__main__":
    main()
