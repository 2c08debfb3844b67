# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running set that admits plaintext and shares a key comes to TLS and certificates alone, under load and killed in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from scenario import load, playbook
from scenario.certificates import processes

from lab import access, repetitions
from lab.fleet import Fleet, Host, ssh

REQUIRE = "stronghold.mongodb.require_tls"
MEMBERSHIP = "stronghold.mongodb.x509_membership"
RESTART = "Restart this member, or have it take up its certificates"
NEWER: dict[str, Any] = {"mongodb_cluster_version": "6.0.27"}
TLS_ALONE: dict[str, Any] = {**NEWER, "mongodb_server_config": {}}
TARGET: dict[str, Any] = {**TLS_ALONE, "mongodb_server_cluster_auth": "x509"}
WRITER = "north-1"


def modes(fleet: Fleet) -> set[tuple[str, str]]:
    """What the servers run with, each member asked."""
    found = set()
    for host in access.members(fleet):
        with access.client(fleet, host) as client:
            told = client.admin.command({"getParameter": 1, "tlsMode": 1, "clusterAuthMode": 1})
            found.add((told["tlsMode"], told["clusterAuthMode"]))
    return found


def speaks_plaintext(fleet: Fleet, host: Host) -> bool:
    with pymongo.MongoClient(host.address, access.port(fleet), directConnection=True, serverSelectionTimeoutMS=2000) as client:
        try:
            return bool(client.admin.command("hello"))
        except ServerSelectionTimeoutError:
            return False


def refused(run: playbook.Run, words: str) -> None:
    assert run.rc != 0
    assert words in run.failures[-1]
    assert sum(run.changed.values()) == 0


def finished(fleet: Fleet, name: str, variables: dict[str, Any], kills: list[int], log: Path) -> load.Account:
    """Run a playbook under a writer, once killed at each of these of its restarts, and then to its end."""
    load.settle(fleet)
    with load.write_load(fleet, WRITER) as account:
        for times in kills:
            assert playbook.run_and_kill(fleet, RESTART, 1.5, log, playbook=name, times=times, variables=variables), (
                log.read_text()
            )
        done = playbook.run(fleet, playbook=name, variables=variables)
        assert done.rc == 0, done.output[-6000:]
    assert account.errors == []
    assert len(account.acknowledged) > 100
    assert set(account.acknowledged) <= load.stored(fleet)
    return account


REFUSALS = [
    (playbook.SITE, (), TLS_ALONE, "run the playbook stronghold.mongodb.require_tls"),
    (REQUIRE, (), NEWER, "take net.tls.mode out of mongodb_server_config"),
    (MEMBERSHIP, (), TARGET, "run stronghold.mongodb.require_tls before"),
    (REQUIRE, ("--limit=north-1",), TLS_ALONE, "south-1, west-1 would be cut off"),
]


@pytest.mark.parametrize(("name", "words", "variables", "told"), repetitions.todays(REFUSALS))
def test_a_plain_change_is_refused_and_names_the_way(
    fleet: Fleet, name: str, words: tuple[str, ...], variables: dict[str, Any], told: str
) -> None:
    assert modes(fleet) == {("allowTLS", "keyFile")}
    refused(playbook.run(fleet, *words, playbook=name, variables=variables), told)
    assert modes(fleet) == {("allowTLS", "keyFile")}


def test_tls_alone(fleet: Fleet, tmp_path: Path) -> None:
    assert all(speaks_plaintext(fleet, host) for host in access.members(fleet))
    before = processes(fleet)
    finished(fleet, REQUIRE, TLS_ALONE, repetitions.todays([1, 3]), tmp_path / "output")
    assert processes(fleet) == before
    assert modes(fleet) == {("requireTLS", "keyFile")}
    assert not any(speaks_plaintext(fleet, host) for host in access.members(fleet))


def test_certificates_alone(fleet: Fleet, tmp_path: Path) -> None:
    key = (access.secrets(fleet) / "keyfile").read_text().strip()
    finished(fleet, MEMBERSHIP, TARGET, repetitions.todays([1, 4, 1]), tmp_path / "output")
    assert modes(fleet) == {("requireTLS", "x509")}
    for host in access.members(fleet):
        assert ssh(fleet, host.name, "ls /etc/stronghold").split().count("keyfile") == 0
        holder = access.client(fleet, host, log_in=False, username="__system", password=key, authSource="local")
        with holder as client, pytest.raises(OperationFailure, match=r"not enabled|Authentication failed"):
            client.admin.command("replSetGetConfig")


def test_no_transition_is_left(fleet: Fleet) -> None:
    for name in (REQUIRE, MEMBERSHIP, playbook.SITE):
        again = playbook.run(fleet, playbook=name, variables=TARGET)
        assert again.rc == 0, again.output[-6000:]
        assert again.changed == {host.name: 0 for host in fleet.hosts}
    refused(playbook.run(fleet, variables=TLS_ALONE), "since a set does not go back")
