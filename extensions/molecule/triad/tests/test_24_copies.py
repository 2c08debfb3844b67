# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the files that the member which is missed least sends to the backup host, all of it set up by the playbook."""

from __future__ import annotations

import json
import time

from testinfra.host import Host

from lab import access
from lab.fleet import Fleet

PROGRAM = "/opt/stronghold/bin/stronghold"
MEMBERS = ("db-a", "db-b", "db-c")
SETTINGS = "/etc/stronghold/physical.json"


def told(vault: Host) -> list[dict[str, str]]:
    return list(json.loads(vault.check_output(f"{PROGRAM} intake list --json")))


def test_one_member_sends_its_files_and_the_vault_has_them(hosts: dict[str, Host]) -> None:
    vault = hosts["vault-c"]
    for _second in range(180):  # a minute after boot
        made = vault.run("ls /var/lib/stronghold/inbox/*/config").stdout.split()
        if len(made) == len(MEMBERS) and vault.run("systemctl is-active stronghold-intake").stdout.strip() != "activating":
            break
        time.sleep(1)
    vault.check_output(f"{PROGRAM} intake run")
    before = len(told(vault))
    said = [hosts[name].check_output(f"{PROGRAM} physical run") for name in MEMBERS]
    (taken,) = [line.split()[1] for line in said if line.startswith("took ")]
    assert f"took in the backup {taken} of " in vault.check_output(f"{PROGRAM} intake run")
    assert len(told(vault)) == before + 1
    assert vault.run(f"{PROGRAM} intake status").rc == 0
    for name in MEMBERS:
        host = hosts[name]
        assert host.run(f"{PROGRAM} physical status").rc == 0
        assert host.check_output("systemctl show stronghold-physical -P Result") == "success"
        assert not host.file("/run/stronghold/physical.json").exists


def test_no_member_is_locked(hosts: dict[str, Host], fleet: Fleet) -> None:
    assert set(MEMBERS) < set(hosts)
    for name in MEMBERS:
        with access.client(fleet, fleet.host(name)) as client:
            assert not client.admin.command("currentOp").get("fsyncLock")


ASK = """
import base64, http.client, ssl, sys
login, host, port, method, known = sys.argv[1:]
context = ssl.create_default_context(cafile="/etc/stronghold/tls/ca.pem")
if known == "known":
    context.load_cert_chain("/etc/stronghold/tls/client.pem")
client = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
client.request(method, "/config", headers={"Authorization": "Basic " + base64.b64encode(login.encode()).decode()})
print(client.getresponse().status)
"""


def test_root_of_a_member_reads_no_vault_and_no_other_inbox(hosts: dict[str, Host]) -> None:
    vault, member = hosts["vault-c"], hosts["db-a"]
    own = json.loads(vault.file("/etc/stronghold/intake.json").content_string)["password"]
    assert member.run(f"grep -rlF '{own}' /etc /opt /var/lib/stronghold /run/stronghold").stdout == ""
    (place,) = json.loads(member.file(SETTINGS).content_string)["vaults"]
    login, _at, server = place["repository"].removeprefix("rest:https://").partition("@")
    host, _colon, port = server.rstrip("/").partition(":")

    def asked(port: int, method: str = "GET", known: str = "known") -> str:
        words = f"{login} {host} {port} {method} {known} <<'EOF'\n{ASK}EOF"
        return str(member.run(f"/opt/stronghold/venv/bin/python - {words}").stdout.strip())

    assert asked(int(port)) == "200"
    assert asked(int(port), "DELETE") in {"403", "405"}
    assert asked(int(port) + 1) == "401"
    assert asked(int(port), known="stranger") == ""
