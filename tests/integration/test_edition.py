# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import options
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.edition import enterprise_options
from lab.binaries import mongod_tree

REFUSED = {
    "auditLog.destination": "syslog",
    "net.tls.FIPSMode": True,
    "security.enableEncryption": True,
    "security.encryptionCipherMode": "AES256-GCM",
    "security.encryptionKeyFile": "/key",
    "security.kmip.serverName": "kmip.example.com",
    "security.ldap.servers": "ldap.example.com",
    "security.redactClientLogData": True,
    "snmp.subagent": True,
    "storage.inMemory.engineConfig.inMemorySizeGB": 1,
    "setParameter.auditAuthorizationSuccess": True,
    "setParameter.ldapUserCacheInvalidationInterval": 3,
}
ACCEPTED = {
    "security.clusterIpSourceAllowlist": ["127.0.0.1"],
    "security.javascriptEnabled": False,
    "security.sasl.hostName": "db.example.com",
    "setParameter.authenticationMechanisms": "SCRAM-SHA-256,MONGODB-X509",
    "storage.engine": "wiredTiger",
}


def nested(dotted: str, value: Any) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return dict(value)


def mongod_says(config: dict[str, Any], folder: Path) -> str:
    """Why a Community server refuses a configuration; empty where it takes it."""
    file = folder / "mongod.conf"
    file.write_text(json.dumps(config))
    mongod = mongod_tree("6.0.27") / "bin" / "mongod"
    done = subprocess.run([mongod, "--outputConfig", "--config", file], capture_output=True, check=False, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def community_reads(config: dict[str, Any], folder: Path) -> bool:
    return mongod_says(config, folder) == ""


@pytest.mark.parametrize(("option", "value"), REFUSED.items())
def test_what_community_refuses_is_named(option: str, value: Any, tmp_path: Path) -> None:
    config = nested(option, value)
    assert not community_reads(config, tmp_path)
    assert enterprise_options(config) == [option]


@pytest.mark.parametrize(("option", "value"), ACCEPTED.items())
def test_what_community_knows_is_not_named(option: str, value: Any, tmp_path: Path) -> None:
    config = nested(option, value)
    assert community_reads(config, tmp_path)
    assert enterprise_options(config) == []


def test_engines_and_mechanisms_of_other_editions_are_named() -> None:
    config = {"storage": {"engine": "inMemory"}, "setParameter": {"authenticationMechanisms": "SCRAM-SHA-256,GSSAPI"}}
    assert enterprise_options(config) == ["setParameter.authenticationMechanisms: GSSAPI", "storage.engine: inMemory"]


WRONG = {"true or false": "perhaps", "a whole number": "many", "a number": "much", "a text": {"a": "b"}}
LATER = {"net.proxyPort", "net.tls.clusterAuthX509.attributes", "net.tls.clusterAuthX509.extensionValue"}  # than the server here


@pytest.mark.parametrize("name", sorted(set(options.KINDS) - LATER))
def test_what_is_refused_before_there_is_a_server_is_refused_by_one(name: str, tmp_path: Path) -> None:
    """Each known option: it has this name, and a value that the collection refuses is refused, by some only at the start."""
    kind = options.KINDS[name]
    config = nested(name, WRONG.get(kind, "another") if kind else {"a": {"b": "c"}})
    said = mongod_says(config, tmp_path)
    assert "Unrecognized option" not in said or f"Unrecognized option: {name}." in said, said
    assert bool(options.problems(config, "community", "6.0")) is bool(kind)
    if kind and not said:
        words = [mongod_tree("6.0.27") / "bin" / "mongod", "--config", tmp_path / "mongod.conf", "--dbpath", tmp_path]
        started = subprocess.run(words, capture_output=True, check=False, timeout=30)
        assert started.returncode > 0
        assert b"another" in started.stdout + started.stderr


@pytest.mark.parametrize(
    "value", [{"net": {"port": "27018"}}, {"net": {"ipv6": "true"}}, {"storage": {"syncPeriodSecs": 1.5}}, {"net": {"tls": {}}}]
)
def test_what_a_server_takes_is_not_refused_for_how_it_is_written(value: dict[str, Any], tmp_path: Path) -> None:
    assert mongod_says(value, tmp_path) == ""
    assert options.problems(value, "community", "6.0") == []
