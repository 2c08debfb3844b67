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
  - stronghold.mongodb.many
options:
  name: &name
    description:
      - Name of the user. For a user with a certificate, its subject as in RFC 2253.
    type: str
    aliases: [user]
  database: &database
    description:
      - Database in which the user is defined. V($external) for users with certificates.
    type: str
    default: admin
    aliases: [db]
  password: &password
    description:
      - Password of the user. Needed to create a user outside V($external).
    type: str
  roles: &roles
    description:
      - Roles of the user, each a name or a dictionary with the keys C(role) and C(db), in any order.
      - Without C(db) a role is one of the user's database, for users of V($external) one of V(admin).
    type: list
    elements: raw
  authentication_restrictions: &authentication_restrictions
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
  mechanisms: &mechanisms
    description:
      - SCRAM mechanisms for which the server keeps a credential. Unset on creation means all that the server offers. With a
        new password unset means those of the user's that the server offers; the others are dropped.
      - To add one to an existing user, its present password is needed too.
    type: list
    elements: str
    choices: [SCRAM-SHA-256, SCRAM-SHA-1]
  custom_data: &custom_data
    description:
      - Any data to keep with the user. The key C(stronghold) in it is reserved for what the other options keep there.
    type: dict
  valid_until: &valid_until
    description:
      - Until when the user may exist, as in ISO 8601 with a time zone, such as V(2030-12-31T18:00:00+01:00). The role
        P(stronghold.mongodb.mongodb_accounts#role) removes it at most a minute later and ends what it is doing.
      - A user whose time has already passed, by the clock of the server, is dropped, or not created, and marked C(expired) in
        the result.
      - Unset keeps the limit that is there, empty takes it away.
      - Refused where the user could lift its own end or go on as another one, since it may change what is kept with accounts
        (C(changeOwnCustomData), C(changeCustomData)), create accounts, give roles or set passwords, as C(userAdmin) and C(root)
        may. The roles' privileges are read for that.
      - The time is kept with the user. Each host remembers it, and keeps to what it saw first unless only others can have
        changed it.
    type: str
  granted_by: &granted_by
    description:
      - Who granted access until C(valid_until). Required with it.
    type: str
  reason: &reason
    description:
      - Why access was granted, such as the number of a ticket. Required with C(valid_until).
    type: str
  state: &state
    description:
      - Whether the user exists. Dropping a user that has a time limit also ends what it is doing.
    type: str
    choices: [present, absent]
    default: present
  update_password: &update_password
    description:
      - With V(always), the password of an existing user is made to match the given one; it changes only when it differs.
      - With V(on_create), the password is used for new users only.
    type: str
    choices: [always, on_create]
    default: always
  users:
    description:
      - Several users at once, each with the options above. One of O(name) and O(users) is required.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      database: *database
      password: *password
      roles: *roles
      authentication_restrictions: *authentication_restrictions
      mechanisms: *mechanisms
      custom_data: *custom_data
      valid_until: *valid_until
      granted_by: *granted_by
      reason: *reason
      state: *state
      update_password: *update_password
  purge:
    description:
      - Whether to drop the users of O(databases) that are not in O(users).
      - Never dropped are the account in use, those in O(protected), and the accounts of this collection itself,
        C(stronghold_expiry) and C(stronghold_backup) of V(admin), and those of V($external) that have the role
        C(stronghold_rotation) alone.
    type: bool
    default: false
  protected:
    description:
      - Users that O(purge) leaves alone, each by its name, or by its name, C(@) and its database.
    type: list
    elements: str
    default: []
notes:
  - The account in use (O(login_user)) may be among the users. It is changed last, and the module goes on with its new password.
    Run again with its former one in O(login_password), the module tries the declared one once before it fails, so that the
    same task can be repeated.
  - Two controllers may run the same task at once. A user that somebody else changes meanwhile, or a primary that steps down
    (with O(replica_set)), leads to another look and another decision.
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

- name: Let a supporter in until the evening
  stronghold.mongodb.mongodb_user:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    name: support-ann
    password: "{{ support_password }}"
    roles: [readAnyDatabase]
    valid_until: "2030-12-31T18:00:00+01:00"
    granted_by: bob
    reason: ticket 4711

- name: Have these users in two databases and no others
  stronghold.mongodb.mongodb_user:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    users: "{{ all_users }}"
    purge: true
    databases: [admin, shop]
    protected: [monitoring@admin]
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
  description: The users of this task in their order, then those that were purged.
  returned: success, and failure of some of them
  type: list
  elements: dict
  contains:
    name:
      description: Name of the user. Null for a database whose users could not be listed for O(purge).
      type: str
    database:
      description: Database in which it is defined.
      type: str
    changed:
      description: Whether this user was changed, or in check mode would be.
      type: bool
    purged:
      description: True for a user that was dropped because it is not declared. Missing for others.
      type: bool
    expired:
      description: True for a user that is declared with a time that has passed. Missing for others.
      type: bool
    error:
      description: Why this user could not be made as declared, in one sentence. Missing for those that could.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import plan_users
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.purge import Purge
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User, user_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import (
    Items,
    accept,
    declared,
    finish,
    funnel,
    one_or_many,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec


def main() -> None:
    shared = {**login_argument_spec(), "protected": {"type": "list", "elements": "str", "default": []}}
    module = accept(**one_or_many(shared, user_argument_spec(), "users"))
    require_pymongo(module)
    with funnel(module):
        manage(module)


def manage(module: AnsibleModule) -> None:
    users = declared(module.params, "users", "user", User.from_params)
    params = module.params
    purge = Purge(tuple(params["databases"]), frozenset(params["protected"])) if params["purge"] else None
    login = Login.from_params(params)
    own_password = next((user.password for user in users if user.key == (login.database, login.user)), None)
    with Accounts.opened(login, "manage users", own_password) as accounts:
        plan, shown = plan_users(accounts, users, purge)
        finish(module, plan, items=Items("users", shown, option="users"))


if __name__ == "__main__":
    main()
