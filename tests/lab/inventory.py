# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet as an Ansible inventory, in the form that a user would write for hosts of their own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from lab import mirror, network
from lab.fleet import Fleet, ssh_options


def write(fleet: Fleet) -> Path:
    """Write ``inventory/hosts.yml`` into the fleet's folder and return its path."""
    groups: dict[str, Any] = {}
    for host in fleet.hosts:
        variables = {"ansible_host": host.address, "mongodb_cluster_zone": host.zone, **host.vars}
        groups.setdefault(host.group, {"hosts": {}})["hosts"][host.name] = variables
    data = {"all": {"vars": {**_connection(fleet), **_sources(fleet), **fleet.vars}, "children": groups}}
    path = fleet.home / "inventory" / "hosts.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n" + yaml.safe_dump(data, sort_keys=False))
    return path


def declare(fleet: Fleet, **variables: Any) -> Path:
    """Write the inventory with these variables of the cluster, which stay declared."""
    fleet.vars.update(variables)
    fleet.save()
    return write(fleet)


def _connection(fleet: Fleet) -> dict[str, Any]:
    return {
        "ansible_user": "root",
        "ansible_pipelining": True,
        "ansible_ssh_common_args": shlex.join(ssh_options(fleet)) + " -o ControlMaster=auto -o ControlPersist=10m",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def _sources(fleet: Fleet) -> dict[str, Any]:
    """Where these hosts get packages, the lab's mirror; and that this machine may connect to them."""
    base = f"http://{fleet.mirror_address}"
    return {
        "mongodb_cluster_version": "6.0",
        "mongodb_firewall_sources": [network.gateway(fleet.slot, index + 1) for index in range(len(fleet.zones))],
        "mongodb_install_mirror": f"{base}/apt/debian",
        "mongodb_install_key_url": f"{base}/key.asc",
        "mongodb_install_key_fingerprint": mirror.fingerprint(),
        "mongodb_host_python_find_links": f"{base}/wheels/",
        "mongodb_host_python_no_index": True,
    }
