# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup host restores what it has, by itself, and has copies elsewhere."""

from __future__ import annotations

import json
import time
from typing import Any

from testinfra.host import Host

UNIT = "stronghold-drill"
STATE = "/var/lib/stronghold/drill/outcomes.json"


def await_good(vault: Host, compared: bool, seconds: int) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found = json.loads(vault.run(f"cat {STATE}").stdout or "{}").get("good") or {}
        if found and (found["compared"] or not compared):
            return dict(found)
        assert time.monotonic() < deadline, vault.check_output(f"journalctl -u {UNIT}")
        time.sleep(1)


def test_a_restore_is_drilled_once_there_is_a_backup_and_compared_once_there_is_another(hosts: dict[str, Host]) -> None:
    vault = hosts["vault-c"]
    assert vault.check_output(f"systemctl is-enabled {UNIT}.timer") == "enabled"
    await_good(vault, compared=False, seconds=240)
    vault.check_output("systemctl start stronghold-backup")
    good = await_good(vault, compared=True, seconds=300)
    assert good["documents"] > 0
    assert good["compared"] != good["base"]
    told = vault.check_output("/opt/stronghold/bin/stronghold drill status")
    assert told.endswith(" s, compared and equal")
    assert "last drill: " in vault.check_output("/opt/stronghold/bin/stronghold backup status")
    assert "\nmongodb_drill_ok 1\n" in vault.file("/var/lib/stronghold/metrics/mongodb_drill.prom").content_string


def test_its_server_leaves_nothing_and_the_service_never_starts(hosts: dict[str, Host]) -> None:
    vault = hosts["vault-c"]
    assert vault.run("pgrep -x mongod").rc == 1
    assert vault.run("ls /run/stronghold/scratch").stdout == ""
    assert vault.run("find / -xdev -name 'collection-*.wt' -not -path '/proc/*'").stdout == ""
    vault.run("systemctl start mongod")
    assert vault.check_output("systemctl show mongod -P ActiveState") == "inactive"
    assert vault.run("pgrep -x mongod").rc == 1


def test_there_are_copies_elsewhere(hosts: dict[str, Host]) -> None:
    vault = hosts["vault-c"]
    assert vault.check_output("systemctl is-enabled stronghold-offsite.timer") == "enabled"
    vault.check_output("systemctl start stronghold-offsite")  # or is part of a run that is under way
    vault.check_output("systemctl start stronghold-offsite")
    assert vault.check_output("/opt/stronghold/bin/stronghold offsite status").startswith("last copied elsewhere: ")
    assert oct(vault.file("/srv/elsewhere/bases").mode) == "0o700"
    newest = vault.check_output("/opt/stronghold/bin/stronghold backup list").splitlines()[1].split()[0]
    assert f"copied the backup {newest}" in vault.check_output("journalctl -u stronghold-offsite")


def test_each_keeps_what_it_knows_in_a_folder_of_its_own(hosts: dict[str, Host]) -> None:
    vault = hosts["vault-c"]
    assert all(name.endswith(".prom") for name in vault.file("/var/lib/stronghold/metrics").listdir())
    assert vault.file("/var/lib/stronghold/oplog").listdir()
