# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive of the oplog on the backup host, which began with the first run of the playbook."""

from __future__ import annotations

import json
import time
from typing import Any

from scenario import load
from testinfra.host import Host

from lab import access
from lab.fleet import Fleet

UNIT = "stronghold-oplog"
RPO = 2.0  # seconds, and what it takes to ask


def state(vault: Host) -> dict[str, Any]:
    return dict(json.loads(vault.check_output("cat /run/stronghold/oplog/state.json")))


def await_archived(vault: Host, since: float, seconds: float) -> float:
    """After how many seconds a write of that time, in seconds since 1970, was archived."""
    while not (state(vault)["archived"] or 0) >= since * 1000:
        assert time.time() - since < seconds, vault.check_output(f"journalctl -u {UNIT}")
        time.sleep(0.1)
    return time.time() - since


def write(fleet: Fleet) -> float:
    with access.client(fleet, load.primary(fleet)) as client:
        client.orders.archived.insert_one({})
    return time.time()


def test_what_was_written_is_archived_within_seconds_and_stored(hosts: dict[str, Host], fleet: Fleet) -> None:
    vault = hosts["vault-c"]
    assert vault.check_output(f"systemctl is-active {UNIT}") == "active"
    assert await_archived(vault, write(fleet) - 0.5, 20) < RPO + 1.5
    told = vault.run("/opt/stronghold/bin/stronghold oplog status")
    assert told.rc == 0, told.stderr
    assert "newest archived write: " in told.stdout
    for _second in range(75):  # a segment is a minute
        found = state(vault)
        if found["stored"]:
            break
        time.sleep(1)
    assert found["hindrance"] is None
    assert found["source"] in {f"{name}:27017" for name in ("db-a", "db-b", "db-c") if name != load.primary(fleet).name}
    assert found["stored"], "no segment is in the repository"
    assert "mongodb_oplog_stored_seconds" in vault.file("/var/lib/stronghold/metrics/mongodb_oplog.prom").content_string


def test_it_goes_on_where_it_was_killed(hosts: dict[str, Host], fleet: Fleet) -> None:
    vault = hosts["vault-c"]
    pid = vault.check_output(f"systemctl show {UNIT} -P MainPID")
    vault.check_output(f"kill -KILL {pid}")
    since = write(fleet)
    await_archived(vault, since - 0.5, 30)
    assert vault.check_output(f"systemctl show {UNIT} -P MainPID") not in ("0", pid)
    assert "has a gap" not in vault.check_output(f"journalctl -u {UNIT}")
