# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup host of a converged cluster, which nobody told more than that it is one."""

from __future__ import annotations

import json
import time

import pytest
from pymongo.errors import OperationFailure
from scenario import load
from testinfra.host import Host

from lab import access
from lab.fleet import Fleet

PROGRAM = "/opt/stronghold/bin/stronghold"
UNIT = "stronghold-backup"
MARKER = "Backup of the Kookaburra"
DISKS = "/var/lib/stronghold /tmp /var/tmp /etc"


def backups(host: Host) -> list[list[str]]:
    """The cells of ``list``, newest first."""
    return [line.split() for line in host.check_output(f"{PROGRAM} backup list").splitlines()[1:]]


def test_the_first_backup_comes_by_itself(hosts: dict[str, Host]) -> None:
    vault = hosts["vault-c"]
    assert vault.check_output(f"systemctl is-enabled {UNIT}.timer") == "enabled"
    for _second in range(180):  # two minutes after boot
        if vault.check_output(f"systemctl show {UNIT} -P ExecMainExitTimestampMonotonic") != "0":
            break
        time.sleep(1)
    assert vault.check_output(f"systemctl show {UNIT} -P Result") == "success", vault.check_output(f"journalctl -u {UNIT}")
    assert backups(vault)


def test_a_secondary_is_read_and_what_is_kept_is_encrypted(hosts: dict[str, Host], fleet: Fleet) -> None:
    vault = hosts["vault-c"]
    primary = load.primary(fleet)
    with access.client(fleet, primary) as client:
        client.orders.marked.insert_one({"_id": 1, "text": MARKER})
    vault.check_output(f"systemctl start {UNIT}")
    newest = backups(vault)[0]
    assert newest[3] in {f"{name}:27017" for name in ("db-a", "db-b", "db-c") if name != primary.name}
    assert vault.run(f"{PROGRAM} backup verify {newest[0]}").rc == 0
    assert vault.run(f"{PROGRAM} backup status").rc == 0
    assert _written(vault, newest[0]) > 0
    vault.check_output(f"echo '{MARKER}' > /etc/control")
    assert vault.run(f"grep -rlaF '{MARKER}' {DISKS}").stdout.split() == ["/etc/control"]
    vault.check_output("rm /etc/control")
    repository = vault.file("/var/lib/stronghold/backup/bases")
    assert (repository.user, oct(repository.mode)) == ("root", "0o700")
    assert "mongodb_backup_count" in vault.file("/var/lib/stronghold/metrics/mongodb_backup.prom").content_string


def _written(vault: Host, name: str) -> int:
    """How often the marker is in the stream of small databases of a backup, by restic itself."""
    password = json.loads(vault.file("/etc/stronghold/backup.json").content_string)["password"]
    vault.check_output(f"umask 077; echo '{password}' > /run/p")
    restic = "restic -r /var/lib/stronghold/backup/bases --no-cache --no-lock --password-file /run/p"
    found = json.loads(vault.check_output(f"{restic} snapshots --json --tag backup={name} --path /small.archive"))
    count = vault.run(f"{restic} dump {found[0]['id']} /small.archive | grep -caF '{MARKER}'").stdout
    vault.check_output("rm /run/p")
    return int(count)


def test_its_account_reads_from_there_alone_and_changes_nothing(hosts: dict[str, Host], fleet: Fleet) -> None:
    password = (access.secrets(fleet) / "backup_password").read_text().strip()
    account = {"username": "stronghold_backup", "password": password}
    with access.client(fleet, load.primary(fleet), log_in=False, **account) as client, pytest.raises(OperationFailure):
        client.orders.marked.find_one()
    script = f"""
import json
import pymongo
login = json.load(open("/etc/stronghold/backup.json"))["login"]
client = pymongo.MongoClient(
    "{load.primary(fleet).name}", username=login["user"], password=login["password"], directConnection=True, tls=True,
    tlsCAFile=login["tls_ca_file"], tlsCertificateKeyFile=login["tls_certificate_key_file"])
assert client.orders.marked.find_one()["_id"] == 1
allowed = []
for name, attempt in {{
    "insert": lambda: client.orders.marked.insert_one({{}}),
    "drop": lambda: client.orders.marked.drop(),
    "configure": lambda: client.config.settings.insert_one({{}}),
    "block": lambda: client.admin.command("setUserWriteBlockMode", 1, **{{"global": True}}),
    "password": lambda: client.admin.command("updateUser", "stronghold_backup", pwd="x"),
    "grant": lambda: client.admin.command("grantRolesToUser", "stronghold_backup", roles=["root"]),
    "lock": lambda: client.admin.command("fsync", lock=True),
}}.items():
    try:
        attempt()
    except pymongo.errors.OperationFailure as error:
        if error.code != 13:
            allowed.append(f"{{name}}: {{error}}")
    else:
        allowed.append(name)
print(allowed)
"""
    vault = hosts["vault-c"]
    vault.check_output(f"cat > /run/attempts.py <<'END'\n{script}END")
    assert vault.check_output("/opt/stronghold/venv/bin/python /run/attempts.py") == "[]"
    vault.check_output("rm /run/attempts.py")
