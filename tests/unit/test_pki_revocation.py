# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Revocation lists: what they keep, when they are made anew, and which would shut everybody out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

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


def test_a_list_is_as_long_as_it_was_asked_to_be_and_begins_a_little_before() -> None:
    item = revocation.sign_list(AUTHORITY, None, [], 10, NOW)
    assert currency(item) == (NOW - timedelta(minutes=5), NOW + 10 * DAY)


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (timedelta(minutes=-5) - SECOND, "is not valid before"),
        (timedelta(minutes=-5), ""),
        (10 * DAY - SECOND, ""),
        (10 * DAY, "expired on"),
    ],
)
def test_a_list_counts_from_its_first_moment_to_before_its_last(at: timedelta, reason: str) -> None:
    item = revocation.sign_list(AUTHORITY, None, [], 10, NOW)
    found = revocation.problems([item], [], [AUTHORITY.certificate], NOW + at)
    assert len(found) == bool(reason)
    assert reason in "".join(found)


def test_a_list_of_one_of_several_authorities_of_one_name_is_told_by_its_signature() -> None:
    twin = new_authority()
    both = [twin.certificate, AUTHORITY.certificate]
    item = revocation.sign_list(AUTHORITY, None, [], 10, NOW)
    assert revocation.problems([item], [AUTHORITY.certificate], both, NOW) == []
    missing = "there is no revocation list of CN=authority, and servers would refuse every certificate of it"
    assert revocation.problems([item], both, both, NOW) == [missing]
    lists = [item, revocation.sign_list(twin, None, [], 10, NOW)]
    assert revocation.problems(lists, both, both, NOW) == []
    assert not revocation.made_by(item, twin.certificate)
    impostor = pem.Pair(twin.certificate, (), AUTHORITY.key)
    assert not revocation.made_by(revocation.sign_list(impostor, None, [], 10, NOW), new_authority("other").certificate)


def test_of_the_signature_alone_nobody_is_the_maker() -> None:
    renamed = pem.Pair(new_authority("other").certificate, (), AUTHORITY.key)
    assert not revocation.made_by(revocation.sign_list(renamed, None, [], 10, NOW), AUTHORITY.certificate)


def test_numbers_go_on_after_a_list_without_one_and_revocations_are_never_taken_back() -> None:
    first = revocation.sign_list(AUTHORITY, None, [7], 10, NOW)
    third = revocation.sign_list(AUTHORITY, revocation.sign_list(AUTHORITY, first, [], 10, NOW), [7, 9], 10, NOW + DAY)
    assert number(third) == 3
    assert {entry.serial_number: revoked_since(entry) for entry in third} == {7: NOW, 9: NOW + DAY}
    builder = x509.CertificateRevocationListBuilder(AUTHORITY.certificate.subject, NOW, NOW + DAY)
    plain = builder.sign(AUTHORITY.key, hashes.SHA256())
    assert number(revocation.sign_list(AUTHORITY, plain, [], 10, NOW)) == 1
    assert revocation.forgotten([plain], [plain]) == revocation.older([plain], [plain]) == []


def test_what_a_list_says_beside_its_entries_may_be_ignored_by_those_who_do_not_know_it() -> None:
    """RFC 5280, sections 5.2.1 and 5.2.3: both extensions are there, and neither is critical."""
    item = revocation.sign_list(AUTHORITY, None, [], 10, NOW)
    assert {type(found.value): found.critical for found in item.extensions} == {
        x509.CRLNumber: False,
        x509.AuthorityKeyIdentifier: False,
    }


def test_two_lists_of_one_issuer_are_taken_together() -> None:
    seven, eight = (revocation.sign_list(AUTHORITY, None, [serial], 10, NOW) for serial in (7, 8))
    both = revocation.sign_list(AUTHORITY, None, [7, 8], 10, NOW)
    assert revocation.forgotten([both], [seven, eight]) == []
    assert revocation.forgotten([seven, eight], [both]) == []
    assert revocation.forgotten([seven, eight], [revocation.sign_list(AUTHORITY, None, [], 10, NOW)]) == [7, 8]


def test_one_older_list_among_several_is_enough() -> None:
    old, new = (revocation.sign_list(AUTHORITY, None, [], 10, NOW + days * DAY) for days in (0, 1))
    other = revocation.sign_list(new_authority("other"), None, [], 10, NOW + 2 * DAY)
    assert len(revocation.older([new, other], [old])) == 1
    assert len(revocation.older([old, new], [old])) == 1
    assert revocation.older([other], [old]) == []


def test_a_list_is_shown_with_its_numbers() -> None:
    item = revocation.sign_list(AUTHORITY, None, [255, 7], 10, NOW)
    assert revocation.for_list([item]) == ["revocation list of CN=authority until 2026-05-11T12:00:00Z", "  07", "  FF"]
