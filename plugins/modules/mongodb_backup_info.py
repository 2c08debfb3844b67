#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_backup_info
short_description: Tell which backups there are, and to which points in time they can be restored
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Tells of every backup on a host of the group C(mongodb_backup) what it is, and why it is kept; of the archived oplog, where
    it is without a gap; and how far the archive is behind.
  - Writes nothing, takes no lock, and can be run while a backup is taken.
requirements:
  - pymongo >= 4.6 on the host that runs the module (the role P(stronghold.mongodb.mongodb_host#role) provides it)
  - restic >= 0.14 on the host that runs the module (the role P(stronghold.mongodb.mongodb_backup#role) provides it)
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
options:
  collections:
    description:
      - Whether to tell the collections of each backup, too.
    type: bool
    default: false
  config_directory:
    description:
      - Directory with the settings of the program's commands.
    type: path
    default: /etc/stronghold
notes:
  - The account that runs the module must be root.
seealso:
  - module: stronghold.mongodb.mongodb_backup
"""

EXAMPLES = r"""
- name: Look at the backups
  stronghold.mongodb.mongodb_backup_info:
  become: true
  vars:
    ansible_python_interpreter: /opt/stronghold/venv/bin/python
  register: vault

- name: Stop where no backup was ever verified
  ansible.builtin.assert:
    that: vault.backups | map(attribute='verified') is any
"""

RETURN = r"""
backups:
  description: The backups, in the order in which they arrived.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its name.
      type: str
      sample: 20261126T021300Z-92eee1
    method:
      description: How it was taken.
      type: str
      sample: logical
    replica_set:
      description: Name of the set.
      type: str
    member:
      description: Address of the member that was read.
      type: str
    server_version:
      description: Version of that member.
      type: str
      sample: 7.0.28
    feature_compatibility_version:
      description: The set's feature compatibility version.
      type: str
      sample: "7.0"
    partial:
      description: Whether only a part was selected.
      type: bool
    begun:
      description: When its taking began, by the clock of the backup host, in UTC.
      type: str
    ended:
      description: When it ended.
      type: str
    cluster_time:
      description: The time of the set as of which it was read.
      type: dict
      contains: &point
        time:
          description: In UTC.
          type: str
          sample: "2026-11-26T02:13:02Z"
        t:
          description: Seconds since 1970, as in a timestamp of BSON.
          type: int
        i:
          description: Number of the operation within that second.
          type: int
    consistent_at:
      description: The time of the set as of which it can be restored. Where it is later than RV(backups[].cluster_time) the
        oplog between them is a part
        of the backup.
      type: dict
      contains: *point
    arrived:
      description: When this host saw it first, in UTC.
      type: str
    verified:
      description: When it was last proved to be whole. Null where it never was.
      type: str
    kept_as:
      description: The reasons for which it stays. Empty where it will be dropped.
      type: list
      elements: str
      sample: [newest, daily]
    documents:
      description: Number of documents.
      type: int
    size:
      description: Bytes, before they are compressed and those that are there already are left out.
      type: int
    collections:
      description: The collections. Only with O(collections).
      type: list
      elements: dict
      contains:
        database:
          description: Database.
          type: str
        collection:
          description: Name.
          type: str
        kind:
          description: V(collection), V(view) or V(timeseries).
          type: str
        documents:
          description: Number of documents, of a time series that of its buckets.
          type: int
        size:
          description: Bytes of its documents.
          type: int
        consistency:
          description: V(snapshot) where it was read as of RV(backups[].cluster_time), V(oplog) where it is consistent once
            the oplog in the backup was
            replayed.
          type: str
unreadable:
  description: What calls itself a backup and is none, or lacks a part.
  returned: success
  type: list
  elements: dict
  contains:
    snapshot:
      description: Id of restic's snapshot.
      type: str
    reason:
      description: Why, as a sentence.
      type: str
archive:
  description: The archived oplog in the repository. Null where this host archives none.
  returned: success
  type: dict
  contains:
    segments:
      description: Number of its pieces.
      type: int
    windows:
      description: The parts without a gap, each with C(from) and C(to), which are given as RV(backups[].cluster_time) is.
      type: list
      elements: dict
    gaps:
      description: Where something is missing or disputed. C(after) is the last entry before it and C(before) the first one
        behind it, given likewise and
        null where there is none; C(reason) says what is wrong.
      type: list
      elements: dict
    unreadable:
      description: Snapshots that hold no pieces, or are damaged, each with C(snapshot) and C(reason).
      type: list
      elements: dict
archiver:
  description: What the archiver told last. Null where this host has none, or it told nothing since the host was started.
  returned: success
  type: dict
  contains:
    source:
      description: Address of the member that is read.
      type: str
    archived:
      description: When the newest write was made that is in the repository or in memory, in UTC.
      type: str
    stored:
      description: When the newest write was made that is in the repository, in UTC.
      type: str
    spooled:
      description: Bytes in memory that are not in the repository yet.
      type: int
    held:
      description: Whether nothing is read, since too much is in memory.
      type: bool
    hindrance:
      description: The last failure. Null while all is well.
      type: str
    told:
      description: When this was told, in UTC. It is told once a second.
      type: str
    rpo_seconds:
      description: How old the newest archived write is, in seconds. Null before the first. An idle set writes every ten
        seconds, too.
      type: float
restorable:
  description: The spans of time to any point of which a restore can go, in the order of time, from a backup of all and by
    the archive in the repository.
  returned: success
  type: list
  elements: dict
  contains:
    backup:
      description: The C(id) of the oldest backup with which it can be done.
      type: str
    from:
      description: Begin.
      type: dict
      contains: *point
    to:
      description: End; equal to the begin where there is no archive behind the backup.
      type: dict
      contains: *point
"""

import time
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.declared import oplog_settings_of, settings_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.overview import whole
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import known
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import require_pymongo

ARGUMENT_SPEC = {
    "collections": {"type": "bool", "default": False},
    "config_directory": {"type": "path", "default": "/etc/stronghold"},
}


def main() -> None:
    module = accept(ARGUMENT_SPEC, supports_check_mode=True)
    require_pymongo(module)
    with funnel(module):
        directory = Path(module.params["config_directory"])
        found = known(settings_of(directory), caching=False)
        told = whole(found, oplog_settings_of(directory), time.time(), collections=module.params["collections"])
        module.exit_json(changed=False, **told)


if __name__ == "__main__":
    main()
