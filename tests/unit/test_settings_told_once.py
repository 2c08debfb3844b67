# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A typing error in the settings of servers stops a play before its first change, by one sentence for all hosts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import ansible

WRONG = {"mongodb_server_config": {"net": {"prot": 27018}}}
PLAY: dict[str, Any] = {
    "hosts": "mongodb",
    "gather_facts": False,
    "pre_tasks": [{"ansible.builtin.setup": {"gather_subset": ["!all", "!min", "distribution"]}}],
    "roles": ["stronghold.mongodb.mongodb_cluster"],
    "tasks": [{"ansible.builtin.debug": {"msg": "went on"}}],
}


@pytest.mark.parametrize(
    ("of_all", "of_one", "of_play", "teller"),
    [(WRONG, {}, {}, "db-a"), ({}, WRONG, {}, "db-b"), ({}, {}, WRONG, "db-a")],
    ids=["of all hosts", "of one host", "of the play"],
)
def test_it_is_told_once(
    tmp_path: Path, of_all: dict[str, Any], of_one: dict[str, Any], of_play: dict[str, Any], teller: str
) -> None:
    hosts: dict[str, dict[str, Any]] = {f"db-{zone}": {"mongodb_cluster_zone": zone} for zone in "abc"}
    hosts["db-b"].update(of_one)
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "mongodb_cluster_name": "orders",
        "mongodb_cluster_version": "6.0",
        **of_all,
    }
    for index, host in enumerate(hosts.values(), 1):
        host["ansible_host"] = f"192.0.2.{index}"
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"mongodb": {"hosts": hosts, "vars": shared}}))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{**PLAY, "vars": of_play}]))
    done = ansible("playbook", "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml"))
    told = re.findall(r'"msg": "(.*)"', done.stdout)
    assert told == [
        f"{teller}: could not accept the declaration because net.prot is no option of mongod, and net.port is one;"
        " correct it in mongodb_server_config."
    ], done.stdout
    assert "changed=1" not in done.stdout
