# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups and networks from the sources of an inventory."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.inventory import groups, networks, split
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.modules.mongodb_allowlist import source_of

SOURCES: list[Any] = [
    "192.0.2.7",
    {"source": "198.51.100.0/25", "comment": "office", "expires": "2035-01-01T00:00:00Z"},
    {"source": "203.0.113.1-203.0.113.6", "group": "administrators"},
    {"source": "203.0.113.7", "group": "administrators", "expires": "2030-01-01T00:00:00Z"},
    {"source": "2001:db8::/127", "group": "administrators"},
]


def test_entries_are_sorted_into_groups_after_those_of_hosts() -> None:
    assert groups(SOURCES, {"members": {"db-a": "192.0.2.1"}, "backup": {}}) == [
        {"name": "members", "sources": [{"source": "192.0.2.1", "comment": "db-a"}]},
        {"name": "backup", "sources": []},
        {
            "name": "clients",
            "sources": ["192.0.2.7", {"source": "198.51.100.0/25", "comment": "office", "expires": "2035-01-01T00:00:00Z"}],
        },
        {
            "name": "administrators",
            "sources": [
                {"source": "203.0.113.1-203.0.113.6"},
                {"source": "203.0.113.7", "expires": "2030-01-01T00:00:00Z"},
                {"source": "2001:db8::/127"},
            ],
        },
    ]
    assert groups([], {}) == [{"name": "clients", "sources": []}]


@pytest.mark.parametrize("group", ["members", "backup"])
def test_a_group_of_the_clusters_own_hosts_takes_no_entries(group: str) -> None:
    with pytest.raises(ValueError, match="follows from the hosts of the inventory"):
        groups([{"source": "192.0.2.1", "group": group}], {})


def test_mongodbs_own_lists_hold_networks_and_nothing_expired() -> None:
    before = ["203.0.113.1", "203.0.113.2/31", "203.0.113.4/30", "2001:db8::/127"]
    assert networks(SOURCES, "administrators", 0) == before
    after = ["203.0.113.1", "203.0.113.2/31", "203.0.113.4/31", "203.0.113.6", "2001:db8::/127"]
    assert networks(SOURCES, "administrators", 4e9) == after
    assert networks(SOURCES, "nobody") == []


@given(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(sorted))
def test_a_range_is_split_as_ipaddress_splits_it(ends: list[int]) -> None:
    first, last = map(ipaddress.IPv4Address, ends)
    expected = [(int(net[0]), int(net[-1])) for net in ipaddress.summarize_address_range(first, last)]
    assert list(split(4, *ends)) == expected


@pytest.mark.parametrize("group", [False, None, "", 1.5])
def test_a_group_that_yaml_read_as_no_name_is_not_that_of_clients(group: Any) -> None:
    with pytest.raises(ValueError, match="and not a name; write it in quotes"):
        groups([{"source": "192.0.2.1", "group": group}], {})


def test_a_group_may_be_a_number() -> None:
    assert groups([{"source": "192.0.2.1", "group": 0}], {})[1] == {"name": "0", "sources": [{"source": "192.0.2.1"}]}


@pytest.mark.parametrize("end", [False, 0, 2030])
def test_an_end_that_is_no_time_is_no_permanent_source(end: Any) -> None:
    entry = {"source": "192.0.2.1", "expires": end}
    with pytest.raises(ValueError, match="is not a time"):
        networks([entry], "clients")
    with pytest.raises(StrongholdError, match="neither a string nor source with comment and expires"):
        source_of(entry, "clients", "db-a")


@pytest.mark.parametrize("comment", [False, 0, []])
def test_a_comment_that_is_no_text_is_told(comment: Any) -> None:
    with pytest.raises(StrongholdError, match="neither a string nor source with comment and expires"):
        source_of({"source": "192.0.2.1", "comment": comment}, "clients", "db-a")
