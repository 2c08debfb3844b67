# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest release of the support table, a set of one member, client certificates optional."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure
from testinfra.host import Host

from lab import access
from lab.fleet import Fleet


def test_the_declared_release_runs_and_leads(fleet: Fleet, hosts: dict[str, Host]) -> None:
    with access.client(fleet, fleet.host("solo-1")) as client:
        assert client.admin.command("buildInfo")["version"] == "5.0.4"
        hello = client.admin.command("hello")
    assert (hello["setName"], hello["hosts"], hello["isWritablePrimary"]) == ("solo", ["solo-1:27017"], True)
    assert hosts["solo-1"].package("mongodb-org-server").version == "5.0.4"


def test_a_client_needs_no_certificate_but_a_password(fleet: Fleet) -> None:
    with access.client(fleet, fleet.host("solo-1"), tlsCertificateKeyFile=None) as client:
        assert "admin" in client.list_database_names()
    with access.client(fleet, fleet.host("solo-1"), log_in=False, tlsCertificateKeyFile=None) as stranger:
        assert stranger.admin.command("ping")["ok"] == 1
        with pytest.raises(OperationFailure, match="requires authentication"):
            stranger.list_database_names()


def test_it_runs_with_the_declared_options(fleet: Fleet) -> None:
    address = fleet.host("solo-1").address
    with access.client(fleet, fleet.host("solo-1")) as client:
        parsed = client.admin.command("getCmdLineOpts")["parsed"]
    assert parsed["net"]["bindIp"] == f"127.0.0.1,{address}"
    tls = parsed["net"]["tls"]
    assert (tls["mode"], tls["allowConnectionsWithoutCertificates"]) == ("requireTLS", True)
    assert parsed["replication"]["replSetName"] == "solo"
    assert parsed["security"] == {"authorization": "enabled", "clusterAuthMode": "x509", "javascriptEnabled": False}
    assert parsed["setParameter"]["enableLocalhostAuthBypass"] in (False, "false")
