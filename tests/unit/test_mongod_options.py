# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with settings, told before anything is changed. That a mongod agrees is for the integration tests."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.options import problems, settings_problem

END = "; correct it in mongodb_server_config"
MOST = "net.maxIncomingConnections"
CACHE = "storage.wiredTiger.engineConfig.cacheSizeGB"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            {"net": {"maxIncomingConections": 5}},
            f"net.maxIncomingConections is no option of mongod, and {MOST} is one",
        ),
        (
            {"net.maxincomingconnections": 5},
            f"net.maxincomingconnections is no option of mongod, and {MOST} is one",
        ),
        ({"storage": {"cacheSizeGB": 5}}, f"storage.cacheSizeGB is no option of mongod, and {CACHE} is one"),
        ({"cacheSizeGB": 5}, f"cacheSizeGB is no option of mongod, and {CACHE} is one"),
        ({"net": {"tls": {"FIPS": True}}}, "net.tls.FIPS is no option of mongod"),
        ({"net": {"nonsense": 1}}, "net.nonsense is no option of mongod"),
        ({"nonsense": {"a": {"b": 1}}}, "nonsense.a.b is no option of mongod"),
        ({"net": 5}, "net is a section of mongod.conf and takes options, not a value"),
        ({"net": {"port": {"a": 1}}}, "net.port takes a whole number"),
        ({"net": {"port": "many"}}, "net.port takes a whole number"),
        ({"net": {"port": True}}, "net.port takes a whole number"),
        ({"net": {"ipv6": "yes"}}, "net.ipv6 takes true or false"),
        ({"net": {"bindIp": ["127.0.0.1"]}}, "net.bindIp takes a text"),
        ({"operationProfiling": {"mode": False}}, "operationProfiling.mode takes one of off, slowOp, all, in quotes"),
        ({"net": {"tls": {"mode": "required"}}}, "net.tls.mode takes one of disabled, allowTLS, preferTLS, requireTLS"),
    ],
)
def test_a_typing_error_is_told_with_what_was_meant(config: dict[str, Any], reason: str) -> None:
    assert problems(config, "community", "6.0.27") == [f"{reason}{END}"]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"net": {"port": "27018", "ipv6": "true"}},
        {"setParameter": {"anyNameThatOnlyMongodKnows": 1}},
        {"systemLog": {"component": {"replication": {"heartbeats": {"verbosity": 2}}}}},
        {"net": {"tls": {"certificateKeyFilePassword": {"__exec": "give it", "type": "string"}}}},
        {"net": {"tls": {"mode": None}}},
        {"storage": {"wiredTiger": {"engineConfig": {"cacheSizeGB": "8", "configString": "x"}}}},
        {"net": {"tls": {"clusterAuthX509": {"extensionValue": "shop"}}}},
        {"net": {"tls": {"clusterAuthX509": {"attributes": "O=shop,OU=members"}}}},
    ],
)
def test_what_mongod_takes_or_alone_can_judge_is_not_refused(config: dict[str, Any]) -> None:
    assert problems(config, "community", "6.0") == []


def test_a_name_that_is_not_known_is_left_to_servers_that_may_know_it() -> None:
    config = {"net": {"nonsense": 1}}
    assert problems(config, "community", "8.0") == problems(config, "percona", "6.0") == []
    assert problems({"net": {"prot": 1}}, "percona", "8.0") == [f"net.prot is no option of mongod, and net.port is one{END}"]


def test_options_of_other_editions_are_named() -> None:
    config = {"auditLog": {"destination": "file"}}
    assert problems(config, "enterprise", "6.0") == []
    (reason,) = problems(config, "community", "6.0")
    assert reason.startswith(
        "MongoDB Community refuses to start with auditLog.destination; remove them from mongodb_server_config, or"
    )


def test_a_blank_among_protocols_is_told() -> None:
    (reason,) = problems({"net": {"tls": {"disabledProtocols": "TLS1_0, TLS1_1"}}}, "community", "6.0")
    assert reason == "mongod refuses a blank in net.tls.disabledProtocols; separate the protocols by commas alone"


def test_hosts_with_the_same_fault_tell_it_once_and_none_tells_a_value() -> None:
    wrong = {"net": {"tls": {"certificateKeyFilePasword": "geheim"}, "port": "geheim"}}
    configs = {"db-a": {}, "db-b": wrong, "db-c": wrong, "db-d": "net.port=5"}
    told = {host: settings_problem(host, configs, "community", "6.0") for host in (*configs, "vault-c")}
    assert told == {
        "db-a": "",
        "db-b": "net.tls.certificateKeyFilePasword is no option of mongod, and net.tls.certificateKeyFilePassword is one"
        f"{END}; and because net.port takes a whole number{END}",
        "db-c": "",
        "db-d": "mongodb_server_config is no dictionary; write it in the structure of mongod.conf",
        "vault-c": "",
    }


@pytest.mark.parametrize("config", [{"setParameter": "a=b"}, {"storage": "x", "setParameter": 5}, {"storage": {"engine": {}}}])
def test_what_has_another_structure_is_a_sentence_too(config: dict[str, Any]) -> None:
    assert any("takes" in reason for reason in problems(config, "community", "6.0"))
