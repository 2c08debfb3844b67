#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_user_info
short_description: Tell who may do what, from where and until when
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Tells of each user its effective privileges, those of inherited roles included, whether it can make itself a superuser and by
    what, when its access ends and who gave it, and whether it may log in from anywhere.
  - No credentials are read or returned.
extends_documentation_fragment:
  - stronghold.mongodb.many.info
  - stronghold.mongodb.login
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
notes:
  - The account in use has to see the users and roles of all databases, also where few are asked for, since a user who can set the
    password of a superuser is one.
  - Custom roles that such a judgement needs are found in all databases if the account may read C(admin.system.roles); else in
    those that it may list and those in which users or their roles are defined.
seealso:
  - module: stronghold.mongodb.mongodb_role_info
  - module: stronghold.mongodb.mongodb_user
  - plugin: stronghold.mongodb.accounts_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at all users
  stronghold.mongodb.mongodb_user_info:
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
  register: accounts

- name: Stop if anybody but the administrator is a superuser
  ansible.builtin.assert:
    that: accounts.users | selectattr('superuser') | map(attribute='name') | list == ['admin']

- name: Show who may log in from anywhere
  ansible.builtin.debug:
    msg: "{{ accounts.users | rejectattr('address_restricted') | map(attribute='name') }}"
"""

RETURN = r"""
users:
  description: The users, in the order of database and name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the user.
      type: str
    database:
      description: Database in which it is defined.
      type: str
    roles:
      description: Roles that were given to it, as C(role) and C(db).
      type: list
      elements: dict
    inherited_roles:
      description: All roles that it has, directly or by inheritance.
      type: list
      elements: dict
    effective_privileges:
      description: All that it may do, one entry with C(resource) and C(actions) for each resource.
      type: list
      elements: dict
    superuser:
      description: Whether it can make itself anything.
      type: bool
    superuser_because:
      description: Why, one sentence each without a final stop.
      type: list
      elements: str
      sample: ["may give any role of the cluster to anybody (grantRole on admin)"]
    address_restricted:
      description: Whether it may log in from declared addresses only, by restrictions of its own or of its roles.
      type: bool
    authentication_restrictions:
      description: Its own restrictions.
      type: list
      elements: dict
    mechanisms:
      description: That for which it has credentials; C(external) for users with certificates.
      type: list
      elements: str
    usable_mechanisms:
      description: >-
        Those of RV(users[].mechanisms) that the server offers; without any, the user cannot log in. Null where the account in use
        may not read them (action C(getParameter)).
      type: list
      elements: str
    grant:
      description: >-
        Null for a permanent account; else C(valid_until), C(granted_by), C(reason), C(granted_at), and C(expired), which tells
        whether that time has come. Times are in ISO 8601, in UTC.
      type: dict
    internal:
      description: Whether it is an account of the collection itself, by its name and roles.
      type: bool
    findings:
      description: >-
        What is wrong with it, one clause each: it says that it is an account of the collection and is none, it could lift its own
        end, or its end is no date.
      type: list
      elements: str
      sample: ["says that it is an account of this collection, and is none"]
    custom_data:
      description: What is kept with the user, without what the collection keeps there.
      type: dict
    problem:
      description: Why the server does not show all of it; privileges and superuser are then unknown. Null if it does.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.directory import Directory, databases_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.overview import (
    Wanted,
    user_entries,
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
    with connect(login, "look at the users") as client:
        directory = Directory(client, login)
        users = directory.users()
        roles = directory.roles(databases_of(users))
        module.exit_json(changed=False, users=user_entries(users, roles, directory.now(), wanted, directory.offer()))


if __name__ == "__main__":
    main()
