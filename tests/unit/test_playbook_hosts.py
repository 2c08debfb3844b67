# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On which hosts the site playbook works, and that it begins on none while one of them cannot be reached."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import ansible

SITE = "stronghold.mongodb.site"
HERE = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
NOWHERE = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o BatchMode=yes -o ControlMaster=no"}
WITHOUT_PYTHON = {**HERE, "ansible_python_interpreter": "/nonexistent"}
MEMBERS = {"db-a", "db-b", "db-c"}


@pytest.fixture
def inventory(tmp_path: Path) -> str:
    groups: dict[str, dict[str, Any]] = {
        "mongodb": {"db-a": HERE, "db-b": NOWHERE, "db-c": HERE},
        "vaults": {"vault-a": WITHOUT_PYTHON},
        "mongodb_backup": {"vault-b": HERE},
    }
    children = {name: {"hosts": hosts} for name, hosts in groups.items()}
    variables = {"mongodb_cluster_name": "orders", "mongodb_cluster_version": "6.0"}
    file = tmp_path / "inventory.yml"
    file.write_text(yaml.safe_dump({"all": {"vars": variables, "children": children}}))
    return str(file)


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ([], "all:!db-b"),
        (["--limit=mongodb"], "mongodb:!db-b"),
        (["-e", "mongodb_cluster_backup_group=vaults"], "all:!db-b:!vault-a"),
    ],
)
def test_a_host_that_cannot_be_reached_stops_the_run_with_what_to_type(inventory: str, words: list[str], limit: str) -> None:
    done = ansible("playbook", "-i", inventory, SITE, "--check", *words)
    names = ", ".join(name[1:] for name in limit.split(":") if name.startswith("!"))
    told = re.findall(r"^fatal: \[\S+\]: FAILED! => (\{.*\})$", done.stdout, re.MULTILINE)[-1]
    assert done.returncode != 0
    assert json.loads(told)["msg"] == (
        f"orders: could not begin because {names} cannot be reached or asked, for the reason above; mend that, or work on the "
        f"others meanwhile with --limit '{limit}' -e mongodb_replica_set_wait_for=primary."
    )
    tasks = re.findall(r"^TASK \[(.*)\]", done.stdout, re.MULTILINE)
    assert tasks == ["Meet the hosts", "Stop where one of them cannot be reached"]


def test_without_it_the_run_begins(inventory: str) -> None:
    done = ansible("playbook", "-i", inventory, SITE, "--check", "--limit=all:!db-b")
    assert "could not begin" not in done.stdout
    assert "TASK [stronghold.mongodb.mongodb_cluster : Check that the inventory describes a cluster]" in done.stdout


@pytest.mark.parametrize(
    ("variables", "hosts", "members", "vaults"),
    [
        ("mongodb_cluster_backup_group=vaults", MEMBERS | {"vault-a"}, MEMBERS, {"vault-a"}),
        ("mongodb_cluster_group=vaults", {"vault-a", "vault-b"}, {"vault-a"}, {"vault-b"}),
        ("mongodb_hosts=db-c:vaults", {"db-c", "vault-a"}, {"db-c"}, set()),
    ],
)
def test_groups_of_other_names_are_given_to_the_playbook(
    inventory: str, variables: str, hosts: set[str], members: set[str], vaults: set[str]
) -> None:
    done = ansible("playbook", "-i", inventory, SITE, "--list-hosts", "-e", variables)
    plays = [set(re.findall(r"^      (\S+)$", play, re.MULTILINE)) for play in done.stdout.split("play #")[1:]]
    assert plays == [hosts, members, vaults]
