# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subjects as openssl prints them, and names told apart."""

from __future__ import annotations

import ipaddress
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import sign_authority
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import (
    Permitted,
    Subject,
    parse_names,
    rfc2253,
    valid_for,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import write_certificates
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (Subject("db-a", "orders", "members"), "CN=db-a,OU=members,O=orders"),
        (Subject("db-a", "orders"), "CN=db-a,O=orders"),
        (Subject("*.db.example", "A, B + C", 'say "x"'), 'CN=*.db.example,OU=say \\"x\\",O=A\\, B \\+ C'),
        (Subject("#1", " lead", "trail "), "CN=\\#1,OU=trail\\ ,O=\\ lead"),
        (Subject("a=b", "<x>;y", "back\\slash"), "CN=a=b,OU=back\\\\slash,O=\\<x\\>\\;y"),
        (Subject("Zoë", "日", "tab\there"), "CN=Zo\\C3\\AB,OU=tab\\09here,O=\\E6\\97\\A5"),
        (Subject(" "), "CN=\\ "),
    ],
)
def test_subject_is_what_openssl_prints(subject: Subject, text: str, tmp_path: Path) -> None:
    certificate = sign_authority(make_key("ec-p256"), subject, 1, datetime.now(timezone.utc))
    assert rfc2253(certificate.subject) == text
    (tmp_path / "c.pem").write_bytes(write_certificates([certificate]))
    command = ["openssl", "x509", "-in", str(tmp_path / "c.pem"), "-noout", "-subject", "-nameopt", "RFC2253"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == f"subject={text}\n"


def test_names_are_normalised_once_each_in_order() -> None:
    names = ["DB-A.Example.", "192.0.2.1", "0:0:0:0:0:0:0:1", "db-a.example", "::1", "*.db.example", "under_score", "localhost"]
    assert parse_names(names) == ("db-a.example", "192.0.2.1", "::1", "*.db.example", "under_score", "localhost")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "db-a:27017",
        "[::1]",
        "192.0.2.1/24",
        "192.0.2.300",
        "a..b",
        "-a",
        "a-",
        "x" * 64,
        "Zoë",
        "a b",
        "*",
        "*.com",
        "a.*.b",
        "a" + ".b" * 127,
    ],
)
def test_what_is_no_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="neither a DNS name") as caught:
        parse_names(["fine.example", name])
    assert f"'{name}'" in str(caught.value)


def test_subject_problems_name_the_part() -> None:
    assert Subject("", "o" * 65, "u" * 64).problems() == ["common_name is empty", "organization is longer than 64 characters"]


PERMITTED = Permitted.parse([".Example.com", "localhost", "192.0.2.0/24", "::1/128"])


@pytest.mark.parametrize(
    ("names", "common_name", "outside"),
    [
        (["example.com", "a.b.example.com", "localhost", "192.0.2.9", "::1"], "x", []),
        (["notexample.com"], "x", ["notexample.com"]),
        (["localhost", "192.0.3.1", "::2"], "x", ["192.0.3.1", "::2"]),
        (["*.example.com"], "x", []),
        ([], "db.elsewhere.org", ["db.elsewhere.org"]),
        ([], "db.example.com", []),
        ([], "a name with spaces. And a stop", []),
        (["localhost"], "db.elsewhere.org", []),
    ],
)
def test_what_an_authority_may_issue_for(names: list[str], common_name: str, outside: list[str]) -> None:
    assert PERMITTED.outside(names, common_name) == outside


def test_without_limits_everything_is_permitted_and_without_networks_no_address() -> None:
    assert Permitted().outside(["anything.example", "192.0.2.1"], "x.y") == []
    assert Permitted.parse(["example.com"]).outside(["a.example.com", "192.0.2.1"], "x") == ["192.0.2.1"]


@pytest.mark.parametrize(("entry", "reason"), [("192.0.2.1/24", "neither"), ("a b", "neither"), ("192.0.2.0/24", "no DNS name")])
def test_limits_that_cannot_be(entry: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Permitted.parse([entry])


def test_limits_are_read_from_a_certificate_as_they_were_written() -> None:
    key = make_key("ec-p256")
    now = datetime.now(timezone.utc)
    assert Permitted.of(sign_authority(key, Subject("authority"), 9, now, permitted=PERMITTED)) == PERMITTED
    assert Permitted.of(sign_authority(key, Subject("authority"), 9, now)) == Permitted()


def openssl_prints(certificate: x509.Certificate, path: Path) -> str:
    path.write_bytes(write_certificates([certificate]))
    command = ["openssl", "x509", "-in", str(path), "-noout", "-subject", "-nameopt", "RFC2253"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.removeprefix("subject=").strip("\n")


def certified(name: x509.Name, *names: x509.GeneralName) -> x509.Certificate:
    """A certificate of that subject and these alternative names."""
    key, now = make_key("ec-p256"), datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


# All that the library has a name for, but bits, which nobody can read, and what OpenSSL does not know.
OIDS = {value.dotted_string for value in vars(NameOID).values() if isinstance(value, x509.ObjectIdentifier)}
ATTRIBUTES = OIDS - {"2.5.4.45", "1.3.6.1.5.5.7.25.1"}
# Of types of text that hold little but ASCII.
NARROW = ["0.9.2342.19200300.100.1.25", "1.2.840.113549.1.9.1", "2.5.4.46", "2.5.4.5"]
FURTHER = ["2.5.4.13", "2.5.4.18", "2.5.4.20", "2.5.4.41", "2.5.4.43", "2.5.4.72", "0.9.2342.19200300.100.1.3"]
FURTHER += ["1.2.840.113549.1.9.8"]


@pytest.mark.parametrize("oid", sorted({*ATTRIBUTES, *FURTHER}))
def test_each_attribute_is_called_what_openssl_calls_it(oid: str, tmp_path: Path) -> None:
    identifier = x509.ObjectIdentifier(oid)
    text = "Zoe a, b+c" if oid in NARROW else "Zoë <a, b>+c"
    attribute = x509.NameAttribute(identifier, "DE" if "COUNTRY" in _name(oid) else text)
    certificate = certified(x509.Name([attribute, x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
    assert rfc2253(certificate.subject) == openssl_prints(certificate, tmp_path / "c.pem")


def _name(oid: str) -> str:
    return next((name for name, value in vars(NameOID).items() if getattr(value, "dotted_string", "") == oid), "")


def test_attributes_of_one_level(tmp_path: Path) -> None:
    app = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "app@corp.example")
    several = x509.RelativeDistinguishedName(
        [app, x509.NameAttribute(NameOID.COMMON_NAME, "app"), x509.NameAttribute(NameOID.USER_ID, "7")]
    )
    title = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.TITLE, "x" * 60)])
    certificate = certified(x509.Name([title, several]))
    assert rfc2253(certificate.subject) == openssl_prints(certificate, tmp_path / "c.pem")


@pytest.mark.parametrize(
    ("name", "present", "valid"),
    [
        ("db-a.corp.example", "DB-A.Corp.Example", True),
        ("DB-A.corp.example", "db-a.corp.example", True),
        ("db-a.corp.example.", "db-a.corp.example", True),
        ("db-a.corp.example", "db-a.corp.example.", False),
        ("db-a.corp.example", "*.corp.example", True),
        ("DB-A.CORP.example", "*.Corp.example", True),
        ("db-a.corp.example", "*.example", False),
        ("a.db-a.corp.example", "*.corp.example", False),
        ("corp.example", "*.corp.example", False),
        ("corp.example", "*.example", False),
        ("db-a.corp.example", "db-*.corp.example", False),
        ("db-a.corp.example", "db-b.corp.example", False),
        ("db-a", "*", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0::1", "2001:db8::1", True),
        ("*.corp.example", "*.corp.example", True),
    ],
)
def test_a_certificate_is_valid_for_what_verifiers_take_it_for(name: str, present: str, valid: bool) -> None:
    try:
        general: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(present))
    except ValueError:
        general = x509.DNSName(present)
    certificate = certified(x509.Name([]), general)
    assert valid_for(certificate, name) is valid


def test_an_address_that_is_written_as_a_name_is_none() -> None:
    certificate = certified(x509.Name([]), x509.DNSName("*.0.2.1"), x509.DNSName("192.0.2.1"))
    assert not valid_for(certificate, "192.0.2.1")
    assert not valid_for(certified(x509.Name([])), "db-a")
