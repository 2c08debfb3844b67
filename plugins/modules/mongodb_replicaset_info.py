#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_replicaset_info
short_description: Tell the state of a replica set
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Tells who is primary, which members lag or are missing and since when, whether there is a voting majority, and which zone
    the set could lose now.
  - Also works where the set has no primary or is not initiated.
options:
  replica_set:
    description:
      - Name of the replica set. When set, a server that belongs to another one is an error.
    type: str
extends_documentation_fragment:
  - stronghold.mongodb.login
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
notes:
  - The state is the primary's view, or where there is none, that of O(login_host).
seealso:
  - module: stronghold.mongodb.mongodb_replicaset
"""

EXAMPLES = r"""
- name: Look at the set
  stronghold.mongodb.mongodb_replicaset_info:
    login_host: db-a.example.org
    login_user: admin
    login_password: "{{ admin_password }}"
  register: orders

- name: Stop unless any zone may be lost
  ansible.builtin.assert:
    that: orders.zones.values() | map(attribute='can_be_lost') is all
"""

RETURN = r"""
initiated:
  description: Whether the server belongs to an initiated set. If not, the other values are empty.
  returned: success
  type: bool
name:
  description: Name of the set.
  returned: success
  type: str
primary:
  description: Address of the primary; null where there is none.
  returned: success
  type: str
  sample: db-a.example.org:27017
majority:
  description: Whether more than half of the voters are healthy.
  returned: success
  type: bool
members:
  description: The members.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: Address in the set's configuration.
      type: str
    state:
      description: State by the server's name for it, such as C(PRIMARY), as in C(stateStr) of C(replSetGetStatus).
      type: str
    health:
      description: Whether it can be reached.
      type: bool
    message:
      description: What the server has to say about it, such as why it cannot be reached.
      type: str
    unreachable_since:
      description: When it was last heard of, in UTC. Null where it can be reached or was never heard of.
      type: str
      sample: "2026-01-31T04:05:06Z"
    lag_secs:
      description: Seconds that it is behind the primary, or where there is none, behind the newest member. Null for an arbiter.
      type: int
    votes:
      description: 0 or 1.
      type: int
    priority:
      description: Priority in elections.
      type: float
    hidden:
      description: Whether clients do not see it.
      type: bool
    arbiter_only:
      description: Whether it holds no data.
      type: bool
    secondary_delay_secs:
      description: Seconds that it is kept behind on purpose.
      type: int
    tags:
      description: Its tags.
      type: dict
    zone:
      description: Its tag C(zone), empty where it has none.
      type: str
zones:
  description:
    - For each zone its number of votes, and whether its loss now would leave a majority.
    - A zone of which nothing is left is lost already.
  returned: success
  type: dict
  sample: {"a": {"votes": 1, "can_be_lost": true}}
config_version:
  description: Version of the set's configuration.
  returned: success
  type: int
term:
  description: Number of the election term.
  returned: success
  type: int
default_write_concern:
  description: The write concern of clients that name none.
  returned: success
  type: dict
  sample: {"w": "majority", "wtimeout": 0}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.discovery import ask_all, foreign
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.overview import NOT_INITIATED, behind, overview
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import ReplicaSet


def main() -> None:
    module = accept(argument_spec=login_argument_spec(), supports_check_mode=True)
    require_pymongo(module)
    with funnel(module):
        look(module)


def look(module: AnsibleModule) -> None:
    login = Login.from_params(module.params)
    with ReplicaSet(login, [], login.timeout) as replica_set:
        sighting = replica_set.find()
        other = foreign(sighting.peers.values(), login.replica_set) if login.replica_set else None
        if other:
            raise StrongholdError(login.where, f"read replica set {login.replica_set}", other.reason, other.remedy)
        snapshot = replica_set.snapshot()
        told = {key: peer.hello for key, peer in ask_all(login, behind(snapshot)).items()} if snapshot else {}
        module.exit_json(changed=False, **(overview(snapshot, told) if snapshot else NOT_INITIATED))


if __name__ == "__main__":
    main()
