# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All members get other names while a client writes; last of the story, since the hosts keep these names."""

from __future__ import annotations

import pytest
from cryptography.x509 import DNSName
from cryptography.x509.oid import ExtensionOID
from scenario import load, playbook

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
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


def test_nobody_vouches_for_the_former_names_any_more(fleet: Fleet) -> None:
    for host in access.members(fleet):
        found = presented(host.address, access.port(fleet), str(access.secrets(fleet) / "authority" / "ca.pem"))
        assert found.certificate
        extension = found.certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        names = extension.value.get_values_for_type(DNSName)
        assert f"{host.name}.{DOMAIN}" in names
        assert host.name not in names
        block = ssh(fleet, host.name, "sed -n '/^# BEGIN stronghold/,/^# END stronghold/p' /etc/hosts")
        assert [line.split()[1] for line in block.splitlines()[1:-1]].count(host.name) == 0


def test_the_next_run_changes_nothing(fleet: Fleet) -> None:
    assert set(playbook.converge(fleet).changed.values()) == {0}
