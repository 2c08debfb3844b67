# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Revocation on a running cluster, and whom its members refuse. What follows in this story runs with revocation on."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import ServerSelectionTimeoutError
from scenario import certificates, load, playbook

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import hexadecimal
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from lab import access, inventory
from lab.certificates import issue
from lab.fleet import Fleet

DAY = timedelta(days=1)
LAPTOP = Wanted(Path("/unused"), "client", Subject("laptop", "orders", "people"), days=30)
TLS = "/etc/stronghold/tls"


def test_turned_on_by_a_rolling_restart(fleet: Fleet) -> None:
    load.settle(fleet)
    before = certificates.processes(fleet)
    inventory.declare(fleet, mongodb_tls_revocation=True)
    playbook.converge(fleet)
    assert set(before).isdisjoint(certificates.processes(fleet))


def test_a_revoked_certificate_is_refused_by_every_member_without_a_restart(fleet: Fleet, tmp_path: Path) -> None:
    load.settle(fleet)
    before = certificates.processes(fleet)
    stolen = tmp_path / "stolen.pem"
    pair = issue(certificates.opened(fleet), LAPTOP)
    stolen.write_bytes(pem.write_pair(pair))
    assert [certificates.refused(fleet, host, stolen) for host in access.members(fleet)] == ["", "", ""]
    playbook.converge(fleet, variables={"mongodb_tls_revoked": [str(stolen)]})
    assert [certificates.refused(fleet, host, stolen) for host in access.members(fleet)] == ["certificate revoked"] * 3
    assert certificates.processes(fleet) == before
    load.settle(fleet)
    with access.client(fleet, load.primary(fleet)) as client:
        client.load.get_collection("kept", write_concern=pymongo.WriteConcern(3, wtimeout=20000)).insert_one({})

    told = playbook.module(
        fleet,
        "db-b",
        "mongodb_tls_info",
        ca_file=f"{TLS}/ca.pem",
        crl_file=f"{TLS}/crl.pem",
        servers=[{"host": "localhost", "path": f"{TLS}/member.pem", "certificate_key_file": f"{TLS}/client.pem"}],
    ).result
    assert [item["revoked"] for item in told["revocation_lists"]] == [[hexadecimal(pair.certificate.serial_number)]]
    assert [(server["verified"], server["matches_file"]) for server in told["servers"]] == [(True, True)]
    assert playbook.converge(fleet).changed == {host.name: 0 for host in fleet.hosts}, "the entry may leave the declaration"


def test_every_member_refuses_bad_certificates_old_protocols_and_plaintext(fleet: Fleet, tmp_path: Path) -> None:
    by, now = certificates.opened(fleet), datetime.now(timezone.utc)
    key = make_key("ec-p256")
    foreign = pem.Pair(authority.sign_authority(key, by_name(by), 100, now), (), key)
    made = {
        "": issue(by, LAPTOP),
        "certificate has expired": issue(by, LAPTOP, now - 40 * DAY),
        "certificate is not yet valid": issue(by, LAPTOP, now + DAY),
        "unable to verify the first certificate": issue(foreign, LAPTOP),
    }
    for host in access.members(fleet):
        for reason, pair in made.items():
            path = tmp_path / "certificate.pem"
            path.write_bytes(pem.write_pair(pair))
            assert certificates.refused(fleet, host, path) == reason
        for suites in ("AESGCM", "CHACHA20"):
            assert certificates.alert(fleet, host, ssl.TLSVersion.TLSv1_2, suites) == ""
        # The server ends such a handshake with an alert or without a word.
        assert certificates.alert(fleet, host, ssl.TLSVersion.TLSv1_2, "ALL:!AESGCM:!CHACHA20") != ""
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            assert certificates.alert(fleet, host, ssl.TLSVersion.TLSv1_1) == "TLSV1_ALERT_PROTOCOL_VERSION"
        with (
            pymongo.MongoClient(host.address, directConnection=True, serverSelectionTimeoutMS=500) as client,
            pytest.raises(ServerSelectionTimeoutError, match="connection closed"),
        ):
            client.admin.command("ping")


def by_name(by: pem.Pair) -> Subject:
    """The subject of the fleet's authority, for a foreign one that calls itself the same."""
    names = {item.rfc4514_attribute_name: str(item.value) for item in by.certificate.subject}
    return Subject(names["CN"], names["O"])
