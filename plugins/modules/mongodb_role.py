#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_role
short_description: Manage MongoDB's custom roles, one or many at once
version_added: 0.1.0
description:
  - Creates, changes and drops custom roles, a single one or a whole list in one task with one connection.
  - Options that are not given keep what is there; empty ones clear it.
  - Privileges are compared as sets of actions on resources, so that their order, doubled actions and a resource that is split
    over several entries make no difference.
  - Roles that inherit each other are created in the order which that needs, and dropped in the reverse one.
  - A role that somebody has is not dropped. MongoDB would do it, and take the role silently from its holders; the task
    fails instead and names them.
author:
  - The stronghold.mongodb maintainers (@stronghold-mongodb)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
  - stronghold.mongodb.login
  - stronghold.mongodb.many
options:
  name: &name
    description:
      - Name of the role.
    type: str
    aliases: [role]
  database: &database
    description:
      - Database in which the role is defined. Only a role of V(admin) can reach beyond its own database.
    type: str
    default: admin
    aliases: [db]
  privileges: &privileges
    description:
      - What the role allows, besides what it inherits.
    type: list
    elements: dict
    suboptions:
      resource:
        description: What the actions are allowed on.
        type: dict
        required: true
        suboptions:
          db:
            description: A database, empty for any. Needs O(privileges[].resource.collection).
            type: raw
          collection:
            description: A collection, empty for any whose name does not begin with C(system.). Needs O(privileges[].resource.db).
            type: raw
          cluster:
            description: V(true) for the cluster as a whole, alone.
            type: bool
          anyResource:
            description: V(true) for everything, what the system keeps included, alone.
            type: bool
      actions:
        description: Names of actions, such as V(find), as in the MongoDB manual under "Privilege Actions".
        type: list
        elements: str
        required: true
  roles: &roles
    description:
      - Roles that the role inherits, each a name or a dictionary with the keys C(role) and C(db), in any order.
      - Without C(db) a role is one of O(database).
    type: list
    elements: raw
  authentication_restrictions: &authentication_restrictions
    description:
      - Where those who have the role may log in from and to, in any order. A client has to satisfy one of the elements.
    type: list
    elements: dict
    suboptions:
      clientSource:
        description: Addresses or CIDR blocks from which the client connects.
        type: list
        elements: str
      serverAddress:
        description: Addresses or CIDR blocks of the server to which the client connects.
        type: list
        elements: str
  state: &state
    description:
      - Whether the role exists.
    type: str
    choices: [present, absent]
    default: present
  custom_roles:
    description:
      - Several roles at once, each with the options above. One that cannot be made as declared does not stop the others;
        the task then fails in the end and names it.
      - Mutually exclusive with O(name).
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      database: *database
      privileges: *privileges
      roles: *roles
      authentication_restrictions: *authentication_restrictions
      state: *state
  purge:
    description:
      - Drop the custom roles of O(databases) that O(custom_roles) does not name. MongoDB's own roles are never dropped, nor are
        C(stronghold_expiry), C(stronghold_backup) and C(stronghold_rotation) of V(admin). A role that somebody still has is not
        either, which fails the task.
      - To keep a role as it is, declare its name alone.
    type: bool
    default: false
notes:
  - To drop a role, or to purge, the account in use has to see the users and roles of all databases.
  - In check mode an action that the server does not know is not noticed.
seealso:
  - module: stronghold.mongodb.mongodb_user
  - module: stronghold.mongodb.mongodb_role_info
"""

EXAMPLES = r"""
- name: Have a role that may read orders and add to the log
  stronghold.mongodb.mongodb_role:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    name: clerk
    database: shop
    privileges:
      - resource: {db: shop, collection: orders}
        actions: [find]
      - resource: {db: shop, collection: log}
        actions: [insert]

- name: Have roles of which one inherits the other, in any order, and no others in shop
  stronghold.mongodb.mongodb_role:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    custom_roles:
      - name: manager
        database: shop
        roles: [clerk]
        privileges:
          - resource: {db: shop, collection: orders}
            actions: [insert, update, remove]
      - name: clerk
        database: shop
        privileges:
          - resource: {db: shop, collection: orders}
            actions: [find]
    purge: true
    databases: [shop]
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, one sentence each.
  returned: success, and failure of some of them
  type: list
  elements: str
  sample: ["update role clerk@shop: privileges"]
applied:
  description: The part of RV(changes) that was carried out before the task failed.
  returned: failure
  type: list
  elements: str
roles:
  description: The roles of this task in their order, then those that were purged.
  returned: success, and failure of some of them
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
    database:
      description: Database in which it is defined.
      type: str
    changed:
      description: Whether this role was changed, or in check mode would be.
      type: bool
    error:
      description: Why this role could not be made as declared, in one sentence. Missing for those that could.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.role_server import Roles, plan_roles, surplus_roles
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.roles import Role, role_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import (
    Items,
    accept,
    declared,
    finish,
    funnel,
    one_or_many,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect, require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec


def main() -> None:
    module = accept(**one_or_many(login_argument_spec(), role_argument_spec(), "custom_roles"))
    require_pymongo(module)
    with funnel(module):
        manage(module)


def manage(module: AnsibleModule) -> None:
    roles = declared(module.params, "custom_roles", "role", Role.from_params)
    login = Login.from_params(module.params)
    with connect(login, "manage roles") as client:
        server = Roles(client, login)
        if module.params["purge"]:
            roles += surplus_roles(server, roles, module.params["databases"])
        plan = plan_roles(server, roles)
        shown = {role.title: {"name": role.name, "database": role.database} for role in roles}
        finish(module, plan, items=Items("roles", shown))


if __name__ == "__main__":
    main()
