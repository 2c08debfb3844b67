# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each way in which a certificate can differ from its declaration, alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.judge import BACKDATED, judge
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import Pair
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of, make_key

NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
MEMBER = Wanted(
    path=Path("/tls/member.pem"),
    kind="member",
    subject=Subject("db-a", "orders", "members"),
    names=("db-a", "192.0.2.1", "::1"),
    days=90,
)


def new_authority(days: int = 3650, now: datetime = NOW) -> Pair:
    key = make_key("ec-p256")
    return Pair(authority.sign_authority(key, Subject("authority", "orders"), days, now), (), key)


AUTHORITY = new_authority()
TRUSTED = [AUTHORITY.certificate]


def issue(wanted: Wanted = MEMBER, by: Pair = AUTHORITY, now: datetime = NOW) -> Pair:
    key = make_key(wanted.key_type)
    return Pair(authority.sign(by, key.public_key(), wanted, now), (), key)


@pytest.mark.parametrize("kind", ["member", "client"])
@pytest.mark.parametrize("key_type", ["ec-p256", "rsa-3072"])
def test_what_is_issued_is_what_was_wanted(kind: str, key_type: str) -> None:
    wanted = replace(MEMBER, kind=kind, key_type=key_type)
    assert judge(issue(wanted), wanted, TRUSTED, NOW) == []


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (
            {"subject": Subject("db-b", "orders", "members")},
            "its subject is CN=db-a,OU=members,O=orders and not CN=db-b,OU=members,O=orders",
        ),
        (
            {"subject": Subject("db-a", "sales", "members")},
            "its subject is CN=db-a,OU=members,O=orders and not CN=db-a,OU=members,O=sales",
        ),
        ({"subject": Subject("db-a", "orders")}, "its subject is CN=db-a,OU=members,O=orders and not CN=db-a,O=orders"),
        ({"names": (*MEMBER.names, "db.example", "192.0.2.9")}, "it is not valid for 192.0.2.9, db.example"),
        ({"names": ("db-a", "::1")}, "it is still valid for 192.0.2.1"),
        ({"kind": "client"}, "its extended key usage is not that of a client certificate"),
        ({"days": 60}, "it lives 90 days and not at most 60"),
    ],
)
def test_another_declaration_is_the_one_reason(declared: dict[str, Any], reason: str) -> None:
    assert judge(issue(), replace(MEMBER, **declared), TRUSTED, NOW) == [reason]


def test_order_of_names_does_not_matter() -> None:
    assert judge(issue(), replace(MEMBER, names=MEMBER.names[::-1]), TRUSTED, NOW) == []


def test_another_key_type() -> None:
    reasons = judge(issue(), replace(MEMBER, key_type="rsa-3072"), TRUSTED, NOW)
    assert reasons == ["its key is ec-p256 and not rsa-3072", "its key usage is not that of a member certificate"]


def test_a_key_of_another_certificate() -> None:
    assert judge(replace(issue(), key=make_key("ec-p256")), MEMBER, TRUSTED, NOW) == [
        "its key does not belong to its certificate"
    ]


def test_another_authority_of_the_same_name() -> None:
    assert judge(issue(by=new_authority()), MEMBER, TRUSTED, NOW) == ["it is not signed by the authority"]


def test_no_authority_yet() -> None:
    assert judge(issue(), MEMBER, [], NOW) == ["it is not signed by the authority"]


def test_one_of_two_authorities_suffices() -> None:
    assert judge(issue(), MEMBER, [new_authority().certificate, *TRUSTED], NOW) == []


def test_a_chain_leads_to_the_authority_in_order() -> None:
    middle = new_authority()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "middle")])
    signed = (
        x509.CertificateBuilder(issuer_name=AUTHORITY.certificate.subject, subject_name=name, public_key=middle.key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 999 * DAY)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(middle.key.public_key()), False)
        .sign(AUTHORITY.key, hashes.SHA256())
    )
    pair = issue(by=Pair(signed, (), middle.key))
    assert judge(replace(pair, chain=(signed,)), MEMBER, TRUSTED, NOW) == []
    assert judge(pair, MEMBER, TRUSTED, NOW) == ["it is not signed by the authority"]
    disorder = replace(pair, chain=(AUTHORITY.certificate, signed))
    assert judge(disorder, MEMBER, TRUSTED, NOW) == ["its chain is not in order, each issuer after what it signed"]


def rebuilt(pair: Pair, change: object) -> Pair:
    """The same certificate with other extensions, signed by the same authority."""
    old = pair.certificate
    builder = (
        x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
        .not_valid_before(NOW - BACKDATED)
        .not_valid_after(NOW + 90 * DAY)
    )
    for extension in old.extensions:
        replacement = change(extension)  # type: ignore[operator]
        if replacement is not None:
            builder = builder.add_extension(*replacement)
    return replace(pair, certificate=builder.sign(AUTHORITY.key, hashes.SHA256()))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (x509.BasicConstraints, "basic constraints"),
        (x509.KeyUsage, "key usage"),
        (x509.ExtendedKeyUsage, "extended key usage"),
    ],
)
@pytest.mark.parametrize("how", ["missing", "other criticality"])
def test_usages(kind: type, name: str, how: str) -> None:
    def change(extension: x509.Extension[x509.ExtensionType]) -> object:
        if not isinstance(extension.value, kind):
            return extension.value, extension.critical
        return None if how == "missing" else (extension.value, not extension.critical)

    assert judge(rebuilt(issue(), change), MEMBER, TRUSTED, NOW) == [f"its {name} is not that of a member certificate"]


def test_a_member_that_could_sign_is_refused() -> None:
    def change(extension: x509.Extension[x509.ExtensionType]) -> object:
        value = x509.BasicConstraints(True, None) if isinstance(extension.value, x509.BasicConstraints) else extension.value
        return value, extension.critical

    assert judge(rebuilt(issue(), change), MEMBER, TRUSTED, NOW) == ["its basic constraints is not that of a member certificate"]


def test_time_runs_through_a_life_of_ninety_days() -> None:
    pair = issue()
    assert judge(pair, MEMBER, TRUSTED, NOW - BACKDATED) == []
    early = NOW - BACKDATED - timedelta(seconds=1)
    assert judge(pair, MEMBER, TRUSTED, early) == [
        "it is not valid before 2026-05-01T11:55:00Z, and this host's clock says 2026-05-01T11:54:59Z"
    ]
    assert judge(pair, MEMBER, TRUSTED, NOW + 60 * DAY) == []
    assert judge(pair, MEMBER, TRUSTED, NOW + 60 * DAY + timedelta(seconds=1)) == [
        "it expires in 29 days, on 2026-07-30T12:00:00Z"
    ]
    assert judge(pair, MEMBER, TRUSTED, NOW + 90 * DAY) == ["it expired on 2026-07-30T12:00:00Z"]


def test_renew_before_in_days_is_exact() -> None:
    pair, wanted = issue(), replace(MEMBER, renew_before=7 * DAY)
    assert judge(pair, wanted, TRUSTED, NOW + 83 * DAY) == []
    assert judge(pair, wanted, TRUSTED, NOW + 83 * DAY + timedelta(seconds=1)) == [
        "it expires in 6 days, on 2026-07-30T12:00:00Z"
    ]


def test_a_certificate_that_ends_with_its_authority_is_not_renewed_on_every_run() -> None:
    short = new_authority(days=30)
    pair = issue(by=short)
    assert validity(pair.certificate)[1] == validity(short.certificate)[1]
    assert judge(pair, MEMBER, [short.certificate], NOW + 29 * DAY) == []


def test_names_of_key_types() -> None:
    assert key_type_of(rsa.generate_private_key(65537, 2048).public_key()) == "rsa-2048"
    assert key_type_of(ec.generate_private_key(ec.SECP384R1()).public_key()) == "ec-secp384r1"
    assert key_type_of(ed25519.Ed25519PrivateKey.generate().public_key()) == "ed25519"
