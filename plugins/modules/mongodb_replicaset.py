#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_replicaset
short_description: Initiate a replica set and bring it into another shape by safe steps
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Initiates a replica set, or brings an existing one into the declared shape, members and settings alike, and waits for the
    state asked for.
  - Changes are made in steps that keep a voting majority and a member that can be primary at every moment. A new member joins
    without a vote and gets it once it is a secondary; votes are added and removed one at a time; a primary that is to go is
    stepped down first. Nothing is ever forced. A run that was interrupted is finished by the next one.
  - What is not said stays as it is, also within a member; for a new member the server's default applies.
  - Refuses, before anything is changed, a shape that the servers would not accept or that would not survive failures.
options:
  replica_set:
    description:
      - Name of the replica set, as in C(replication.replSetName) of its servers.
      - The set is found through O(login_host) and, where that one does not lead to it, through O(members).
    type: str
    required: true
  members:
    description:
      - The members of the set. Unset keeps the present ones.
      - Each is a string or a dictionary. The string, or C(host) in the dictionary, is C(name), C(name:port) or an
        address, IPv6 with or without brackets; without port it is 27017.
      - Further keys of the dictionary are C(zone) (becomes the tag C(zone); empty removes it), C(priority), C(votes), C(tags)
        (all tags of the member; empty removes them), C(hidden), C(secondary_delay_secs), C(arbiter_only).
      - A member that is declared under another name is still the same member, since the servers say who they are. It gets that
        name in place and keeps everything else; such members are renamed one at a time, the primary last. The new name must lead
        to the server on all hosts and be in its certificate first. Two names that lead to one server are refused.
      - A member that can only have priority 0, since it is hidden, delayed, an arbiter or without a vote, has it
        without being told.
    type: list
    elements: raw
  settings:
    description:
      - Settings of the set under the server's own names. What is not named stays.
    type: dict
    suboptions:
      chainingAllowed:
        description: Whether a secondary may replicate from another secondary.
        type: bool
      heartbeatTimeoutSecs:
        description: Seconds until a silent member counts as unreachable.
        type: int
      electionTimeoutMillis:
        description: Milliseconds until a silent primary is replaced.
        type: int
      catchUpTimeoutMillis:
        description: Milliseconds that a new primary may take to catch up; -1 without limit.
        type: int
      catchUpTakeoverDelayMillis:
        description: Milliseconds after which a member that is ahead of a new primary takes over; -1 never.
        type: int
      getLastErrorModes:
        description:
          - Named write concerns, each a dictionary of a tag and the number of its values to span. Empty removes them all.
        type: dict
  default_write_concern:
    description:
      - The write concern of clients that name none. Unset keeps it.
    type: dict
    suboptions:
      w:
        description: V(majority), a mode of O(settings.getLastErrorModes), or a number of members.
        type: raw
        required: true
      j:
        description: Whether to wait for the journal.
        type: bool
      wtimeout:
        description: Milliseconds after which a write stops waiting; 0 without limit.
        type: int
  allow:
    description:
      - Shapes that are otherwise refused.
      - V(even_votes) allows an even number of votes.
      - V(zone_loss) allows that the loss of one zone leaves no majority.
    type: list
    elements: str
    choices: [even_votes, zone_loss]
    default: []
  wait_for:
    description:
      - The state to wait for at the end. V(primary) is a primary that accepts writes, V(all) is every member serving as primary,
        secondary or arbiter.
    type: str
    choices: [primary, all, none]
    default: primary
  timeout:
    description:
      - Seconds for each single wait, such as for a new member to copy its data, an election, or O(wait_for).
    type: int
    default: 120
extends_documentation_fragment:
  - stronghold.mongodb.login
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.planned
notes:
  - A set is initiated through O(login_host), which must be one of its members, and the only one that may hold data.
  - A member that waits for its vote carries the tag C(stronghold_pending) meanwhile.
seealso:
  - module: stronghold.mongodb.mongodb_replicaset_info
"""

EXAMPLES = r"""
- name: Three members in three zones, writes acknowledged in two of them by default
  stronghold.mongodb.mongodb_replicaset:
    login_host: db-a.example.org
    login_user: admin
    login_password: "{{ admin_password }}"
    replica_set: orders
    members:
      - {host: db-a.example.org, zone: a, priority: 3}
      - {host: db-b.example.org, zone: b, priority: 2}
      - {host: db-c.example.org, zone: c, priority: 1}
    settings:
      electionTimeoutMillis: 5000
      getLastErrorModes:
        acrossZones: {zone: 2}
    default_write_concern: {w: majority}
    wait_for: all

- name: Change a setting and leave the members as they are
  stronghold.mongodb.mongodb_replicaset:
    replica_set: orders
    settings: {chainingAllowed: false}
"""

RETURN = r"""
changes:
  description: One sentence for every change, in order.
  returned: success
  type: list
  elements: str
  sample: ["add db-d:27017 without a vote", "give db-d:27017 its vote; set priority of db-d:27017 to 1"]
applied:
  description: The changes that were already made.
  returned: failure
  type: list
  elements: str
primary:
  description: Address of the primary; null where there is none, as in check mode before the set is initiated.
  returned: success
  type: str
  sample: db-a.example.org:27017
members:
  description: The members afterwards; in check mode, those before.
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
      description: Whether the other members reach it.
      type: bool
    votes:
      description: 0 or 1.
      type: int
    priority:
      description: Priority in elections.
      type: float
    zone:
      description: Its zone, empty where it has none.
      type: str
config_version:
  description: Version of the set's configuration; null before the set is initiated.
  returned: success
  type: int
"""

from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, finish, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login, login_argument_spec
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.declaration import (
    SETTINGS_SPEC,
    WRITE_CONCERN_SPEC,
    Declaration,
    parse_members,
    parse_modes,
    parse_write_concern,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.manage import Management
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.rules import EVEN_VOTES, ZONE_LOSS
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.server import ReplicaSet


def argument_spec() -> dict[str, dict[str, Any]]:
    return {
        **login_argument_spec(),
        "replica_set": {"type": "str", "required": True},
        "members": {"type": "list", "elements": "raw"},
        "settings": {"type": "dict", "options": SETTINGS_SPEC},
        "default_write_concern": {"type": "dict", "options": WRITE_CONCERN_SPEC},
        "allow": {"type": "list", "elements": "str", "choices": [EVEN_VOTES, ZONE_LOSS], "default": []},
        "wait_for": {"type": "str", "choices": ["primary", "all", "none"], "default": "primary"},
        "timeout": {"type": "int", "default": 120},
    }


def main() -> None:
    module = accept(argument_spec=argument_spec(), supports_check_mode=True)
    require_pymongo(module)
    login = Login.from_params(module.params)
    with funnel(module):
        declaration = declare(module.params, login)
        addresses = [item.address for item in declaration.members or ()]
        with ReplicaSet(login, addresses, module.params["timeout"]) as replica_set:
            management = Management(replica_set, login, declaration, check_mode=module.check_mode)
            plan = management.build()
            finish(module, plan, lambda: management.report(module.params["wait_for"]))


def declare(params: dict[str, Any], login: Login) -> Declaration:
    try:
        settings = {name: value for name, value in (params["settings"] or {}).items() if value is not None}
        if "getLastErrorModes" in settings:
            settings["getLastErrorModes"] = parse_modes(settings["getLastErrorModes"])
        return Declaration(
            name=params["replica_set"],
            members=parse_members(params["members"]),
            settings=settings,
            write_concern=parse_write_concern(params["default_write_concern"]),
            allow=params["allow"],
        )
    except ValueError as error:
        raise StrongholdError(login.where, "read the declaration", str(error), "correct it") from error


if __name__ == "__main__":
    main()
