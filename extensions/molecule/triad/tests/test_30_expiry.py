# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary access ends by itself: nobody runs Ansible between the grant and its end."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import pytest
from pymongo.errors import OperationFailure
from scenario import load, playbook
from testinfra.host import Host

from lab import access
from lab.fleet import Fleet

MEMBERS = ["db-a", "db-b", "db-c"]
NAME, CANARY = "support", "canary-7f3a-password"
VALID = timedelta(seconds=12)
GONE_WITHIN = 72  # seconds: the grant's own, and the minute that is promised


def grant(fleet: Fleet) -> None:
    """Declare the temporary account as an operator does."""
    until = (datetime.now(timezone.utc) + VALID).isoformat()
    support = {"name": NAME, "password": CANARY, "roles": ["readAnyDatabase"], "valid_until": until}
    result = playbook.module(
        fleet,
        "db-a",
        "mongodb_user",
        login_user=access.ADMIN,
        login_password=access.password(fleet),
        replica_set=fleet.vars["mongodb_cluster_name"],
        tls_ca_file="/etc/stronghold/tls/ca.pem",
        tls_certificate_key_file="/etc/stronghold/tls/client.pem",
        users=[{**support, "granted_by": "anna", "reason": "ticket 42"}],
    )
    assert result.rc == 0, result.output


def known(fleet: Fleet, name: str) -> bool:
    with access.client(fleet, fleet.host(name)) as client:
        return bool(client.admin.command("usersInfo", NAME)["users"])


@pytest.mark.parametrize("name", MEMBERS)
def test_the_timer_runs_and_starts_at_boot(hosts: dict[str, Host], name: str) -> None:
    timer = hosts[name].service("stronghold-expiry.timer")
    assert timer.is_enabled
    assert timer.is_running
    assert hosts[name].check_output("systemctl show stronghold-expiry.service -P Result") == "success"
    settings = hosts[name].file("/etc/stronghold/expiry.json")
    assert (settings.user, oct(settings.mode)) == ("root", "0o600")
    remembered = hosts[name].file("/var/lib/stronghold/expiry")
    assert (remembered.user, remembered.mode & 0o022) == ("root", 0)
    program = hosts[name].file("/opt/stronghold/bin/stronghold")
    assert (program.user, oct(program.mode)) == ("root", "0o755")


def test_an_account_is_gone_a_minute_after_its_end(fleet: Fleet, hosts: dict[str, Host]) -> None:
    load.settle(fleet)
    leader = load.primary(fleet).name
    began = int(time.time())
    grant(fleet)
    deadline = time.monotonic() + GONE_WITHIN
    with ExitStack() as stack:
        held = [stack.enter_context(access.client(fleet, fleet.host(name), username=NAME, password=CANARY)) for name in MEMBERS]
        for client in held:
            client.admin.command("listDatabases")
        while any(known(fleet, name) for name in MEMBERS):
            assert time.monotonic() < deadline
            time.sleep(1)
        for client in held:
            with pytest.raises(OperationFailure):
                client.admin.command("listDatabases")
    read = f"journalctl -t stronghold-expiry -o cat --no-pager --since @{began}"
    journals = {name: hosts[name].check_output(read) for name in MEMBERS}
    (line,) = [line for line in journals.pop(leader).splitlines() if f"removed {NAME}@admin" in line]
    assert line.endswith(", granted by anna (ticket 42)")
    assert [name for name, journal in journals.items() if f"removed {NAME}" in journal] == []


@pytest.mark.parametrize("name", MEMBERS)
def test_no_journal_holds_the_password_of_the_timer_or_of_the_account(fleet: Fleet, hosts: dict[str, Host], name: str) -> None:
    secret = (access.secrets(fleet) / "expiry_password").read_text().strip()
    journal = hosts[name].check_output("journalctl --no-pager")
    assert "mongodb_program" in journal
    assert secret not in journal
    assert CANARY not in journal


@pytest.mark.parametrize("name", MEMBERS)
def test_a_run_with_nothing_to_do_leaves_the_journal_alone(hosts: dict[str, Host], name: str) -> None:
    host = hosts[name]
    count = "journalctl -u stronghold-expiry.service -o cat --no-pager | wc -l"
    before = host.check_output(count)
    host.check_output("systemctl start stronghold-expiry.service")
    assert host.check_output(count) == before
