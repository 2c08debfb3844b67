# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each way in which a certificate can differ from its declaration, alone."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem, preflight, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import serial
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.judge import (
    BACKDATED,
    faults,
    issuers,
    judge,
    judge_external,
    near_end,
)
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


# Of other authorities: the same name, a number that is revoked elsewhere, an end of their own.


def with_serial(pair: Pair, number: int, by: Pair) -> Pair:
    """The same certificate with another number."""
    old = pair.certificate
    builder = (
        x509.CertificateBuilder(by.certificate.subject, old.subject, old.public_key(), number)
        .not_valid_before(NOW - BACKDATED)
        .not_valid_after(NOW + 90 * DAY)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return replace(pair, certificate=builder.sign(by.key, hashes.SHA256()))


def named_authority(name: str) -> Pair:
    key = make_key("ec-p256")
    return Pair(authority.sign_authority(key, Subject(name, "orders"), 3650, NOW), (), key)


def test_who_is_revoked_is_told_by_issuer_and_number() -> None:
    """Numbers are unique within an authority alone (RFC 5280, section 4.1.2.2)."""
    other = named_authority("other")
    ours, theirs = with_serial(issue(), 7, AUTHORITY), with_serial(issue(), 7, other)
    trusted = [AUTHORITY.certificate, other.certificate]
    own_list, empty = (revocation.sign_list(AUTHORITY, None, serials, 10, NOW) for serials in ([7], [8]))
    their_list = revocation.sign_list(other, None, [7], 10, NOW)
    for lists, of_ours, of_theirs in (
        ([], [], []),
        ([own_list], ["it is revoked"], []),
        ([their_list], [], ["it is revoked"]),
        ([empty, their_list], [], ["it is revoked"]),
        ([their_list, own_list], ["it is revoked"], ["it is revoked"]),
        ([own_list, own_list], ["it is revoked"], []),
    ):
        assert judge(ours, MEMBER, trusted, NOW, lists=lists) == of_ours
        assert judge(theirs, MEMBER, trusted, NOW, lists=lists) == of_theirs
        assert faults(ours, trusted, NOW, kind="member", lists=lists) == of_ours
        assert judge_external(theirs, MEMBER, trusted, NOW, lists) == of_theirs


def test_a_certificate_of_an_authority_that_signs_no_more_is_told_apart() -> None:
    former = named_authority("former")
    pair = issue(by=former)
    reasons = judge(pair, MEMBER, TRUSTED, NOW, also=[former.certificate])
    assert reasons == [
        f"it is signed by CN=former,O=orders (serial {serial(former.certificate)}), which is trusted and signs no more"
    ]
    assert judge(pair, MEMBER, TRUSTED, NOW, also=[new_authority().certificate]) == ["it is not signed by the authority"]
    assert judge(pair, MEMBER, [*TRUSTED, former.certificate], NOW, also=[former.certificate]) == []


def signed_authority(
    by: Pair,
    *,
    name: str = "middle",
    ca: bool | None = True,
    usage: str | None = "key_cert_sign",
    life: tuple[int, int] = (-1, 999),
) -> Pair:
    """An intermediate from elsewhere; ``ca`` and ``usage`` None leave the extension out, ``life`` is in days from NOW."""
    key = make_key("ec-p256")
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(by.certificate.subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW + life[0] * DAY)
        .not_valid_after(NOW + life[1] * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
    if usage:
        builder = builder.add_extension(key_usage(usage), True)
    return Pair(builder.sign(by.key, hashes.SHA256()), (), key)


def key_usage(*allowed: str) -> x509.KeyUsage:
    every = [
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ]
    return x509.KeyUsage(**{name: name in allowed for name in every})


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({}, None),
        ({"usage": None}, None),
        ({"ca": False}, "its issuer CN=middle is no authority"),
        ({"ca": None}, "its issuer CN=middle is no authority"),
        ({"life": (-9, 0)}, "its issuer CN=middle cannot be used: it expired on 2026-05-01T12:00:00Z"),
        (
            {"life": (1, 9)},
            "its issuer CN=middle cannot be used: it is not valid before 2026-05-02T12:00:00Z, "
            "and this host's clock says 2026-05-01T12:00:00Z",
        ),
        ({"life": (0, 1)}, None),
    ],
)
def test_those_in_between_are_authorities_and_valid_now(how: dict[str, Any], reason: str | None) -> None:
    middle = signed_authority(AUTHORITY, **how)
    pair = replace(issue(replace(MEMBER, days=1), by=middle, now=NOW), chain=(middle.certificate,))
    expected = [reason] if reason else []
    assert [text for text in faults(pair, TRUSTED, NOW, kind="member") if "issuer" in text] == expected
    assert [text for text in judge(pair, MEMBER, TRUSTED, NOW) if "issuer" in text] == expected


def test_everyone_up_to_the_authority_is_an_issuer() -> None:
    upper = signed_authority(AUTHORITY, name="upper")
    lower = signed_authority(upper, name="lower")
    pair = replace(issue(by=lower), chain=(lower.certificate, upper.certificate))
    assert judge(pair, MEMBER, TRUSTED, NOW) == []
    twin = new_authority().certificate
    assert issuers(pair, [twin, *TRUSTED]) == [lower.certificate, upper.certificate, *TRUSTED]
    assert issuers(pair, [twin]) == [lower.certificate, upper.certificate]
    assert issuers(issue(), TRUSTED) == TRUSTED
    wrong = replace(pair, chain=(upper.certificate, lower.certificate))
    assert judge(wrong, MEMBER, TRUSTED, NOW) == ["its chain is not in order, each issuer after what it signed"]
    assert judge(replace(pair, chain=(lower.certificate,)), MEMBER, TRUSTED, NOW) == ["it is not signed by the authority"]


# Certificates from elsewhere, which may say more than was asked for.


def foreign(*extensions: x509.ExtensionType, attributes: str = "CN=db-a,OU=members,O=orders") -> Pair:
    key = make_key("ec-p256")
    builder = (
        x509.CertificateBuilder(
            AUTHORITY.certificate.subject,
            x509.Name.from_rfc4514_string(attributes),
            key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 9 * DAY)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, False)
    return Pair(builder.sign(AUTHORITY.key, hashes.SHA256()), (), key)


BOTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
AUTHORITYS = x509.BasicConstraints(True, None)
NO_AUTHORITYS = x509.BasicConstraints(False, None)
MAY_NOT_SIGN = "it may not sign certificates"


@pytest.mark.parametrize(
    ("kind", "extensions", "reasons"),
    [
        ("member", [], []),
        ("member", [BOTH, NO_AUTHORITYS, key_usage("digital_signature", "key_agreement")], []),
        ("member", [SERVER], ["its extended key usage does not allow it as a client"]),
        ("member", [CLIENT], ["its extended key usage does not allow it as a server"]),
        (
            "member",
            [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])],
            ["its extended key usage does not allow it as a server and a client"],
        ),
        ("client", [CLIENT], []),
        ("client", [BOTH], []),
        ("client", [SERVER], ["its extended key usage does not allow it as a client"]),
        ("backup", [SERVER], ["its extended key usage does not allow it as a client"]),
        ("backup", [CLIENT], ["its extended key usage does not allow it as a server"]),
        ("backup", [BOTH], []),
        ("member", [BOTH, AUTHORITYS], ["it is the certificate of an authority"]),
        ("client", [AUTHORITYS, key_usage("digital_signature")], ["it is the certificate of an authority"]),
        ("member", [key_usage("key_agreement")], ["its key usage does not allow digital signatures"]),
        ("issuer", [AUTHORITYS], []),
        ("issuer", [AUTHORITYS, key_usage("key_cert_sign")], []),
        ("issuer", [AUTHORITYS, key_usage("key_cert_sign"), CLIENT], []),
        ("issuer", [AUTHORITYS, key_usage("crl_sign", "digital_signature")], [MAY_NOT_SIGN]),
        ("issuer", [NO_AUTHORITYS, key_usage("key_cert_sign")], [MAY_NOT_SIGN]),
        ("issuer", [key_usage("key_cert_sign")], [MAY_NOT_SIGN]),
        ("issuer", [], [MAY_NOT_SIGN]),
    ],
)
def test_what_a_kind_must_be_allowed(kind: str, extensions: list[x509.ExtensionType], reasons: list[str]) -> None:
    assert faults(foreign(*extensions), TRUSTED, NOW, kind=kind) == reasons


NAMES = x509.SubjectAlternativeName(
    [x509.DNSName(name) for name in ("db-a", "db-b")]
    + [x509.IPAddress(ipaddress.ip_address(address)) for address in ("192.0.2.1", "::1")]  # type: ignore[list-item]
)


def test_a_certificate_from_elsewhere_may_say_more_and_not_less() -> None:
    assert judge_external(foreign(NAMES, BOTH), MEMBER, TRUSTED, NOW) == []
    assert judge_external(foreign(NAMES, attributes="CN=db-a,OU=members,O=orders,C=DE"), MEMBER, TRUSTED, NOW) == []
    assert judge_external(foreign(NAMES, attributes="CN=db-b,O=orders,C=DE"), MEMBER, TRUSTED, NOW) == [
        "its subject is CN=db-b,O=orders,C=DE and lacks OU=members, CN=db-a"
    ]
    narrow = foreign(NAMES, SERVER)
    assert judge_external(narrow, MEMBER, TRUSTED, NOW) == ["its extended key usage does not allow it as a client"]
    assert judge_external(narrow, replace(MEMBER, kind="issuer"), TRUSTED, NOW) == [MAY_NOT_SIGN]
    wanted = replace(MEMBER, names=(*MEMBER.names, "db-c", "db-d"))
    assert judge_external(foreign(NAMES), wanted, TRUSTED, NOW) == ["it is not valid for db-c, db-d"]


def test_its_names_count_as_verifiers_read_them() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("DB-A.corp.example"), x509.DNSName("*.rack.example")])
    for name in ("db-a.corp.example", "db-b.rack.example"):
        assert judge_external(foreign(names, BOTH), replace(MEMBER, names=(name,)), TRUSTED, NOW) == []
    other = replace(MEMBER, names=("db-b.corp.example", "a.b.rack.example"))
    assert judge_external(foreign(names, BOTH), other, TRUSTED, NOW) == [
        "it is not valid for a.b.rack.example, db-b.corp.example"
    ]


def test_a_key_of_another_certificate_is_a_fault_whoever_made_it() -> None:
    assert faults(replace(foreign(), key=make_key("ec-p256")), TRUSTED, NOW, kind="member") == [
        "its key does not belong to its certificate"
    ]


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (-DAY - SECOND, "it is not valid before 2026-04-30T12:00:00Z, and this host's clock says 2026-04-30T11:59:59Z"),
        (-DAY, None),
        (9 * DAY - SECOND, None),
        (9 * DAY, "it expired on 2026-05-10T12:00:00Z"),
    ],
)
def test_validity_has_a_first_moment_and_a_last_one(at: timedelta, reason: str | None) -> None:
    assert faults(foreign(), TRUSTED, NOW + at, kind="member") == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("renew_before", "at", "near"),
    [
        (None, 60 * DAY, False),
        (None, 60 * DAY + SECOND, True),
        (None, 90 * DAY - SECOND, True),
        (None, 90 * DAY, False),  # it has ended, which is another sentence
        (7 * DAY, 83 * DAY, False),
        (7 * DAY, 83 * DAY + SECOND, True),
        (60 * DAY, 30 * DAY + SECOND, True),
        (60 * DAY, 30 * DAY, False),
    ],
)
def test_the_end_is_near_in_the_last_third_or_as_declared(renew_before: timedelta | None, at: timedelta, near: bool) -> None:
    wanted = replace(MEMBER, renew_before=renew_before)
    assert bool(near_end(issue().certificate, wanted, NOW + at)) is near


def test_a_near_end_is_told_in_days() -> None:
    assert near_end(issue().certificate, MEMBER, NOW + 80 * DAY) == ["it expires in 10 days, on 2026-07-30T12:00:00Z"]


@pytest.mark.parametrize(
    ("days", "ends", "renewed"),
    [
        (90, 3650, True),
        (90, 90, False),  # a new one would end as this one does
        (90, 91, True),
        (90, 89, False),
        (1, 3650, False),  # with a shorter declared life a new one would end before
    ],
)
def test_a_certificate_is_renewed_where_that_gains_time(days: int, ends: int, renewed: bool) -> None:
    """``ends`` is the day on which the authority ends that would sign a new one."""
    wanted = replace(MEMBER, days=days, renew_before=2 * DAY)
    told = judge(issue(), wanted, TRUSTED, NOW + 89 * DAY, chain=[new_authority(days=ends).certificate])
    assert any(reason.startswith("it expires in 1 days") for reason in told) is renewed


def test_without_an_authority_nothing_is_in_the_way_of_a_new_certificate() -> None:
    assert judge(issue(), MEMBER, [], NOW + 80 * DAY) == [
        "it is not signed by the authority",
        "it expires in 10 days, on 2026-07-30T12:00:00Z",
    ]


def test_the_longest_of_several_authorities_would_sign() -> None:
    lives = [new_authority(days=days).certificate for days in (30, 3650, 60)]
    at = NOW + 80 * DAY
    assert judge(issue(), MEMBER, TRUSTED, at, chain=lives) == ["it expires in 10 days, on 2026-07-30T12:00:00Z"]
    assert judge(issue(), MEMBER, TRUSTED, at, chain=lives[::2]) == []


def test_a_life_of_exactly_the_declared_days_is_accepted() -> None:
    assert judge(issue(), replace(MEMBER, days=90), TRUSTED, NOW) == []
    assert judge(issue(), replace(MEMBER, days=89), TRUSTED, NOW) == ["it lives 90 days and not at most 89"]


VOUCHING = replace(MEMBER, kind="issuer", subject=Subject("db-a issuer", "orders"), names=(), days=30, vouches=(MEMBER,))


def test_an_issuer_is_limited_to_what_it_vouches_for() -> None:
    parent = Pair(
        authority.sign_authority(AUTHORITY.key, Subject("authority", "orders"), 3650, NOW, path_length=1), (), AUTHORITY.key
    )
    pair = issue(VOUCHING, by=parent)
    assert judge(pair, VOUCHING, [parent.certificate], NOW) == []
    wider = replace(VOUCHING, vouches=(replace(MEMBER, names=("db-a", "db-b")),))
    assert judge(pair, wider, [parent.certificate], NOW) == ["its limit of names is not that of an issuer certificate"]
    assert judge(issue(), replace(MEMBER, vouches=(MEMBER,)), TRUSTED, NOW) == []


# The files of a server, judged together before it takes them up.

GOOD_FILES = pem.write_pair(issue()), pem.write_certificates(TRUSTED)
LIST = revocation.sign_list(AUTHORITY, None, [], 10, NOW)


def test_files_that_fit_each_other_are_good() -> None:
    assert preflight.problems(*GOOD_FILES, None, NOW, names=MEMBER.names) == []
    assert preflight.problems(*GOOD_FILES, pem.write_lists([LIST]), NOW) == []


@pytest.mark.parametrize(
    ("pair", "at", "reason"),
    [
        (issue(), 90 * DAY, "it expired on 2026-07-30T12:00:00Z"),
        (issue(now=NOW + DAY), timedelta(0), "it is not valid before 2026-05-02T11:55:00Z"),
        (issue(by=named_authority("foreign")), timedelta(0), "it is not signed by the authority"),
        (issue(replace(MEMBER, names=("db-b",))), timedelta(0), "it is not valid for 192.0.2.1, ::1, db-a"),
        (issue(replace(MEMBER, kind="client")), timedelta(0), "its extended key usage does not allow it as a server"),
        (replace(issue(), key=make_key("ec-p256")), timedelta(0), "its key does not belong to its certificate"),
    ],
)
def test_a_certificate_that_would_be_refused_is_told_before_a_server_takes_it_up(pair: Pair, at: timedelta, reason: str) -> None:
    (found,) = preflight.problems(pem.write_pair(pair), GOOD_FILES[1], None, NOW + at, names=MEMBER.names)
    assert found.startswith(f"the certificate cannot be used: {reason}")


def test_lists_are_wanted_of_every_issuer_once_there_are_any() -> None:
    pair = issue()
    revoked = revocation.sign_list(AUTHORITY, None, [pair.certificate.serial_number], 10, NOW)
    own = pem.write_pair(pair)
    trusted = pem.write_certificates([*TRUSTED, new_authority().certificate])
    assert preflight.problems(own, trusted, pem.write_lists([revoked]), NOW) == ["the certificate cannot be used: it is revoked"]
    assert preflight.problems(own, trusted, pem.write_lists([LIST]), NOW) == [], "of authorities that signed nothing none is"
    middle = signed_authority(AUTHORITY)
    chained = pem.write_pair(replace(issue(by=middle), chain=(middle.certificate,)))
    missing = "there is no revocation list of CN=middle, and servers would refuse every certificate of it"
    assert preflight.problems(chained, trusted, pem.write_lists([LIST]), NOW) == [missing]
    both = pem.write_lists([LIST, revocation.sign_list(middle, None, [], 10, NOW)])
    assert preflight.problems(chained, trusted, both, NOW) == []


def test_files_that_cannot_be_read_are_named() -> None:
    own, trusted = GOOD_FILES
    assert preflight.problems(own, b"", None, NOW) == ["the file of authorities cannot be used: it is not PEM"]
    assert preflight.problems(own, trusted, b"", NOW) == ["the file of revocations cannot be used: it is not PEM"]
    assert preflight.problems(b"", trusted, None, NOW) == ["the certificate cannot be used: it is not PEM"]
