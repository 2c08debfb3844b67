# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mongod with requireTLS, x509 and a revocation list: whom it refuses, whom clients refuse, and what is told of it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pymongo
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from integration import ports
from integration.harness import Mongod, run_module
from integration.tls_site import Site
from pymongo.errors import ServerSelectionTimeoutError

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, describe, pem, preflight, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from lab.certificates import issue, limited
from lab.mongosh import mongosh

PORT = ports.first(__file__)
DAY = timedelta(days=1)
CLIENT = Wanted(Path("/unused"), "client", Subject("reports", "orders", "clients"), days=30)


class Live(Site):
    """A site whose member's certificate a running mongod presents."""

    def signed(self, wanted: Wanted = CLIENT, now: datetime | None = None, by: pem.Pair | None = None) -> pem.Pair:
        return issue(by or self.opened(), wanted, now)

    def file(self, name: str, pair: pem.Pair) -> Path:
        path = self.home / f"{name}.pem"
        path.write_bytes(pem.write_pair(pair))
        return path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    site = Live(tmp_path_factory.mktemp("live"))
    options = {**site.options(), "crl_file": str(site.tls / "crl.pem")}
    site.good(options)
    site.file("revoked", site.signed())
    options["authority"]["revoked"] = [str(site.home / "revoked.pem")]
    site.good(options)
    server = serving(site, PORT, "--tlsDisabledProtocols", "TLS1_0,TLS1_1")
    with stopping(server):
        yield site


@contextlib.contextmanager
def stopping(server: Mongod) -> Iterator[None]:
    try:
        yield
    finally:
        server.stop(kill=True)


def serving(site: Site, port: int, *options: str, revocation: bool = True, member: bool = True) -> Mongod:
    words = [
        *("--tlsMode", "requireTLS", "--tlsCAFile", str(site.tls / "ca.pem")),
        *(("--tlsCRLFile", str(site.tls / "crl.pem")) if revocation else ()),
        *("--tlsCertificateKeyFile", str(site.tls / "member.pem")),
        *(("--clusterAuthMode", "x509", "--replSet", "rs") if member else ()),
        *options,
    ]
    server = Mongod(site.home / f"m{port}", port, options=words, bind="127.0.0.1,127.0.0.2")
    server.start()
    return server


def ping(site: Site, certificate: Path, host: str = "127.0.0.1", port: int = PORT, **options: Any) -> float:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        host,
        port,
        directConnection=True,
        **{
            "serverSelectionTimeoutMS": 1000,
            "tls": True,
            "tlsCAFile": str(site.tls / "ca.pem"),
            "tlsCertificateKeyFile": str(certificate),
            **options,
        },
    )
    with client:
        return float(client.admin.command("ping")["ok"])


def server_only(site: Live) -> pem.Pair:
    """A good certificate but for its extended key usage."""
    good = site.signed()
    old = good.certificate
    builder = (
        x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for extension in old.extensions:
        usage = isinstance(extension.value, x509.ExtendedKeyUsage)
        value = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]) if usage else extension.value
        builder = builder.add_extension(value, extension.critical)
    return replace(good, certificate=builder.sign(site.opened().key, hashes.SHA256()))


BAD: dict[str, tuple[Callable[[Live], pem.Pair], str]] = {
    "expired": (lambda site: site.signed(now=datetime.now(timezone.utc) - 40 * DAY), "it expired on"),
    "future": (lambda site: site.signed(now=datetime.now(timezone.utc) + DAY), "it is not valid before"),
    "foreign": (lambda site: site.signed(by=site.opened("foreign")), "it is not signed by the authority"),
    "revoked": (lambda site: pem.read_pair((site.home / "revoked.pem").read_bytes()), "it is revoked"),
    "usage": (server_only, "its extended key usage does not allow it as a client"),
}


@pytest.mark.parametrize("kind", BAD)
def test_mongod_refuses_what_preflight_refuses(live: Live, kind: str) -> None:
    assert ping(live, live.file("good", live.signed())) == 1
    make, reason = BAD[kind]
    path = live.file(kind, make(live))
    with pytest.raises(ServerSelectionTimeoutError):
        ping(live, path)
    found = judged(live, path, kind="client")
    assert len(found) == 1
    assert found[0].startswith(f"the certificate cannot be used: {reason}")
    assert judged(live, live.home / "good.pem", kind="client") == []


def judged(site: Site, path: Path, lists: bytes | None = None, **options: Any) -> list[str]:
    contents = [path.read_bytes(), (site.tls / "ca.pem").read_bytes(), lists or (site.tls / "crl.pem").read_bytes()]
    return preflight.problems(*contents, datetime.now(timezone.utc), **options)


def test_clients_verify_the_name_and_preflight_too(live: Live) -> None:
    good = live.file("good", live.signed())
    assert ping(live, good, "localhost") == 1
    with pytest.raises(ServerSelectionTimeoutError, match="IP address mismatch"):
        ping(live, good, "127.0.0.2")
    with pytest.raises(ServerSelectionTimeoutError, match="certificate verify failed"):
        ping(live, good, tlsCAFile=str(live.home / "controller" / "foreign" / "ca.pem"))
    assert judged(live, live.tls / "member.pem", names=["localhost"]) == []
    assert judged(live, live.tls / "member.pem", names=["db-b"]) == ["the certificate cannot be used: it is not valid for db-b"]
    assert judged(live, live.tls / "client.pem") == [
        "the certificate cannot be used: its extended key usage does not allow it as a server"
    ]


def test_preflight_refuses_files_that_are_no_files_for_a_server(live: Live) -> None:
    member = live.tls / "member.pem"
    now = datetime.now(timezone.utc)
    ended = pem.write_lists([revocation.sign_list(live.opened(), None, (), 1, now - 2 * DAY)])
    of_others = pem.write_lists([revocation.sign_list(live.opened("foreign"), None, (), 9, now)])
    assert "expired on" in judged(live, member, ended)[0]
    assert any("there is no revocation list of" in reason for reason in judged(live, member, of_others))
    assert judged(live, member, b"nonsense") == ["the file of revocations cannot be used: it is not PEM"]
    damaged = live.home / "damaged.pem"
    pair = pem.read_pair(member.read_bytes())
    texts = {
        "it is cut off within a PEM block": member.read_bytes()[:-60],
        "its key does not belong to its certificate": pem.write_pair(replace(pair, key=make_key("ec-p256"))),
        "it holds no private key": pem.write_certificates([pair.certificate]),
        "its chain is not in order": pem.write_pair(replace(pair, chain=(live.opened("foreign").certificate,))),
    }
    for reason, data in texts.items():
        damaged.write_bytes(data)
        assert judged(live, damaged)[0].startswith(f"the certificate cannot be used: {reason}")


def test_an_intermediate_limits_on_names_and_lists_of_both_levels(tmp_path: Path) -> None:
    """mongod wants a revocation list of every issuer, and its peers verify the limits on names."""
    site = Live(tmp_path)
    options = {**site.options(), "crl_file": str(site.tls / "crl.pem")}
    between = {"dir": str(site.authority.with_name("between"))}
    options["authority"].update(intermediate=between, permitted_names=["localhost", "127.0.0.0/8", "::1/128"])
    site.good(options)
    with stopping(serving(site, PORT + 2)):
        assert ping(site, site.tls / "client.pem", port=PORT + 2) == 1
    lists = pem.read_lists((site.tls / "crl.pem").read_bytes())
    assert judged(site, site.tls / "member.pem") == []
    for missing, name in ((lists[1:], "CN=MongoDB issuing authority"), (lists[:1], "CN=MongoDB authority")):
        (site.tls / "crl.pem").write_bytes(pem.write_lists(missing))
        assert judged(site, site.tls / "member.pem") == [
            f"there is no revocation list of {name}, and servers would refuse every certificate of it"
        ]
        with stopping(serving(site, PORT + 2)), pytest.raises(ServerSelectionTimeoutError):
            ping(site, site.tls / "client.pem", port=PORT + 2)


def handshake(port: int, version: ssl.TLSVersion) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as secure:
        return secure.version()


def test_plaintext_and_old_protocols_fail(live: Live) -> None:
    with pytest.raises(ServerSelectionTimeoutError):
        pymongo.MongoClient("127.0.0.1", PORT, directConnection=True, serverSelectionTimeoutMS=1000).admin.command("ping")
    assert [handshake(PORT, getattr(ssl.TLSVersion, name)) for name in ("TLSv1_2", "TLSv1_3")] == ["TLSv1.2", "TLSv1.3"]
    with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises((ssl.SSLError, ConnectionResetError)):
        handshake(PORT, ssl.TLSVersion.TLSv1_1)
    lax = serving(live, PORT + 1, "--tlsDisabledProtocols", "none")
    with stopping(lax), pytest.warns(DeprecationWarning, match="TLSv1_1"):
        assert handshake(PORT + 1, ssl.TLSVersion.TLSv1_1) == "TLSv1.1", "the contrast: this client can speak it"


def info(site: Site, **options: Any) -> dict[str, Any]:
    shared = {"ca_file": str(site.tls / "ca.pem"), "crl_file": str(site.tls / "crl.pem")}
    return run_module("mongodb_tls_info", **{**shared, **options})


def said(result: dict[str, Any]) -> str:
    return str(result.get("warnings", ""))


def server_entry(site: Site, **options: Any) -> dict[str, Any]:
    client = {"certificate_key_file": str(site.tls / "client.pem")}
    return {"host": "localhost", "port": PORT, "path": str(site.tls / "member.pem"), **client, **options}


def test_info_tells_of_files_authorities_lists_and_the_running_server(live: Live) -> None:
    before = live.files()
    member, client = str(live.tls / "member.pem"), str(live.tls / "client.pem")
    entries = [{"path": member, "names": ["localhost"]}, {"path": client, "kind": "client"}]
    told = info(live, certificates=entries, servers=[server_entry(live)])
    assert (told["changed"], said(told)) == (False, "")
    first, second = told["certificates"]
    assert (first["subject"], first["kind"], first["problems"], first["near_end"], first["days_left"]) == (
        "CN=db-a,OU=members,O=orders",
        "member",
        [],
        False,
        364,
    )
    assert second["issuer"] == "CN=MongoDB authority" == told["authorities"][0]["subject"]
    revoked = pem.read_pair((live.home / "revoked.pem").read_bytes()).certificate.serial_number
    assert [(item["revoked"], item["days_left"], item["problems"]) for item in told["revocation_lists"]] == [
        ([describe.hexadecimal(revoked)], 364, [])
    ]
    (server,) = told["servers"]
    assert (server["verified"], server["matches_file"], server["problems"]) == (True, True, [])
    assert server["presented"]["serial"] == first["serial"]
    assert live.files() == before


def test_info_tells_what_is_wrong(live: Live) -> None:
    old = live.file("old", live.signed(now=datetime.now(timezone.utc) - 25 * DAY))
    entries = [
        {"path": str(live.file("expired", BAD["expired"][0](live))), "kind": "client"},
        {"path": str(live.home / "revoked.pem"), "kind": "client"},
        {"path": str(old), "kind": "client"},
        {"path": str(live.home / "missing.pem")},
    ]
    servers = [
        server_entry(live, path=str(old)),
        server_entry(live, host="127.0.0.2"),
        server_entry(live, port=1),
    ]
    told = info(live, certificates=entries, servers=servers)
    problems = [" ".join(item["problems"]) for item in told["certificates"]]
    assert problems[0].startswith("it expired on")
    assert problems[1:] == ["it is revoked", "", "there is no such file"]
    assert [item["near_end"] for item in told["certificates"]] == [True, False, True, None]
    other, named, silent = told["servers"]
    assert (other["verified"], other["matches_file"]) == (True, False)
    assert "which is not the one in" in other["problems"][0]
    assert (named["verified"], named["matches_file"]) == (False, True)
    assert "127.0.0.2" in named["problems"][0]
    assert (silent["presented"], silent["verified"], silent["matches_file"]) == (None, False, False)
    assert "refused" in silent["problems"][0]
    for sentence in ("expired.pem cannot be used: it expired on", "old.pem expires in 4 days, on", "localhost:1: "):
        assert sentence in said(told)


def test_info_of_a_list_that_ends(live: Live, tmp_path: Path) -> None:
    aged = revocation.sign_list(live.opened(), None, (), 10, datetime.now(timezone.utc) - 6 * DAY)
    ended = revocation.sign_list(live.opened(), None, (), 1, datetime.now(timezone.utc) - 6 * DAY)
    path = tmp_path / "crl.pem"
    for item, near, sentence in ((aged, True, "ends in 3 days, on"), (ended, True, "expired on")):
        path.write_bytes(pem.write_lists([item]))
        told = info(live, crl_file=str(path))
        assert told["revocation_lists"][0]["near_end"] is near
        assert sentence in said(told)
    path.write_bytes(b"nonsense")
    assert info(live, crl_file=str(path))["trust_files"] == [{"path": str(path), "problems": ["it is not PEM"]}]


def shell(site: Live, host: str, trusted: Path | None = None) -> subprocess.CompletedProcess[str]:
    """mongosh, which verifies chain and name unless told otherwise."""
    files = ("--tlsCAFile", str(trusted or site.tls / "ca.pem"), "--tlsCertificateKeyFile", str(site.tls / "client.pem"))
    uri = f"mongodb://{host}:{PORT}/?directConnection=true&serverSelectionTimeoutMS=4000"
    words = [str(mongosh()), uri, "--tls", *files, "--quiet", "--eval", "print(db.hello().ok)"]
    home = {**os.environ, "HOME": str(site.home)}
    return subprocess.run(words, env=home, capture_output=True, text=True, check=False, timeout=60)


def test_mongosh_connects_with_full_verification(live: Live) -> None:
    for host in ("localhost", "127.0.0.1"):
        done = shell(live, host)
        assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stdout + done.stderr


def test_mongosh_goes_nowhere_else(live: Live) -> None:
    other_name = shell(live, "127.0.0.2")
    assert other_name.returncode != 0
    assert "does not match certificate's altnames" in other_name.stderr
    foreign = pem.Pair(
        authority.sign_authority(key := make_key("ec-p256"), Subject("foreign"), 10, datetime.now(timezone.utc)), (), key
    )
    path = live.home / "foreign-ca.pem"
    path.write_bytes(pem.write_certificates([foreign.certificate]))
    stranger = shell(live, "localhost", path)
    assert stranger.returncode != 0
    assert "self-signed certificate in certificate chain" in stranger.stderr


def test_an_authority_of_others_makes_members_unless_it_is_limited(tmp_path: Path) -> None:
    """The attack for which it is refused, and what name constraints make of it on a real server."""
    site = Live(tmp_path)
    site.good(site.options())
    apps = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "apps")]))
    nowhere = [x509.DNSName(""), *(x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0"))]
    wide, narrow = limited(Subject("Wide"), None), limited(Subject("Narrow"), x509.NameConstraints([apps], nowhere))
    text = [pem.write_certificates([by.certificate]).decode() for by in (wide, narrow)]
    assert (
        "could not trust CN=Wide because it could sign certificates of members" in site.run(site.options(also_trust=text))["msg"]
    )
    assert site.good(site.options(also_trust=text[1:]))["changed"]
    site.good(site.options(also_trust=text, also_trust_as_members=True))
    mallory = Wanted(Path("/unused"), "client", Subject("mallory", "orders", "members"), days=1)
    with stopping(serving(site, PORT + 2, revocation=False)):
        assert who(site, site.file("wide", site.signed(mallory, by=wide))) == "__system"
        with pytest.raises(ServerSelectionTimeoutError):
            who(site, site.file("narrow", site.signed(mallory, by=narrow)))
        app = Wanted(Path("/unused"), "client", Subject("shop", "apps", "shops"), days=1)
        assert ping(site, site.file("app", site.signed(app, by=narrow)), port=PORT + 2) == 1


def who(site: Site, certificate: Path) -> str:
    """As whom a server takes a client with this certificate."""
    options = {"tls": True, "tlsCAFile": str(site.tls / "ca.pem"), "tlsCertificateKeyFile": str(certificate)}
    with pymongo.MongoClient(
        "127.0.0.1", PORT + 2, directConnection=True, serverSelectionTimeoutMS=1000, authMechanism="MONGODB-X509", **options
    ) as client:
        (user,) = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
        return str(user["user"])


def test_a_user_logs_in_by_the_subject_that_is_told(tmp_path: Path) -> None:
    """Each attribute is called by the server as the module calls it, so that a user who is made with that name can log in."""
    site = Live(tmp_path)
    site.good(site.options())
    by, key, now = site.opened(), make_key("ec-p256"), datetime.now(timezone.utc)
    odd = ("2.5.4.5", "2.5.4.12", "2.5.4.42", "2.5.4.4", "2.5.4.9", "2.5.4.17", "0.9.2342.19200300.100.1.1", "1.2.3.4.5")
    odds = [x509.NameAttribute(x509.ObjectIdentifier(oid), "7 a, b") for oid in odd]
    email, app = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "app@corp.example"), x509.NameAttribute(NameOID.COMMON_NAME, "Zoë")
    apart = x509.Name([*odds, app, email])
    together = x509.Name(
        [*(x509.RelativeDistinguishedName([item]) for item in odds), x509.RelativeDistinguishedName([email, app])]
    )
    with stopping(serving(site, PORT + 2, revocation=False, member=False)):
        for number, name in enumerate((apart, together)):
            builder = x509.CertificateBuilder(by.certificate.subject, name, key.public_key(), number + 1, now - DAY, now + DAY)
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            path = site.file("odd", pem.Pair(builder.add_extension(usage, False).sign(by.key, hashes.SHA256()), (), key))
            told = run_module(
                "mongodb_tls_info", ca_file=str(site.tls / "ca.pem"), certificates=[{"path": str(path), "kind": "client"}]
            )
            subject = told["certificates"][0]["subject"]
            assert "emailAddress=app@corp.example" in subject
            options = {"tls": True, "tlsCAFile": str(site.tls / "ca.pem"), "tlsCertificateKeyFile": str(path)}
            with pymongo.MongoClient("127.0.0.1", PORT + 2, directConnection=True, **options) as client:
                client["$external"].command({"createUser": subject, "roles": []})
            assert who(site, path) == subject
