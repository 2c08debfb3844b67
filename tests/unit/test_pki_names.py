# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subjects as openssl prints them, and names told apart."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import sign_authority
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Permitted, Subject, parse_names, rfc2253
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
