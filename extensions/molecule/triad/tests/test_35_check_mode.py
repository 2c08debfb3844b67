# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What would change is predicted in each place, nothing that runs is touched, and then nothing is predicted."""

from __future__ import annotations

import re

from scenario import playbook
from testinfra.host import Host

from lab.fleet import Fleet

CHANGED = re.compile(r"changed: \[(\S+)\]")


def test_check_mode_predicts_a_change_and_makes_none(fleet: Fleet, hosts: dict[str, Host]) -> None:
    before = hosts["db-a"].file("/etc/mongod.conf").content_string
    started = hosts["db-a"].check_output("systemctl show mongod -P ExecMainStartTimestampMonotonic")
    run = playbook.converge(
        fleet,
        "--check",
        "--diff",
        variables={
            "mongodb_server_config": {"net": {"maxIncomingConnections": 4000}},
            "mongodb_firewall_sources": ["192.0.2.0/24"],
            "mongodb_replica_set_settings": {"electionTimeoutMillis": 9000},
        },
    )
    assert all(run.changed[name] > 0 for name in ("db-a", "db-b", "db-c"))
    assert predicted(run, "maxIncomingConnections: 4000") == {"db-a", "db-b", "db-c"}
    assert predicted(run, "192.0.2.0/24") == {"db-a", "db-b", "db-c"}
    assert predicted(run, '"electionTimeoutMillis": 9000') == {"db-a"}
    assert hosts["db-a"].file("/etc/mongod.conf").content_string == before
    assert hosts["db-a"].check_output("systemctl show mongod -P ExecMainStartTimestampMonotonic") == started


def predicted(run: playbook.Run, line: str) -> set[str]:
    """The hosts in whose differences it is added."""
    found, added = set[str](), False
    for said in run.output.splitlines():
        added = (added or (said.startswith("+") and line in said)) and not said.startswith("TASK ")
        if host := CHANGED.match(said):
            found |= {host[1]} if added else set()
            added = False
    return found


def test_afterwards_it_predicts_nothing(fleet: Fleet) -> None:
    run = playbook.converge(fleet, "--check", "--diff")
    assert run.changed == {host.name: 0 for host in fleet.hosts}
