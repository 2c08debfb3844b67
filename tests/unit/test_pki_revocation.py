# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Revocation lists: what they keep, when they are made anew, and which would shut everybody out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import currency, revoked_since
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key

NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def new_authority(name: str = "authority") -> pem.Pair:
    key = make_key("ec-p256")
    return pem.Pair(authority.sign_authority(key, Subject(name), 3650, NOW - 90 * DAY), (), key)


AUTHORITY = new_authority()


def number(item: x509.CertificateRevocationList) -> int:
    return item.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_revocation_is_kept_with_its_time_and_the_numbers_rise() -> None:
    first = revocation.sign_list(AUTHORITY, None, [7], 10, NOW)
    second = revocation.sign_list(AUTHORITY, first, [8], 10, NOW + DAY)
    assert revocation.serials(second) == {7, 8}
    assert {entry.serial_number: revoked_since(entry) for entry in second} == {7: NOW, 8: NOW + DAY}
    assert (number(first), number(second)) == (1, 2)
    assert revocation.made_by(second, AUTHORITY.certificate)
    assert not revocation.made_by(second, new_authority().certificate), "the name alone is not enough"


def test_it_is_due_when_half_of_its_life_is_over_or_one_is_lacking() -> None:
    item = revocation.sign_list(AUTHORITY, None, [7], 10, NOW)
    start, end = currency(item)
    half = start + (end - start) / 2
    assert not revocation.is_due(item, [7], half)
    assert revocation.is_due(item, [7], half + timedelta(seconds=1))
    assert revocation.is_due(item, [7, 8], NOW)
    assert not revocation.is_due(item, [], NOW)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        (-1, "is not valid before 2026-05-01T11:55:00Z"),
        (0, ""),
        (9, ""),
        (10, "expired on 2026-05-11T12:00:00Z"),
    ],
)
def test_lists_count_from_their_start_to_their_end(days: int, reason: str) -> None:
    item = revocation.sign_list(AUTHORITY, None, [], 10, NOW)
    found = revocation.problems([item], [AUTHORITY.certificate], [AUTHORITY.certificate], NOW + days * DAY)
    assert len(found) == bool(reason)
    assert reason in "".join(found)


def test_each_issuer_needs_one_of_its_own() -> None:
    other = new_authority("other")
    item = revocation.sign_list(AUTHORITY, None, [], 10, NOW)
    both = [AUTHORITY.certificate, other.certificate]
    assert revocation.problems([item], both, both, NOW) == [
        "there is no revocation list of CN=other, and servers would refuse every certificate of it"
    ]
    strange = revocation.sign_list(other, None, [], 10, NOW)
    assert revocation.problems([strange], [], [AUTHORITY.certificate], NOW) == [
        "the revocation list of CN=other is not signed by a trusted authority"
    ]


def test_what_a_list_would_forget() -> None:
    before = revocation.sign_list(AUTHORITY, None, [7, 8], 10, NOW)
    fewer = revocation.sign_list(AUTHORITY, None, [8], 10, NOW)
    successor = revocation.sign_list(new_authority(), None, [7], 10, NOW)
    assert revocation.forgotten([before], [fewer]) == [7]
    assert revocation.forgotten([before], [before, fewer]) == []
    assert revocation.forgotten([before], [fewer, successor]) == [7], "an authority and its successor may have one name"
    assert revocation.forgotten([before], [successor]) == [], "hosts trust the successor alone"
    assert revocation.forgotten([before], [revocation.sign_list(new_authority("other"), None, [], 10, NOW)]) == []


def test_an_older_list_is_told_from_one_that_has_dropped_something() -> None:
    before = revocation.sign_list(AUTHORITY, None, [7, 8], 10, NOW)
    later = revocation.sign_list(AUTHORITY, None, [8], 10, NOW + DAY)
    assert revocation.older([before], [later]) == revocation.older([before], [before]) == []
    assert revocation.older([later], [before]) == [
        "the revocation list of CN=authority of 2026-05-01T11:55:00Z is older than the one on this host"
    ]
    assert revocation.older([later], [revocation.sign_list(new_authority(), None, [], 10, NOW)]) == []


def test_a_list_is_read_as_it_was_written_and_no_other_text() -> None:
    item = revocation.sign_list(AUTHORITY, None, [7], 10, NOW)
    assert pem.read_lists(pem.write_lists([item, item])) == (item, item)
    for text, reason in (
        (b"", "not PEM"),
        (pem.write_lists([item])[:-30], "cut off"),
        (pem.write_certificates([AUTHORITY.certificate]), "no revocation list"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "damaged"),
    ):
        with pytest.raises(pem.PemError, match=reason):
            pem.read_lists(text)
