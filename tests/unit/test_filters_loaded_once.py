# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's filters are read by Ansible's main process alone, not anew by each that it forks for a host and a task."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from programs import TREE

PROJECT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted(path.stem for path in (PROJECT / "playbooks").glob("*.yml"))
COUNTER = """
import os, sys
from ansible.plugins.callback import CallbackBase

MAIN = os.getpid()

def note(event, arguments):
    path = os.fsdecode(arguments[0]) if event == "open" and isinstance(arguments[0], (str, bytes)) else ""
    if "mongodb/plugins/filter/" in path and path.endswith((".py", ".pyc")):
        with os.fdopen(os.open(os.environ["READ_FILTERS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as log:
            log.write(("main" if os.getpid() == MAIN else "worker") + "\\n")

sys.addaudithook(note)

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "counter"
"""
INVENTORY = {
    "all": {
        "vars": {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "mongodb_cluster_name": "orders",
            "mongodb_cluster_version": "6.0",
            "mongodb_cluster_allow": ["zone_loss"],
            "mongodb_cluster_python": "/nonexistent/bin/python",
        },
        "children": {
            "mongodb": {
                "hosts": {f"db-{letter}": {"mongodb_cluster_address": f"192.0.2.{n}"} for n, letter in enumerate("abc", 1)}
            }
        },
    }
}


def readers(folder: Path, playbook: str) -> list[str]:
    """main or worker for each time a filter's source was read, while the playbook ran in check mode; the hosts are this one."""
    (folder / "callbacks").mkdir()
    (folder / "callbacks" / "counter.py").write_text(COUNTER)
    (folder / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    log = folder / "log"
    log.touch()
    subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(folder / "hosts.yml"), "--check", playbook],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": str(TREE),
            "ANSIBLE_CALLBACK_PLUGINS": str(folder / "callbacks"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "READ_FILTERS": str(log),
        },
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return log.read_text().split()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_no_process_of_a_task_reads_them(playbook: str, tmp_path: Path) -> None:
    found = readers(tmp_path, f"stronghold.mongodb.{playbook}")
    assert set(found) == {"main"}


def test_a_process_that_reads_them_is_noticed(tmp_path: Path) -> None:
    task = {"ansible.builtin.debug": {"msg": "{{ [] | stronghold.mongodb.host_names('') }}"}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    assert set(readers(tmp_path, str(tmp_path / "play.yml"))) == {"worker"}
