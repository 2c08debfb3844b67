# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary access as data."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import (
    Grant,
    Terms,
    grant_of,
    is_expired,
    is_marked,
    is_unreadable,
    public,
    with_terms,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.moments import parse

NOON = datetime(2030, 6, 1, 12, tzinfo=timezone.utc)
MORNING = NOON - timedelta(hours=4)
TERMS = Terms(NOON, "ann", "ticket 7")
STORED: dict[str, Any] = {
    "team": "shop",
    "stronghold": {"valid_until": NOON, "granted_by": "ann", "reason": "ticket 7", "granted_at": MORNING},
}


def test_a_grant_is_read_with_and_without_zone() -> None:
    grant = Grant(NOON, "ann", "ticket 7", MORNING)
    assert grant_of(STORED) == grant
    naive = {
        key: value.replace(tzinfo=None) if isinstance(value, datetime) else value for key, value in STORED["stronghold"].items()
    }
    assert grant_of({"stronghold": naive}) == grant


@pytest.mark.parametrize("reserved", [None, "x", {}, {"internal": True}, {"valid_until": "2030-06-01T12:00:00Z"}])
def test_what_is_no_grant(reserved: Any) -> None:
    assert grant_of({} if reserved is None else {"stronghold": reserved}) is None


@pytest.mark.parametrize(
    ("now", "expired"), [(NOON - timedelta(milliseconds=1), False), (NOON, True), (NOON + timedelta(1), True)]
)
def test_it_ends_at_its_moment(now: datetime, expired: bool) -> None:
    grant = grant_of(STORED)
    assert grant
    assert is_expired(grant, now) is is_expired(TERMS, now) is expired


def test_an_unchanged_grant_keeps_the_time_at_which_it_was_given() -> None:
    assert with_terms(STORED, TERMS, NOON) == STORED["stronghold"]


@pytest.mark.parametrize(
    "terms",
    [Terms(NOON + timedelta(1), "ann", "ticket 7"), Terms(NOON, "bob", "ticket 7"), Terms(NOON, "ann", "ticket 8")],
)
def test_another_grant_begins_now(terms: Terms) -> None:
    now = MORNING + timedelta(hours=1, microseconds=1999)
    renewed = grant_of({"stronghold": with_terms(STORED, terms, now)})
    assert renewed == Grant(terms.valid_until, terms.granted_by, terms.reason, MORNING + timedelta(hours=1, milliseconds=1))


def test_a_mark_outlasts_grants() -> None:
    marked = {"stronghold": {"internal": True}}
    granted = {"stronghold": with_terms(marked, TERMS, MORNING)}
    assert is_marked(granted)
    assert grant_of(granted)
    assert with_terms(granted, None, NOON) == {"internal": True}
    assert not is_marked(STORED)
    assert not is_marked({"stronghold": {"internal": "yes"}})


@pytest.mark.parametrize(("until", "unreadable"), [(NOON, False), ("2030-06-01T12:00:00Z", True), (None, True), (7, True)])
def test_an_end_that_is_no_date_is_known_for_one(until: Any, unreadable: bool) -> None:
    assert is_unreadable({"stronghold": {"valid_until": until}}) is unreadable
    assert not is_unreadable({"stronghold": {"internal": True}})
    assert not is_unreadable({})


def test_the_rest_of_the_custom_data_is_the_users() -> None:
    assert public(STORED) == {"team": "shop"}


@pytest.mark.parametrize(
    "text",
    [
        "2030-06-01T12:00:00Z",
        "2030-06-01T12:00Z",
        "2030-06-01 12:00:00+00:00",
        "2030-06-01T14:00:00+02:00",
        "2030-06-01T12:00:00.000900+00:00",
    ],
)
def test_times_are_in_utc_and_milliseconds(text: str) -> None:
    assert parse(text) == NOON
    assert parse(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "told"),
    [("2030-06-01T12:00:00", "no time zone"), ("2030-06-01", "no time zone"), ("tomorrow", "ISO 8601"), ("Z", "ISO 8601")],
)
def test_other_times_are_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(text)


def test_a_grant_without_the_rest_of_its_fields_is_still_one() -> None:
    """Written by others, or by hand: it ends all the same."""
    for at in ({}, {"granted_at": "yesterday"}):
        found = grant_of({"stronghold": {"valid_until": NOON, **at}})
        assert found == Grant(NOON, "", "", datetime(1970, 1, 1, tzinfo=timezone.utc))


def test_a_first_grant_and_none_at_all() -> None:
    assert grant_of({"stronghold": with_terms({}, TERMS, MORNING)}) == Grant(NOON, "ann", "ticket 7", MORNING)
    assert with_terms({}, None, NOON) == {}
    assert with_terms({"stronghold": "odd"}, None, NOON) == {}
    assert with_terms(STORED, None, NOON) == {}
