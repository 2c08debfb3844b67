# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with an issuer renews its certificates without Ansible, and its server takes them up."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from scenario import playbook, watch
from testinfra.host import Host

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from lab import access
from lab.fleet import Fleet

NAME = "solo-1"
ISSUER = "/etc/stronghold/tls/issuer.pem"
PROCESS = "systemctl show --property=MainPID --value mongod"


def serial(fleet: Fleet) -> int:
    options = access.tls_options(fleet)
    own = options["tlsCertificateKeyFile"]
    seen = presented(fleet.host(NAME).address, 27017, options["tlsCAFile"], certificate_file=own)
    assert seen.certificate, seen.problem
    assert seen.problem == ""
    return seen.certificate.serial_number


def near_end(fleet: Fleet, host: Host) -> None:
    """Give the host certificates of which 5 of 30 days are left."""
    for path, kind in ((watch.MEMBER, "member"), (watch.CLIENT, "client")):
        data = watch.other(fleet, watch.certificate(host, path), kind, datetime.now(timezone.utc) - timedelta(days=25))
        host.check_output(f"cat > {path} <<'END'\n{data.decode()}END\n")


def test_it_renews_and_rotates_without_a_restart_and_the_playbook_agrees(fleet: Fleet, hosts: dict[str, Host]) -> None:
    host = hosts[NAME]
    before, process = serial(fleet), host.check_output(PROCESS)
    near_end(fleet, host)
    good, said = watch.look(host)
    assert good, said
    member = watch.certificate(host, watch.MEMBER)
    assert f"renewed {watch.MEMBER}: serial {describe.hexadecimal(member.certificate.serial_number)}, until" in said
    assert f"renewed {watch.CLIENT}: " in said
    assert member.chain == (watch.certificate(host, ISSUER).certificate,)
    assert serial(fleet) == member.certificate.serial_number != before
    assert host.check_output(PROCESS) == process
    file = host.file(watch.MEMBER)
    assert (file.user, file.group, oct(file.mode)) == ("root", "mongodb", "0o640")
    good, said = watch.look(host)
    assert good, said
    assert "renewed" not in said
    assert "taken up" not in said
    assert playbook.converge(fleet).changed == {NAME: 0}


def test_the_key_of_the_issuer_is_for_root_alone(hosts: dict[str, Host]) -> None:
    file = hosts[NAME].file(ISSUER)
    assert (file.user, oct(file.mode)) == ("root", "0o600")


def test_the_account_may_rotate_and_nothing_else(fleet: Fleet) -> None:
    with access.client(fleet, fleet.host(NAME)) as client:
        (role,) = client.admin.command("rolesInfo", "stronghold_rotation", showPrivileges=True)["roles"]
        users = client["$external"].command("usersInfo")["users"]
    assert [(item["resource"], item["actions"]) for item in role["privileges"]] == [({"cluster": True}, ["rotateCertificates"])]
    assert [(user["user"], user["roles"]) for user in users] == [
        (f"CN={NAME},OU=hosts,O=solo", [{"role": "stronghold_rotation", "db": "admin"}])
    ]
