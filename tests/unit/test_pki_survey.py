# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of certificates, authorities and lists as they are, and when their ends are near."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from unit.test_pki_judge import AUTHORITY, DAY, MEMBER, NOW, TRUSTED, issue, new_authority

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import currency, validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.survey import Survey, warnings

SECOND = timedelta(seconds=1)


def survey(at: timedelta = timedelta(0), lists: Any = (), **options: Any) -> Survey:
    return Survey(NOW + at, TRUSTED, lists, **options)


@pytest.mark.parametrize(
    ("renew_before", "at", "near"),
    [
        (None, 60 * DAY, False),
        (None, 60 * DAY + SECOND, True),
        (None, 91 * DAY, True),
        (7 * DAY, 83 * DAY, False),
        (7 * DAY, 83 * DAY + SECOND, True),
    ],
)
def test_the_end_of_a_certificate_is_near_in_its_last_third(renew_before: timedelta | None, at: timedelta, near: bool) -> None:
    certificate = issue().certificate
    assert survey(at, renew_before=renew_before).near_end(certificate) is near
    assert survey(at, renew_before=renew_before).of_certificate(certificate)["near_end"] is near


def test_the_end_of_an_authority_is_near_in_its_last_tenth() -> None:
    certificate = AUTHORITY.certificate
    start, end = validity(certificate)
    last_tenth = end - (end - start) / 10 - NOW
    assert survey(last_tenth).of_authority(certificate)["near_end"] is False
    assert survey(last_tenth + SECOND).of_authority(certificate)["near_end"] is True
    assert survey(last_tenth).of_certificate(certificate)["near_end"] is True, "as of a certificate, in its last third"
    assert survey(last_tenth, renew_before=9999 * DAY).of_authority(certificate)["near_end"] is False


def test_the_end_of_a_list_is_near_in_its_second_half() -> None:
    item = revocation.sign_list(AUTHORITY, None, [255, 7], 10, NOW)
    start, end = currency(item)
    half = start + (end - start) / 2 - NOW
    assert survey(half).of_list(item)["near_end"] is False
    found = survey(half + SECOND).of_list(item)
    assert (found["near_end"], found["revoked"], found["days_left"], found["problems"]) == (True, ["07", "FF"], 5, [])


def test_a_list_of_nobody_we_trust_has_a_problem_and_lacks_no_other() -> None:
    item = revocation.sign_list(new_authority(), None, [], 10, NOW)
    assert survey().of_list(item)["problems"] == [
        "the revocation list of CN=authority,O=orders is not signed by a trusted authority"
    ]


def test_a_file_is_told_with_its_problems() -> None:
    pair = issue()
    good = survey().of_file(pem.write_pair(pair), "member", ("db-a",))
    assert (good["problems"], good["names"], good["key_type"]) == ([], list(MEMBER.names), "ec-p256")
    assert (good["issuer"], good["days_left"], good["near_end"]) == ("CN=authority,O=orders", 90, False)
    revoked = revocation.sign_list(AUTHORITY, None, [pair.certificate.serial_number], 10, NOW)
    assert survey(lists=[revoked]).of_file(pem.write_pair(pair), "member", ("db-z",))["problems"] == [
        "it is not valid for db-z",
        "it is revoked",
    ]
    assert survey().of_file(pem.write_pair(pair), "issuer", ())["problems"] == ["it may not sign certificates"]


def test_of_a_file_that_cannot_be_read_only_that_is_told() -> None:
    for data, told in ((None, "there is no such file"), (b"nonsense", "PEM")):
        found = survey().of_file(data, "member", ())
        assert told in found.pop("problems")[0]
        assert set(found.values()) == {None}
        assert set(found) == set(survey().of_file(pem.write_pair(issue()), "member", ())) - {"problems"}


NOTHING: dict[str, list[dict[str, Any]]] = {
    name: [] for name in ("certificates", "trust_files", "servers", "authorities", "revocation_lists")
}
END = "2026-06-01T12:00:00Z"


def told(**found: list[dict[str, Any]]) -> list[str]:
    return warnings({**NOTHING, **found})


@pytest.mark.parametrize(("near", "days", "said"), [(False, 9, False), (True, 9, True), (True, 0, True), (True, -1, False)])
def test_what_ends_soon_is_warned_of_and_what_has_ended_is_a_problem(near: bool, days: int, said: bool) -> None:
    file = {"path": "/tls/member.pem", "problems": [], "near_end": near, "days_left": days, "not_after": END}
    assert told(certificates=[file]) == ([f"/tls/member.pem expires in {days} days, on {END}."] if said else [])
    item = {"issuer": "CN=a", "problems": [], "near_end": near, "days_left": days, "next_update": END}
    sentence = f"The revocation list of CN=a ends in {days} days, on {END}; servers then refuse every certificate."
    assert told(revocation_lists=[item]) == ([sentence] if said else [])


def test_an_authority_is_warned_of_also_when_it_has_ended() -> None:
    item = {"subject": "CN=a", "near_end": True, "days_left": -1, "not_after": END}
    assert told(authorities=[item]) == [f"The authority CN=a expires in -1 days, on {END}."]
    assert told(authorities=[{**item, "near_end": False}]) == []


def test_each_problem_is_a_sentence_of_its_own() -> None:
    nothing: dict[str, Any] = {"near_end": None, "days_left": None, "not_after": None}
    said = told(
        certificates=[{"path": "/a.pem", "problems": ["it is revoked", "it expired"], **nothing}],
        trust_files=[{"path": "/ca.pem", "problems": ["it is missing"]}],
        servers=[{"host": "db-a", "port": 1, "problems": ["it does not answer"]}],
        revocation_lists=[{"problems": ["the list is old"], "near_end": True, "days_left": -1}],
    )
    assert said == [
        "/a.pem cannot be used: it is revoked.",
        "/a.pem cannot be used: it expired.",
        "/ca.pem cannot be used: it is missing.",
        "db-a:1: it does not answer.",
        "The list is old.",
    ]
