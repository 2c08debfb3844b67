# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task makes of a declaration."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import (
    Declaration,
    Request,
    Wish,
    difference,
    of_ranges,
    revise,
    tidy,
    undeclared,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Source, parse, ranges


def entries(*written: str) -> tuple[Source, ...]:
    return tidy(parse(*entry.split("=")) for entry in written)


BASE = Declaration((27017,), {"app": entries("10.0.0.0/24=office", "10.0.1.1"), "ops": entries("10.9.0.1")})


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"groups": {}}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": None}}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": ["10.0.2.1"]}}, {"app": ["10.0.0.0/24=office", "10.0.1.1", "10.0.2.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": []}}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"new": None}}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "new": [], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": ["10.0.2.1"]}, "state": "exact"}, {"app": ["10.0.2.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": []}, "state": "exact"}, {"app": [], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": None}, "state": "exact"}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"app": None}, "state": "exact", "purge": True}, {"app": ["10.0.0.0/24=office", "10.0.1.1"]}),
        ({"groups": {"app": None}, "state": "absent"}, {"ops": ["10.9.0.1"]}),
        ({"groups": {"none": None}, "state": "absent"}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "ops": ["10.9.0.1"]}),
        ({"groups": {"none": ["10.0.0.1"]}, "state": "absent"}, {"app": ["10.0.0.0/24=office", "10.0.1.1"], "ops": ["10.9.0.1"]}),
        (
            {"groups": {"app": ["10.0.0.128/25", "10.0.1.1", "10.9.0.1"]}, "state": "absent"},
            {"app": ["10.0.0.0/25=office"], "ops": ["10.9.0.1"]},
        ),
        ({"groups": {}, "purge": True}, {}),
    ],
)
def test_revision(request_: dict[str, Any], expected: dict[str, list[str]]) -> None:
    state = request_.pop("state", "present")
    groups = {name: Wish(None if items is None else entries(*items), state) for name, items in request_.pop("groups").items()}
    revised = revise(BASE, Request(groups, **request_))
    assert dict(revised.groups) == {name: entries(*sources) for name, sources in expected.items()}
    assert list(revised.groups) == sorted(revised.groups)
    assert revised.ports == (27017,)


def test_each_group_has_its_own_state_and_what_nobody_declared_is_counted() -> None:
    wishes = {"app": Wish(entries("10.0.1.1=other words", "10.0.2.1")), "ops": Wish((), "exact"), "gone": Wish(None, "absent")}
    request = Request(wishes)
    revised = revise(BASE, request)
    assert dict(revised.groups) == {
        "app": entries("10.0.0.0/24=office", "10.0.1.1=other words", "10.0.2.1"),
        "ops": (),
    }
    assert undeclared(revised, request) == {"app": 1}
    assert undeclared(BASE, Request({"app": Wish(entries("10.0.0.0/24", "10.0.1.1=new name"))})) == {"app": 1}


def test_unset_ports_are_kept_and_given_ones_replace_them() -> None:
    base = Declaration((27018,), {})
    assert revise(base, Request({})).ports == (27018,)
    assert revise(base, Request({}, ports=(27019,))).ports == (27019,)


def test_an_entry_stands_once_and_with_its_comment() -> None:
    assert entries("10.0.0.1", "10.0.0.1=app", "10.0.0.1") == entries("10.0.0.1=app")
    assert [source.comment for source in entries("10.0.0.1=b", "10.0.0.1=a")] == ["a", "b"]


def test_the_difference_counts_addresses_not_spellings() -> None:
    before, after = ranges(entries("10.0.0.0/24", "::1")), ranges(entries("10.0.0.0/25", "10.0.0.128/25", "10.0.1.0/24"))
    removed, added = difference(before, after)
    assert of_ranges(removed) == entries("::1")
    assert of_ranges(added) == entries("10.0.1.0/24")
