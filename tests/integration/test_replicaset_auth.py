# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mongodb_replicaset where TLS and authentication are on from the first start."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from integration import ports
from integration.harness import Mongod, one_sentence, run_module

PORT = ports.first(__file__)
CANARY = "canary-7f3a-password"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One self-signed certificate for loopback, trusted as its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "crt"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    (folder / "pem").write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return folder


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[list[Mongod]]:
    """Three servers that demand TLS and accounts; the first already has its administrator, none is initiated."""
    home = tmp_path_factory.mktemp("auth")
    key_file = home / "key"
    key_file.write_text("aGFyZGx5IGEgc2VjcmV0" * 4)
    key_file.chmod(0o600)
    tls = [
        "--tlsMode",
        "requireTLS",
        "--tlsCertificateKeyFile",
        str(certificate / "pem"),
        "--tlsCAFile",
        str(certificate / "crt"),
    ]
    tls += ["--tlsAllowConnectionsWithoutCertificates"]
    seed = Mongod(home / "m0", PORT, options=[*tls, "--auth"])
    seed.start()
    with pymongo.MongoClient("127.0.0.1", PORT, tls=True, tlsCAFile=str(certificate / "crt"), directConnection=True) as client:
        client.admin.command("createUser", "admin", pwd=CANARY, roles=["root"])
    seed.stop()
    (seed.home / "log").unlink()
    options = [*tls, "--replSet", "rs", "--keyFile", str(key_file), "--setParameter", "enableLocalhostAuthBypass=false"]
    members = [Mongod(home / f"m{index}", PORT + index, options=options) for index in range(3)]
    try:
        for member in members:
            member.start()
        yield members
    finally:
        for member in members:
            member.stop(kill=True)


def manage(server: Mongod, certificate: Path, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    options = {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "login_user": "admin",
        "login_password": CANARY,
        "tls_ca_file": str(certificate / "crt"),
        "replica_set": "rs",
        "timeout": 60,
        **arguments,
    }
    return run_module("mongodb_replicaset", check=check, **options)


def test_an_authenticated_set_from_the_first_moment(servers: list[Mongod], certificate: Path) -> None:
    wanted: dict[str, Any] = {
        "members": [server.address for server in servers],
        "settings": {"electionTimeoutMillis": 2000},
        "default_write_concern": {"w": "majority"},
        "wait_for": "all",
    }
    nameless = manage(servers[0], certificate, login_user=None, login_password=None, **wanted)
    assert nameless["failed"]
    assert "because nobody is logged in" in nameless["msg"]
    assert manage(servers[0], certificate, check=True, **wanted)["changed"]
    made = manage(servers[0], certificate, **wanted)
    assert made["changed"], made
    assert {member["state"] for member in made["members"]} == {"PRIMARY", "SECONDARY"}
    for server in servers:
        assert manage(server, certificate, **wanted)["changed"] is False
    assert CANARY not in json.dumps({name: value for name, value in made.items() if name != "invocation"})
    assert made.get("invocation", {}).get("module_args", {}).get("login_password") in (
        None,
        "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
    )


def test_a_member_that_lost_its_data_leads_to_the_others(servers: list[Mongod], certificate: Path) -> None:
    """It has no account, so that only an unauthenticated question tells that its set is elsewhere."""
    wiped = servers[2]
    wiped.stop(kill=True)
    wiped.home = wiped.home.with_name("wiped")
    wiped.start()
    result = manage(wiped, certificate, members=[server.address for server in servers], wait_for="all")
    assert result["changed"] is False
    assert {member["state"] for member in result["members"]} == {"PRIMARY", "SECONDARY"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"login_password": "wrong"}, "refused the user name, the password"),
        ({"tls": False}, "demands TLS"),
        ({"tls_ca_file": "/etc/ssl/certs/ca-certificates.crt"}, "not signed by the trusted authority"),
        ({"tls_ca_file": "/nonexistent/ca.pem"}, "a TLS file given to the client cannot be used ([Errno 2] No such file"),
        ({"tls_ca_file": "/etc/hostname"}, "a TLS file given to the client cannot be used ("),
        ({"login_host": "localhost"}, "not valid for this name"),
    ],
)
def test_a_wrong_login_is_one_sentence_soon(servers: list[Mongod], certificate: Path, wrong: dict[str, Any], said: str) -> None:
    started = time.monotonic()
    result = manage(servers[0], certificate, settings={"chainingAllowed": False}, login_timeout=2, **wrong)
    assert result["failed"]
    assert said in result["msg"]
    assert "Traceback" not in json.dumps(result)
    assert CANARY not in result["msg"]
    assert time.monotonic() - started < 2 + 8  # the process itself starts and ends within this


def test_without_a_login_nobody_lacks_a_privilege(servers: list[Mongod], certificate: Path) -> None:
    where = {"login_host": servers[0].address, "tls_ca_file": str(certificate / "crt"), "replica_set": "rs"}
    refused = one_sentence(run_module("mongodb_replicaset_info", **where))
    assert "because nobody is logged in" in refused
    assert "stronghold.mongodb.mongodb_bootstrap" in refused
