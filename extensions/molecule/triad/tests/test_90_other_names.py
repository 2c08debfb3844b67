# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All members get other names while a client writes; last of the story, since the hosts keep these names."""

from __future__ import annotations

import pytest
from scenario import load, playbook

from lab import access, inventory
from lab.fleet import Fleet, ssh

DOMAIN = "corp.example"


def known(fleet: Fleet) -> dict[int, str]:
    with access.client(fleet, load.primary(fleet)) as client:
        config = client.admin.command("replSetGetConfig")["config"]
    return {member["_id"]: member["host"] for member in config["members"]}


def test_members_get_other_names_while_a_client_writes(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    load.settle(fleet)
    before = known(fleet)
    inventory.declare(fleet, mongodb_cluster_host=f"{{{{ inventory_hostname }}}}.{DOMAIN}")
    with load.write_load(fleet, "vault-c") as account:
        playbook.converge(fleet)
        ssh(fleet, load.primary(fleet).name, "systemctl restart mongod")
        load.settle(fleet)
    assert known(fleet) == {number: host.replace(":", f".{DOMAIN}:") for number, host in before.items()}
    assert account.errors == []
    assert set(account.acknowledged) <= load.stored(fleet)
    with capsys.disabled():
        print(f"\nother names: {len(account.acknowledged)} writes, longest gap {account.longest_gap:.2f} s")
