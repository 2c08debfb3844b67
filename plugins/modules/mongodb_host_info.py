#!/usr/bin/python
# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_host_info
short_description: Tell what of a host matters to MongoDB
version_added: 0.1.0
author: The stronghold.mongodb maintainers (@stronghold-mongodb)
description:
  - Reads at once everything that the roles of this collection decide by, so that a host with nothing to do costs one visit.
  - It needs no library, and so runs with the system's Python before the managed Python environment exists.
  - Files with secrets are told by their digest alone. Each program that it asks has half a minute to answer.
extends_documentation_fragment:
  - stronghold.mongodb.attributes
  - stronghold.mongodb.attributes.info
options:
  db_path:
    description:
      - Data directory of the server. It need not exist.
    type: path
    required: true
  writes:
    description:
      - Other paths to which the server writes, such as the folder of its log. They need not exist.
    type: list
    elements: path
    default: []
  user:
    description:
      - Account under which mongod runs.
    type: str
    required: true
  group:
    description:
      - Group of that account.
    type: str
    required: true
  venv:
    description:
      - Directory of the managed Python environment. It need not exist.
    type: path
    required: true
  sysctls:
    description:
      - Kernel settings to tell, for example V(vm.swappiness).
    type: list
    elements: str
    default: []
  packages:
    description:
      - Packages to tell besides those whose name begins with V(mongodb-).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the host
  stronghold.mongodb.mongodb_host_info:
    db_path: /var/lib/mongodb
    user: mongodb
    group: mongodb
    venv: /opt/stronghold/venv
    sysctls: [vm.swappiness, vm.max_map_count]
  register: found

- name: Tell whether the clock is right
  ansible.builtin.debug:
    var: found.clock_synchronised
"""

RETURN = r"""
taken_at:
  description: When this was read, in UTC with microseconds. No two surveys of a host have the same.
  returned: success
  type: str
container:
  description: Whether the host is a container.
  returned: success
  type: bool
systemd:
  description: Whether systemd has booted it.
  returned: success
  type: bool
python:
  description: Real path of the interpreter that ran this module.
  returned: success
  type: str
pip_wheel:
  description: A pip that runs without being installed, or an empty string.
  returned: success
  type: str
nft:
  description: Whether nft is installed.
  returned: success
  type: bool
restic:
  description: Whether restic is installed.
  returned: success
  type: bool
rclone:
  description: Whether rclone is installed.
  returned: success
  type: bool
logrotate:
  description: Whether logrotate is installed.
  returned: success
  type: bool
cpu:
  description: Whether the processor has V(avx) and V(atomics).
  returned: success
  type: dict
numa_nodes:
  description: Number of NUMA nodes.
  returned: success
  type: int
swap_mb:
  description: MiB of swap that are on.
  returned: success
  type: int
mount:
  description:
    - The file system of O(db_path), with its point, fstype, options, free_mb, and read_ahead_sectors of 512 bytes.
    - Its logical_volume tells whether it lies on one of LVM.
  returned: success
  type: dict
rooms:
  description: >-
    Of each file system at or below O(db_path) and O(writes) the path at which the server writes to it, free_mb and size_mb.
  returned: success
  type: list
  elements: dict
thp:
  description: Settings of transparent huge pages, each with value and writable, or null where the kernel has it not.
  returned: success
  type: dict
thp_unit_enabled:
  description: Whether the unit that sets them is started at boot.
  returned: success
  type: bool
sysctls:
  description: The settings in O(sysctls), in the same form.
  returned: success
  type: dict
files:
  description: Path to content, mode and uid, of the files without secrets that the collection manages.
  returned: success
  type: dict
program:
  description: The program that runs on the host by itself, with sha256, mode and uid, or null.
  returned: success
  type: dict
settings:
  description: Command of the program to its settings, in the same form.
  returned: success
  type: dict
units:
  description: >-
    Unit of systemd to its ActiveState, UnitFileState and NeedDaemonReload: the collection's, and those of mongod and firewalld
    also where there is none.
  returned: success
  type: dict
packages:
  description: Installed package to its version, whether it is held, and whether its installation is complete.
  returned: success
  type: dict
packages_interrupted:
  description: Whether an installation of packages was interrupted.
  returned: success
  type: bool
time_services:
  description: Time services that run.
  returned: success
  type: list
  elements: str
clock_synchronised:
  description: Whether the kernel takes the clock for synchronised.
  returned: success
  type: bool
tuned:
  description: Profile of tuned, where that runs.
  returned: success
  type: str
selinux:
  description: V(enforcing), V(permissive) or V(disabled).
  returned: success
  type: str
user:
  description: The account in O(user), with uid, shell and group, or null.
  returned: success
  type: dict
group:
  description: Whether O(group) exists.
  returned: success
  type: bool
venv:
  description: >-
    The environment in O(venv): private tells whether root alone can write to it, distributions are versions by lower-case name,
    null where it does not work.
  returned: success
  type: dict
has_data:
  description: Whether O(db_path) holds the data of a server.
  returned: success
  type: bool
set_name:
  description: Name of the replica set in C(mongod.conf).
  returned: success
  type: str
cluster_auth:
  description: How members know each other by C(mongod.conf).
  returned: success
  type: str
tls_mode:
  description: TLS mode in C(mongod.conf).
  returned: success
  type: str
as_started:
  description: Whether the server's program and files are certainly those that it was started with.
  returned: success
  type: bool
"""

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.module import accept, funnel
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.survey import survey

ARGUMENT_SPEC = {
    "db_path": {"type": "path", "required": True},
    "writes": {"type": "list", "elements": "path", "default": []},
    "user": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "venv": {"type": "path", "required": True},
    "sysctls": {"type": "list", "elements": "str", "default": []},
    "packages": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    module = accept(ARGUMENT_SPEC, supports_check_mode=True)
    with funnel(module):
        module.exit_json(changed=False, **survey(module.params))


if __name__ == "__main__":
    main()
