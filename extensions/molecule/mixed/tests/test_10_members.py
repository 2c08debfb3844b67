# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian 12 and 13 in one set, members known to each other by key file."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from pymongo.errors import OperationFailure
from testinfra.host import Host

from lab import access, podman
from lab.fleet import Fleet, ssh

RELEASES = {"north-1": "12", "south-1": "13", "west-1": "13"}


@pytest.mark.parametrize("name", RELEASES)
def test_release_and_version(hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
    assert hosts[name].system_info.release.split(".")[0] == RELEASES[name]
    with access.client(fleet, fleet.host(name)) as client:
        assert client.admin.command("buildInfo")["version"] == "6.0.5"


def test_the_preferred_zone_leads(fleet: Fleet) -> None:
    with access.client(fleet, fleet.host("south-1")) as client:
        config = client.admin.command("replSetGetConfig")["config"]
    assert {member["host"]: member["priority"] for member in config["members"]} == {
        "north-1:27117": 2,
        "south-1:27117": 3,
        "west-1:27117": 1,
    }


@pytest.mark.parametrize("name", RELEASES)
def test_port_data_and_account_are_the_declared_ones(hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
    host = hosts[name]
    listening = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    assert {address for address in listening if ":27" in address} == {"127.0.0.1:27117", f"{fleet.host(name).address}:27117"}
    process = host.process.get(comm="mongod")
    assert process.user == "ledger"
    data = host.file("/srv/ledger/data")
    assert (data.user, data.group, oct(data.mode)) == ("ledger", "ledger", "0o750")
    assert host.file("/srv/ledger/data/WiredTiger.wt").user == "ledger"
    assert host.file("/var/lib/mongodb").listdir() == []
    assert host.user("ledger").shell == "/usr/sbin/nologin"


@pytest.mark.parametrize("name", RELEASES)
def test_the_port_that_is_guarded_is_the_declared_one(hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
    attempt = f"import socket; socket.create_connection(('{fleet.host(name).address}', 27117), 1)"
    stranger = podman.command("exec", f"{fleet.name}-mirror", "python3", "-c", attempt)
    told = subprocess.run(stranger, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "TimeoutError" in told.stderr
    assert "27117" in hosts[name].check_output("nft list ruleset")


@pytest.mark.parametrize("name", RELEASES)
def test_members_use_the_key_file(hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
    keyfile = hosts[name].file("/etc/stronghold/keyfile")
    assert (keyfile.user, oct(keyfile.mode)) == ("ledger", "0o600")
    with access.client(fleet, fleet.host(name)) as client:
        security = client.admin.command("getCmdLineOpts")["parsed"]["security"]
    assert (security["clusterAuthMode"], security["keyFile"]) == ("keyFile", "/etc/stronghold/keyfile")


def test_the_key_serves_no_one_but_members(fleet: Fleet) -> None:
    """Whoever has the key is a member, and all-powerful, but only at an address of a member."""
    key = (access.secrets(fleet) / "keyfile").read_text().strip()
    script = (
        "from pymongo import MongoClient; import sys;"
        "tls = dict(tls=True, tlsCAFile='/etc/stronghold/tls/ca.pem', tlsCertificateKeyFile='/etc/stronghold/tls/client.pem');"
        "who = dict(username='__system', password=sys.stdin.read().strip(), authSource='local');"
        "print(MongoClient('south-1', 27117, directConnection=True, **who, **tls).admin.command('replSetGetConfig')['ok'])"
    )
    python = f'/opt/stronghold/venv/bin/python -c "{script}" <<<{key}'
    assert ssh(fleet, "north-1", f"bash -c {shlex.quote(python)}").strip() == "1.0"
    as_member = {"username": "__system", "password": key, "authSource": "local"}
    elsewhere = access.client(fleet, fleet.host("south-1"), log_in=False, **as_member)
    with elsewhere as client, pytest.raises(OperationFailure, match="Authentication failed"):
        client.admin.command("replSetGetConfig")


def test_the_key_is_kept_for_its_owner_alone(fleet: Fleet) -> None:
    kept = access.secrets(fleet)
    assert oct(kept.stat().st_mode & 0o777) == "0o700"
    assert {oct(file.stat().st_mode & 0o077) for file in kept.iterdir() if file.is_file()} == {"0o0"}
