#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_user
short_description: Manage MongoDB users, one or many at once
version_added: 0.1.0
description:
  - Creates, changes and drops users, a single one or a whole list in one task with one connection.
  - Options that are not given keep what is there; empty ones clear it. A change of the password alone keeps roles,
    restrictions and mechanisms.
  - Each user stands alone. Where one cannot be made as declared, the others still are; the task then fails in the end and
    says of each user what became of it.
  - Whether the password differs is found by deriving its SCRAM key and comparing it with the stored credential, so no
    login is tried and a task whose password already holds is not reported as changed.
author:
  - The stronghold.mongodb maintainers (@stronghold-mongodb)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
  - stronghold.mongodb.login
options:
  name:
    description:
      - Name of the user. For a user with a certificate, its subject as in RFC 2253.
      - Mutually exclusive with O(users).
    type: str
    aliases: [user]
  database:
    description:
      - Database in which the user is defined. V($external) for users with certificates.
    type: str
    default: admin
    aliases: [db]
  password:
    description:
      - Password of the user. Needed to create a user outside V($external).
    type: str
  roles:
    description:
      - Roles of the user, each a name or a dictionary with the keys C(role) and C(db), in any order.
      - Without C(db) a role is one of O(database), for users of V($external) one of V(admin).
    type: list
    elements: raw
  authentication_restrictions:
    description:
      - Where the user may log in from and to, in any order. A client has to satisfy one of the elements.
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
  mechanisms:
    description:
      - SCRAM mechanisms for which the server keeps a credential. Unset on creation means all that the server offers.
      - To add one to an existing user, its present password is needed in O(password).
    type: list
    elements: str
    choices: [SCRAM-SHA-256, SCRAM-SHA-1]
  custom_data:
    description:
      - Any data to keep with the user.
    type: dict
  state:
    description:
      - Whether the user exists.
    type: str
    choices: [present, absent]
    default: present
  update_password:
    description:
      - With V(always), the password of an existing user is made to match O(password); it changes only when it differs.
      - With V(on_create), O(password) is used for new users only.
    type: str
    choices: [always, on_create]
    default: always
  users:
    description:
      - Several users at once, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
        aliases: [user]
      database:
        description: As O(database).
        type: str
        default: admin
        aliases: [db]
      password:
        description: As O(password).
        type: str
      roles:
        description: As O(roles).
        type: list
        elements: raw
      authentication_restrictions:
        description: As O(authentication_restrictions).
        type: list
        elements: dict
        suboptions:
          clientSource:
            description: As O(authentication_restrictions[].clientSource).
            type: list
            elements: str
          serverAddress:
            description: As O(authentication_restrictions[].serverAddress).
            type: list
            elements: str
      mechanisms:
        description: As O(mechanisms).
        type: list
        elements: str
        choices: [SCRAM-SHA-256, SCRAM-SHA-1]
      custom_data:
        description: As O(custom_data).
        type: dict
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
        default: present
      update_password:
        description: As O(update_password).
        type: str
        choices: [always, on_create]
        default: always
seealso:
  - module: stronghold.mongodb.mongodb_bootstrap
"""

EXAMPLES = r"""
- name: Have an application account
  stronghold.mongodb.mongodb_user:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    name: shop
    password: "{{ shop_password }}"
    roles:
      - {role: readWrite, db: shop}
    authentication_restrictions:
      - clientSource: [192.0.2.0/24]

- name: Rotate its password and keep everything else
  stronghold.mongodb.mongodb_user:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    name: shop
    password: "{{ shop_password_new }}"

- name: Have many accounts in one task
  stronghold.mongodb.mongodb_user:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    users:
      - name: CN=reporting,O=Example
        database: $external
        roles:
          - {role: read, db: shop}
      - name: former
        state: absent
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["update user shop@admin: password"]
applied:
  description: What was carried out although the task failed.
  returned: failure
  type: list
  elements: str
users:
  description: The users of this task in their order.
  returned: success, and failure of some of them
  type: list
  elements: dict
  contains:
    name:
      description: Name of the user.
      type: str
    database:
      description: Database in which it is defined.
      type: str
    changed:
      description: Whether this user was changed, or in check mode would be.
      type: bool
    error:
      description: Why this user could not be made as declared, in one sentence. Missing for those that could.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import plan_users
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User, user_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._connection import (
    Login,
    connect,
    login_argument_spec,
    require_pymongo,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._module import Items, finish, funnel


def declared_users(module: AnsibleModule) -> list[User]:
    """The users that the task declares; ends the module for a malformed or doubled one."""
    items = [module.params] if module.params["users"] is None else module.params["users"]
    try:
        users = [User.from_params(item) for item in items]
    except ValueError as error:
        module.fail_json(msg=f"The option roles cannot be used because {error}.")
    titles = [user.title for user in users]
    doubled = sorted({title for title in titles if titles.count(title) > 1})
    if doubled:
        module.fail_json(msg=f"The option users declares more than once: {', '.join(doubled)}.")
    return users


def main() -> None:
    options = user_argument_spec()
    element = {**options, "name": {**options["name"], "required": True}}
    module = AnsibleModule(
        argument_spec={
            **login_argument_spec(),
            **options,
            "users": {"type": "list", "elements": "dict", "options": element},
        },
        mutually_exclusive=[("name", "users")],
        required_one_of=[("name", "users")],
        supports_check_mode=True,
    )
    require_pymongo(module)
    users = declared_users(module)
    login = Login.from_params(module.params)
    shown = {user.title: {"name": user.name, "database": user.database} for user in users}
    with funnel(module), connect(login, "manage users") as client:
        plan = plan_users(Accounts(client, login.where, login.timeout), users)
        finish(module, plan, items=Items("users", shown))


if __name__ == "__main__":
    main()
