# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

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


def community_reads(config: dict[str, Any], folder: Path) -> bool:
    file = folder / "mongod.conf"
    file.write_text(json.dumps(config))
    mongod = mongod_tree("6.0.27") / "bin" / "mongod"
    return subprocess.run([mongod, "--outputConfig", "--config", file], capture_output=True, check=False).returncode == 0


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
