# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which authorities of others could sign for members, or for the names of servers."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import sign, sign_authority
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.pem import Pair
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.trust import overreach, require_confined

NAMES = ("db-a.example.com", "localhost", "192.0.2.1")
MEMBER = Wanted(Path("/m.pem"), "member", Subject("db-a", "orders", "members"), NAMES)
CLIENT = Wanted(Path("/c.pem"), "client", Subject("db-a", "orders", "hosts"))
NO_NAMES = [x509.DNSName(""), *(x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0"))]
MEMBERS, NAME = "of members", "for the servers' name"


def directory(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(oid, text) for oid, text in parts]))


ORG, UNIT, DC, CN = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.DOMAIN_COMPONENT, NameOID.COMMON_NAME
APPS = directory((ORG, "apps"))


def reach(permitted: list[x509.GeneralName], excluded: list[x509.GeneralName], members: list[Wanted] | None = None) -> list[str]:
    constraints = x509.NameConstraints(permitted or None, excluded or None) if permitted or excluded else None
    return list(overreach(constraints, members or [MEMBER]))


@pytest.mark.parametrize(
    ("permitted", "ruled_out"),
    [
        ([APPS], True),
        ([directory((ORG, "orders"), (UNIT, "apps"))], True),
        ([directory((UNIT, "apps"))], True),
        ([directory((DC, "example"))], True),
        ([APPS, directory((ORG, "people"))], True),
        ([], False),
        ([directory((ORG, "orders"))], False),
        ([directory((ORG, "ORDERS "))], False),
        ([directory((ORG, "orders"), (UNIT, "Members"), (CN, "x"))], False),
        ([directory((CN, "x"))], False),
        ([x509.DirectoryName(x509.Name([]))], False),
        ([APPS, directory((ORG, "orders"))], False),
        ([x509.DNSName("apps.example")], False),
    ],
)
def test_members_are_ruled_out_by_what_every_subject_begins_with(permitted: list[x509.GeneralName], ruled_out: bool) -> None:
    assert (reach(permitted, NO_NAMES) == []) is ruled_out


def test_an_excluded_subject_rules_nothing_out() -> None:
    assert reach([], [directory((ORG, "orders")), *NO_NAMES]) == [MEMBERS]


def test_a_member_without_a_unit() -> None:
    plain = Wanted(Path("/m.pem"), "member", Subject("db-a", "orders"), NAMES)
    assert reach([directory((ORG, "orders"), (UNIT, "apps"))], NO_NAMES, [plain]) == []
    assert reach([directory((ORG, "orders"))], NO_NAMES, [plain]) == [MEMBERS]


@pytest.mark.parametrize(
    ("names", "permitted", "excluded", "open_to"),
    [
        (("db-a.example.com",), [], [], "db-a.example.com"),
        (("db-a.example.com",), ["apps.example.com"], [], ""),
        (("db-a.example.com",), ["example.com"], [], "db-a.example.com"),
        (("db-a.example.com",), ["Example.COM"], [], "db-a.example.com"),
        (("db-a.example.com",), [], ["example.com"], ""),
        (("db-a.example.com",), [], ["db-a.example.com"], "db-a.example.com"),  # a wildcard would still do
        (("db-a",), [], ["db-a"], ""),
        (("192.0.2.1",), ["apps.example.com"], [], "192.0.2.1"),
        (("192.0.2.1",), ["198.51.100.0/24"], [], ""),
        (("192.0.2.1",), [], ["192.0.2.0/24"], ""),
        (("2001:db8::1",), ["192.0.2.0/24"], [], ""),
        ((), [], [], ""),
    ],
)
def test_names_of_servers_are_ruled_out_in_every_spelling(
    names: tuple[str, ...], permitted: list[str], excluded: list[str], open_to: str
) -> None:
    def trees(texts: list[str]) -> list[x509.GeneralName]:
        return [x509.IPAddress(ipaddress.ip_network(text)) if "/" in text else x509.DNSName(text) for text in texts]

    member = Wanted(Path("/m.pem"), "member", MEMBER.subject, names)
    assert reach([APPS, *trees(permitted)], trees(excluded), [member]) == ([f"{NAME} {open_to}"] if open_to else [])


def test_it_is_told_whom_and_what_to_do() -> None:
    key, now = make_key("ec-p256"), datetime.now(timezone.utc)
    wide = sign_authority(key, Subject("Wide"), 1, now, path_length=1)
    apps = Wanted(Path("/a.pem"), "client", Subject("shop", "apps", "shops"))
    issuer = Wanted(Path("/i.pem"), "issuer", Subject("Narrow"), days=1, vouches=(apps,))
    narrow = sign(Pair(wide, (), key), make_key("ec-p256").public_key(), issuer, now)
    require_confined([narrow], [MEMBER, CLIENT], "db-a")
    require_confined([wide], [CLIENT], "vault-a")
    with pytest.raises(StrongholdError) as refused:
        require_confined([narrow, wide], [MEMBER], "db-a")
    assert str(refused.value) == (
        "db-a: could not trust CN=Wide because it could sign certificates of members and for the servers' name db-a.example.com,"
        " and whoever has one would be taken for that; have it limited by name constraints, or say with also_trust_as_members"
        " that it is trusted so far."
    )
