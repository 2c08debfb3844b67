# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates as Ansible issues them, judged by openssl, PyMongo and mongod."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pymongo
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from integration import ports
from integration.harness import LOG, Mongod, logging_to, run_module
from integration.tls_site import BIN, Site, openssl, serials
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem, request
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject

PORT = ports.first(__file__)
CANARY = "canary-passphrase-4711"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def issued(site: Site) -> Site:
    assert site.good()["changed"]
    return site


def test_first_run_repeat_and_a_new_name(site: Site) -> None:
    predicted = site.good(None, "--check")
    assert predicted["changed"]
    assert [entry["issued"] for entry in predicted["certificates"]] == [True, True]
    assert [path.name for path in site.home.iterdir() if path.name not in ("local", "remote")] == ["tls"]
    assert site.files() == {}

    first = site.good()
    assert sorted(site.files()) == ["ca.pem", "client.pem", "member.pem"]
    issue = [f"issue the {kind} certificate {site.tls}/{kind}.pem: there is none yet" for kind in ("member", "client")]
    made = f"create the authority {site.authority} on the controller"
    assert first["changes"] == [made, *issue, f"trust CN=MongoDB authority in {site.tls}/ca.pem"]
    assert sorted(predicted["changes"]) == sorted([made, *issue, f"trust the new authority in {site.tls}/ca.pem"])
    assert (site.authority / "ca.pem").read_bytes() == (site.tls / "ca.pem").read_bytes()
    assert all("request" not in entry for entry in first["certificates"])

    before = site.files()
    again = site.good(None, "-vvv")
    assert (again["changed"], again["changes"], serials(again)) == (False, [], serials(first))
    assert site.output.count("> PUT ") == 1, "an unchanged host is visited once"
    assert again["authority"] == first["authority"]
    assert again["certificates"][0]["days_left"] == 364

    wider = site.options(site.member(names=["localhost", "127.0.0.1", "::1", "192.0.2.7"]), site.client())
    sentence = f"issue the member certificate {site.tls}/member.pem: it is not valid for 192.0.2.7"
    foretold = site.good(wider, "--check")
    assert (foretold["changes"], site.files()) == ([sentence], before)
    after = site.good(wider)
    assert after["changes"] == [sentence]
    assert [entry["issued"] for entry in after["certificates"]] == [True, False]
    assert serials(after)[0] != serials(first)[0]
    assert serials(after)[1] == serials(first)[1]
    assert "192.0.2.7" in openssl("x509", "-in", str(site.tls / "member.pem"), "-noout", "-ext", "subjectAltName")
    assert pem.read_key(site.files()["member.pem"]).private_numbers() != pem.read_key(before["member.pem"]).private_numbers()


@pytest.mark.parametrize("key_type", ["ec-p256", "rsa-3072"])
def test_an_independent_check_accepts_what_is_issued(site: Site, key_type: str) -> None:
    options = site.options(site.member(key_type=key_type), site.client(key_type=key_type))
    options["authority"]["key_type"] = key_type
    result = site.good(options)
    strict = ("verify", "-x509_strict", "-check_ss_sig", "-CAfile", str(site.tls / "ca.pem"))
    member, client = str(site.tls / "member.pem"), str(site.tls / "client.pem")
    openssl(*strict, "-purpose", "sslserver", "-verify_hostname", "localhost", member)
    openssl(*strict, "-purpose", "sslserver", "-verify_ip", "::1", member)
    openssl(*strict, "-purpose", "sslclient", member)
    openssl(*strict, "-purpose", "sslclient", client)
    for refused in (("-purpose", "sslserver", client), ("-verify_hostname", "elsewhere", member)):
        with pytest.raises(subprocess.CalledProcessError):
            openssl(*strict, *refused)
    for entry, path in zip(result["certificates"], (member, client)):
        assert openssl("x509", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253") == f"subject={entry['subject']}\n"
        assert openssl("x509", "-in", path, "-noout", "-serial") == f"serial={entry['serial']}\n"


def test_owner_and_mode_are_mended_without_a_new_certificate(issued: Site) -> None:
    before = issued.good()
    member = issued.tls / "member.pem"
    member.chmod(0o644)
    os.chown(member, 1, 1)
    (issued.tls / "ca.pem").chmod(0o600)
    (issued.tls / ".client.pem.pending").write_bytes(b"left behind")
    options = issued.options(issued.member(owner="root", group="0"), issued.client())
    for words in (("--check",), ()):
        result = issued.good(options, *words)
        assert result["changes"] == [
            f"trust CN=MongoDB authority in {issued.tls}/ca.pem",
            f"set owner root, group 0, mode 0600 on {member}",
            f"remove the key {issued.tls}/.client.pem.pending of a request that is no longer needed",
        ]
    assert serials(result) == serials(before)
    present = member.stat()
    assert (present.st_uid, present.st_gid, stat.S_IMODE(present.st_mode)) == (0, 0, 0o600)
    assert stat.S_IMODE((issued.tls / "ca.pem").stat().st_mode) == 0o644
    assert not issued.good(options)["changed"]


def test_an_owner_that_is_not_declared_is_kept(issued: Site) -> None:
    os.chown(issued.tls / "client.pem", 1, 1)
    assert not issued.good()["changed"]
    renamed = issued.options(issued.member(), issued.client(common_name="other"))
    assert issued.good(renamed)["certificates"][1]["issued"]
    assert (issued.tls / "client.pem").stat().st_uid == 1


def opened(site: Site) -> pem.Pair:
    passphrase_file = site.home / "controller" / "passphrase"
    folder = authority.AuthorityFolder(site.authority, Subject("unused"), passphrase_file=passphrase_file)
    return folder.opened(datetime.now(timezone.utc))[0]


def client_wanted(site: Site) -> Wanted:
    return Wanted(site.tls / "client.pem", "client", Subject("db-a", "orders", "clients"))


def test_a_certificate_near_its_end_is_renewed(issued: Site) -> None:
    path = issued.tls / "client.pem"
    old = pem.read_pair(path.read_bytes())
    issue_time = datetime.now(timezone.utc) - timedelta(days=250)
    aged = authority.sign(opened(issued), old.key.public_key(), client_wanted(issued), issue_time)
    path.write_bytes(pem.write_pair(pem.Pair(aged, (), old.key)))
    assert not issued.good(issued.options(renew_before="100"), "--check")["changed"]
    result = issued.good()
    assert len(result["changes"]) == 1
    assert ": it expires in 114 days, on 20" in result["changes"][0]
    assert result["certificates"][1]["days_left"] == 364


def test_files_that_cannot_be_used_are_replaced_and_kept_beside(issued: Site) -> None:
    pair = pem.read_pair((issued.tls / "client.pem").read_bytes())
    other = pem.read_pair((issued.tls / "member.pem").read_bytes())
    certificate, key = pem.write_certificates([pair.certificate]), pem.write_key(pair.key)
    foreign = {
        "der": (pair.certificate.public_bytes(serialization.Encoding.DER), "the file there is not usable: it is DER and not PEM"),
        "cut": ((certificate + key)[:-50], "the file there is not usable: it is cut off within a PEM block"),
        "encrypted": (
            certificate + pem.write_key(pair.key, serialization.BestAvailableEncryption(b"x")),
            "the file there is not usable: its private key is encrypted",
        ),
        "mismatch": (certificate + pem.write_key(other.key), "its key does not belong to its certificate"),
    }
    options = issued.options(*(issued.client(path=str(issued.tls / f"{name}.pem")) for name in foreign))
    for name, (data, _reason) in foreign.items():
        (issued.tls / f"{name}.pem").write_bytes(data)
    untouched = issued.files()
    predicted = issued.good(options, "--check")
    assert issued.files() == untouched
    result = issued.good(options)
    assert [entry["reasons"] for entry in result["certificates"]] == [[reason] for _data, reason in foreign.values()]
    assert predicted["changes"] == result["changes"]
    for name, (data, _reason) in foreign.items():
        (kept,) = issued.tls.glob(f"{name}.pem.*~")
        assert kept.read_bytes() == data
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert pem.read_pair((issued.tls / f"{name}.pem").read_bytes()).certificate.issuer == pair.certificate.issuer
    assert not issued.good(options)["changed"]


def test_what_is_no_file_is_refused(site: Site) -> None:
    (site.tls / "client.pem").symlink_to("/nonexistent")
    result = site.run(site.options(site.client()))
    assert result["failed"]
    assert f"could not read {site.tls}/client.pem because {site.tls}/client.pem is not a regular file" in result["msg"]
    assert not site.authority.exists()


def test_killed_between_request_and_installation(issued: Site) -> None:
    """The run blocks where the controller waits for the lock of its authority's folder, and is killed there."""
    before = issued.files()
    issued.authority.joinpath("ca.pem").rename(issued.home / "ca.pem")
    (issued.tls / "ca.pem").unlink()
    folder = os.open(issued.authority, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    running = subprocess.Popen(issued.command(issued.options()), env=issued.variables(), stdout=subprocess.DEVNULL)
    pending = issued.tls / ".member.pem.pending"
    deadline = time.monotonic() + 30
    while not (pending.exists() and (issued.tls / ".client.pem.pending").exists()):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.05)
    _kill_with_workers(running)
    os.close(folder)
    (issued.home / "ca.pem").rename(issued.authority / "ca.pem")
    waiting = pem.public_bytes(pem.read_key(pending.read_bytes()).public_key())
    assert stat.S_IMODE(pending.stat().st_mode) == 0o600
    assert issued.files()["member.pem"] == before["member.pem"]

    (issued.tls / ".member.pem.new").write_bytes(b"what a kill within a write leaves")
    (issued.tls / "member.pem").unlink()
    result = issued.good()
    assert [entry["issued"] for entry in result["certificates"]] == [True, False]
    installed = pem.read_pair((issued.tls / "member.pem").read_bytes())
    assert pem.public_bytes(installed.key.public_key()) == waiting
    assert sorted(issued.files()) == ["ca.pem", "client.pem", "member.pem"]
    assert not issued.good()["changed"]


def test_a_lock_on_the_folder_that_everybody_can_open_is_nobodys_turn(issued: Site) -> None:
    assert stat.S_IMODE(issued.tls.stat().st_mode) == 0o755
    folder = os.open(issued.tls, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    (issued.tls / "member.pem").unlink()
    running = subprocess.Popen(issued.command(issued.options()), env=issued.variables(), stdout=subprocess.DEVNULL)
    try:
        assert running.wait(60) == 0
    finally:
        if running.poll() is None:
            _kill_with_workers(running)
        os.close(folder)
    assert not issued.good()["changed"]


def _kill_with_workers(process: subprocess.Popen[bytes]) -> None:
    """Ansible's workers have sessions of their own and would outlive it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children, "the run must still be working"
    process.kill()
    process.wait()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    while any(_runs(child) for child in children):
        time.sleep(0.02)


def _runs(pid: str) -> bool:
    """Neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_neither_private_keys_nor_the_passphrase_are_on_the_wire_or_in_the_output(site: Site) -> None:
    """Everything that is sent to the host is kept and searched, and so is everything that is printed."""
    site.environment = {"ANSIBLE_KEEP_REMOTE_FILES": "1"}
    options = site.options()
    options["authority"] = {"dir": str(site.authority), "passphrase": CANARY}
    site.good(options, "-vvvv")
    sent = b"".join(path.read_bytes() for path in (site.home / "remote").rglob("*") if path.is_file())
    assert sent.count(b"BEGIN CERTIFICATE") >= 1, "the search must be able to find something"
    for secret in (CANARY, *_key_lines(site)):
        assert secret not in site.output
        assert secret.encode() not in sent
    assert "PRIVATE KEY-----" not in site.output
    failed = site.run(
        {**options, "authority": {"dir": str(site.authority), "passphrase": CANARY + "!"}, "certificates": [site.client(days=9)]}
    )
    assert "the passphrase does not open" in failed["msg"]
    assert CANARY not in site.output


def _key_lines(site: Site) -> list[str]:
    texts = [path.read_text() for path in (site.tls / "member.pem", site.tls / "client.pem", site.authority / "ca.key")]
    return [
        line for text in texts for line in re.split("-----BEGIN [A-Z ]*PRIVATE KEY-----", text)[1].splitlines() if len(line) > 20
    ]


def test_a_lost_authority_is_not_replaced_by_another(issued: Site) -> None:
    before = issued.files()
    issued.authority.rename(issued.home / "lost")
    for words in (("--check",), ()):
        result = issued.run(None, *words)
        assert result["failed"]
        assert "could not trust the authority in" in result["msg"]
        assert result["remedy"].startswith("where that one was replaced, name its folder as former")
    assert issued.files() == before
    assert not issued.authority.exists()


def test_hosts_in_parallel_share_one_authority(tmp_path: Path) -> None:
    site = Site(tmp_path, hosts="db-a,db-b,db-c,db-d,")
    for name in "abcd":
        (site.tls / f"db-{name}").mkdir()
    folder = f"{site.tls}/{{{{ inventory_hostname }}}}"
    options = site.options(site.client(path=f"{folder}/client.pem"), ca_file=f"{folder}/ca.pem")
    site.good(options, "--forks", "4")
    assert site.output.count("| CHANGED =>") == 4
    assert site.output.count("create the authority") == 1
    assert len({path.read_bytes() for path in site.tls.glob("*/ca.pem")}) == 1
    for path in site.tls.glob("*/client.pem"):
        openssl("verify", "-CAfile", str(site.authority / "ca.pem"), str(path))


def test_a_request_is_signed_elsewhere_and_brought_back(issued: Site) -> None:
    options = issued.options(issued.client(path=str(issued.tls / "reports.pem"), common_name="reports"))
    del options["authority"]
    options["trusted"] = (issued.authority / "ca.pem").read_text()
    text = run_module("mongodb_tls", **options)["certificates"][0]["request"]
    assert (
        "CN = reports"
        in subprocess.run(
            ["openssl", "req", "-noout", "-verify", "-subject"], input=text, capture_output=True, text=True, check=True
        ).stdout
    )
    again = run_module("mongodb_tls", **options)
    assert (again["changed"], again["certificates"][0]["reasons"]) == (False, ["there is none yet"])

    wanted = Wanted(issued.tls / "reports.pem", "client", Subject("reports", "orders", "clients"))
    before = issued.files()
    late = datetime.now(timezone.utc) + timedelta(hours=1)
    wrong = {
        "its subject is CN=other,": _signed(issued, text, Wanted(wanted.path, "client", Subject("other", "orders", "clients"))),
        "and this host's clock says": _signed(issued, text, wanted, late),
        "no key on this host belongs to it": issued.files()["client.pem"].decode(),
        "it is not PEM": "nonsense",
    }
    for reason, certificate in wrong.items():
        options["certificates"][0]["certificate"] = certificate
        result = run_module("mongodb_tls", **options)
        assert result["failed"]
        assert reason in result["msg"]
        assert issued.files() == before
    options["certificates"][0]["certificate"] = _signed(issued, text, wanted)
    assert run_module("mongodb_tls", **options)["certificates"][0]["issued"]
    also = (issued.authority / "ca.pem").read_text()
    assert not run_module(
        "mongodb_tls", within=logging_to(issued.home), **options, also_trust=[also], also_trust_as_members=True
    )["changed"]
    logged = (issued.home / LOG).read_text()
    assert "Invoked with" in logged
    assert "BEGIN CERTIFICATE" not in logged, "whole files are in the log of the host"


def _signed(site: Site, text: str, wanted: Wanted, now: datetime | None = None) -> str:
    certificate = authority.sign(opened(site), request.requested_key(text), wanted, now or datetime.now(timezone.utc))
    return pem.write_certificates([certificate]).decode()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"names": ["db-a:27017"]}, "'db-a:27017' is neither a DNS name"),
        ({"owner": "nobody-of-this-name"}, "create the user and the group first"),
        ({"path": "/dev/null/tls/member.pem"}, "could not write into /dev/null/tls because /dev/null is not a folder; remove it"),
    ],
)
def test_refusals_are_one_sentence_and_leave_nothing(site: Site, options: dict[str, Any], sentence: str) -> None:
    result = site.run(site.options(site.member(**options)))
    assert result["failed"]
    assert sentence in result["msg"]
    assert "\n" not in result["msg"]
    assert "Traceback" not in site.output
    assert "member.pem" not in site.files()


def test_missing_folders_are_made(site: Site) -> None:
    folder = site.home / "etc" / "stronghold" / "tls"
    options = site.options(site.client(path=f"{folder}/client.pem"), ca_file=f"{folder}/ca.pem")
    predicted = site.good(options, "--check")
    assert f"make the folder {folder}" in predicted["changes"]
    assert not (site.home / "etc").exists()
    old = os.umask(0o077)
    try:
        made = site.good(options)
    finally:
        os.umask(old)
    assert made["changes"].count(f"make the folder {folder}") == 1
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o755, 0o755]
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "client.pem"]
    folder.chmod(0o700)
    assert not site.good(options)["changed"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_host_without_the_library_is_told_so(site: Site) -> None:
    bare = site.home / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    result = site.run(None, "-e", f"ansible_python_interpreter={bare}")
    assert result["failed"]
    assert "could not manage certificates because the Python library cryptography >= 41.0 is missing; install it" in result["msg"]
    assert "Traceback" not in site.output


def test_a_write_that_the_system_refuses_leaves_what_was_there(issued: Site) -> None:
    options = issued.options(issued.client(common_name="other"), trusted=(issued.authority / "ca.pem").read_text())
    del options["authority"]
    before = issued.files()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        result = run_module("mongodb_tls", **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"could not change {issued.tls}/client.pem because of the error '[Errno 27] File too large'" in result["msg"]
    assert (result["changed"], result["applied"]) == (False, [])
    assert issued.files() == before


# mongod


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, list[str], list[Mongod]]]:
    """Two mongods with requireTLS and x509 cluster authentication, and the subjects of two client certificates."""
    site = Site(tmp_path_factory.mktemp("live"))
    members = [site.member(path=str(site.tls / f"m{index}.pem"), common_name=f"m{index}") for index in range(2)]
    odd = site.client(path=str(site.tls / "odd.pem"), common_name='Zoë, "q" + <x>; \\ #', organizational_unit=" clients")
    result = site.good(site.options(*members, site.client(), odd))
    servers = [
        Mongod(
            site.home / f"m{index}",
            PORT + index,
            options=[
                *("--tlsMode", "requireTLS", "--tlsCAFile", str(site.tls / "ca.pem")),
                *("--tlsCertificateKeyFile", str(site.tls / f"m{index}.pem")),
                *("--clusterAuthMode", "x509", "--replSet", "rs", "--oplogSize", "50"),
            ],
            bind="127.0.0.1,127.0.0.2",
        )
        for index in range(2)
    ]
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop, kill=True)
            server.start()
        yield site, [entry["subject"] for entry in result["certificates"][2:]], servers


@contextlib.contextmanager
def connection(
    site: Site, host: str = "127.0.0.1", port: int = PORT, certificate: str = "client", **options: Any
) -> Iterator[Any]:
    options = {
        "serverSelectionTimeoutMS": 5000,
        "tlsCAFile": str(site.tls / "ca.pem"),
        "tlsCertificateKeyFile": str(site.tls / f"{certificate}.pem"),
        **options,
    }
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(host, port, tls=True, directConnection=True, **options)
    with client:
        yield client


def as_x509(site: Site, certificate: str, port: int = PORT) -> Any:
    return connection(site, port=port, certificate=certificate, authMechanism="MONGODB-X509", authSource="$external")


def test_mongod_and_pymongo_accept_the_certificates(live: tuple[Site, list[str], list[Mongod]]) -> None:
    site, subjects, _servers = live
    for host in ("127.0.0.1", "localhost"):
        with connection(site, host) as client:
            assert client.admin.command("ping")["ok"] == 1
    refused_name = pytest.raises(ServerSelectionTimeoutError, match="IP address mismatch")
    with connection(site, "127.0.0.2", serverSelectionTimeoutMS=500) as client, refused_name:
        client.admin.command("ping")

    with connection(site) as client:
        members = [{"_id": index, "host": f"127.0.0.1:{PORT + index}"} for index in range(2)]
        client.admin.command("replSetInitiate", {"_id": "rs", "members": members, "settings": {"electionTimeoutMillis": 1000}})
    with as_x509(site, "m1") as member:
        status = member.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
        assert status == [{"user": "__system", "db": "local"}], "the contrast: a member's certificate has all rights"
        deadline = time.monotonic() + 40
        while {entry["stateStr"] for entry in _members(member)} != {"PRIMARY", "SECONDARY"}:
            assert time.monotonic() < deadline, _members(member)
            time.sleep(0.2)

    for name in ("client", "odd"):
        with as_x509(site, name) as client, pytest.raises(OperationFailure) as refused:
            client.admin.command("ping")
        assert refused.value.code in (11, 18), "a client's certificate is no member and has no rights of its own"

    primary = next(index for index in range(2) if _is_primary(site, PORT + index))
    with as_x509(site, "m0", PORT + primary) as member:
        for subject in subjects:
            member["$external"].command("createUser", subject, roles=[{"role": "read", "db": "shop"}])
    for name, subject in zip(("client", "odd"), subjects):
        with as_x509(site, name, PORT + primary) as client:
            users = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
            assert users == [{"user": subject, "db": "$external"}]


def _members(client: Any) -> list[dict[str, Any]]:
    try:
        members: list[dict[str, Any]] = client.admin.command("replSetGetStatus")["members"]
    except OperationFailure:
        return [{"stateStr": "no status yet"}]
    return members


def _is_primary(site: Site, port: int) -> bool:
    with connection(site, port=port) as client:
        return bool(client.admin.command("hello")["isWritablePrimary"])


# the role

PLAY = """
- hosts: mongodb:mongodb_backup
  gather_subset: ["!all", "!min", distribution]
  roles: [stronghold.mongodb.mongodb_tls]
"""


@pytest.fixture
def fleet(site: Site) -> Site:
    """A member and a backup host, both this machine, with folders of their own."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {
        "all": {
            "vars": {
                **local,
                "mongodb_cluster_name": "orders",
                "mongodb_cluster_version": "6.0.27",
                "mongodb_cluster_python": sys.executable,
                "mongodb_cluster_service_user": "root",
                "mongodb_cluster_tls_dir": f"{site.tls}/{{{{ inventory_hostname }}}}",
                "mongodb_tls_authority_passphrase": CANARY,
                "mongodb_cluster_program_later": True,  # it would be installed on this machine
            },
            "children": {
                "mongodb": {"hosts": {"db-a": {"mongodb_cluster_zone": "a", "mongodb_cluster_address": "192.0.2.1"}}},
                "mongodb_backup": {"hosts": {"vault": {"mongodb_cluster_address": "192.0.2.9"}}},
            },
        }
    }
    (site.home / "inventory.json").write_text(json.dumps(inventory))
    (site.home / "play.yml").write_text(PLAY)
    return site


def converge(site: Site, *words: str) -> list[tuple[int, int]]:
    """(changed, failed) of each host."""
    command = [str(BIN / "ansible-playbook"), "-i", "inventory.json", "play.yml", "--diff", *words]
    done = subprocess.run(command, env=site.variables(), cwd=site.home, capture_output=True, text=True, check=False)
    site.output = done.stdout + done.stderr
    recap = re.findall(r"changed=(\d+) +unreachable=0 +failed=(\d+)", site.output)
    assert len(recap) == 2, site.output
    return [(int(changed), int(failed)) for changed, failed in recap]


def test_the_role_on_a_member_and_a_backup_host(fleet: Site) -> None:
    bare = converge(fleet, "--check", "-e", "mongodb_cluster_python=/nonexistent/python")
    assert bare == [(0, 0), (0, 0)], fleet.output
    assert fleet.files() == {}

    assert [failed for _changed, failed in converge(fleet, "-vvv")] == [0, 0], fleet.output
    assert CANARY not in fleet.output
    found = {str(path.relative_to(fleet.tls)) for path in fleet.tls.rglob("*.pem")}
    assert found == {"db-a/ca.pem", "db-a/client.pem", "db-a/member.pem", "vault/ca.pem", "vault/client.pem"}
    member = x509.load_pem_x509_certificate((fleet.tls / "db-a" / "member.pem").read_bytes())
    assert member.subject.rfc4514_string() == "CN=db-a,OU=members,O=orders"
    names = member.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["db-a", "192.0.2.1", "localhost", "127.0.0.1", "::1"]
    assert (fleet.home / ".stronghold" / "orders" / "authority" / "ca.pem").exists()
    assert converge(fleet) == [(0, 0), (0, 0)], fleet.output
