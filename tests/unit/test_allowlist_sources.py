# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, networks and ranges: what is read, what is refused, and that the intervals mean what ipaddress says."""

from __future__ import annotations

import ipaddress
from typing import Union

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import (
    BITS,
    SourceError,
    meeting,
    merge,
    parse,
    ranges,
    subtract,
    text,
)

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
CLASSES = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}
NETWORKS = {4: ipaddress.IPv4Network, 6: ipaddress.IPv6Network}
ALL_4, ALL_6 = (0, 2**32 - 1), (0, 2**128 - 1)


@pytest.mark.parametrize(
    ("entry", "spelled"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0/24"),
        ("192.0.2.1 - 192.0.2.4", "192.0.2.1-192.0.2.4"),
        ("192.0.2.4-192.0.2.7", "192.0.2.4/30"),
        ("192.0.2.5-192.0.2.5", "192.0.2.5"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("0.0.0.0-255.255.255.255", "0.0.0.0/0"),
        ("255.255.255.255", "255.255.255.255"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("::1-::4", "::1-::4"),
        ("::2:0", "0:0:0:0:0:0:2:0"),
        ("fe80::1", "fe80::1"),
    ],
)
def test_an_entry_is_read_and_spelled_in_one_way(entry: str, spelled: str) -> None:
    source = parse(entry)
    assert str(source) == spelled
    assert parse(spelled) == source


@pytest.mark.parametrize(
    ("entry", "reason", "remedy"),
    [
        ("", "not an IPv4 or IPv6 address", "192.0.2.7"),
        ("db-a.example", "not an IPv4 or IPv6 address", ""),
        ("192.0.2", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.256", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.07", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.7:27017", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.7\n", "", ""),
        ("192.0.2.7; flush ruleset", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.7\x00", "not an IPv4 or IPv6 address", ""),
        ("2001:db8::1::2", "not an IPv4 or IPv6 address", ""),
        ("[2001:db8::1]", "not an IPv4 or IPv6 address", ""),
        ("fe80::1%eth0", "zone", "leave out the zone"),
        ("::ffff:192.0.2.7", "IPv4-mapped", "write it as IPv4"),
        ("::ffff:0:0/96", "IPv4-mapped", "write it as IPv4"),
        ("192.0.2.7/24", "bits set beyond its prefix of 24", "192.0.2.0/24 for the network or 192.0.2.7 for the host"),
        ("2001:db8::1/64", "bits set beyond its prefix of 64", "2001:db8::/64"),
        ("192.0.2.0/33", "'33' is not a prefix length from 0 to 32", ""),
        ("2001:db8::/129", "'129' is not a prefix length from 0 to 128", ""),
        ("192.0.2.0/", "'' is not a prefix length", ""),
        ("192.0.2.0/-1", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.0/²", "not a prefix length", ""),
        ("192.0.2.0/255.255.255.0", "not a prefix length", "in bits"),
        ("192.0.2.9-192.0.2.1", "its end is before its start", ""),
        ("192.0.2.1-2001:db8::1", "mixes IPv4 and IPv6", ""),
        ("192.0.2.1-", "not an IPv4 or IPv6 address", ""),
        ("192.0.2.1-9", "not an IPv4 or IPv6 address", ""),
    ],
)
def test_an_entry_that_cannot_be_used_is_named_with_the_reason(entry: str, reason: str, remedy: str) -> None:
    if not reason:
        assert parse(entry).first == parse(entry.strip()).first
        return
    with pytest.raises(SourceError) as refused:
        parse(entry)
    assert refused.value.entry == entry
    assert reason in refused.value.reason
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("comment", ["a\nflush ruleset", "a\rb", "a\x00", "a\u2028b", "\x1b[2J"])
def test_a_comment_cannot_leave_its_line(comment: str) -> None:
    with pytest.raises(SourceError, match="control character"):
        parse("192.0.2.7", comment)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], {4: [], 6: []}),
        (["10.0.0.1", "10.0.0.1"], {4: [(0x0A000001, 0x0A000001)], 6: []}),
        (["10.0.0.0/25", "10.0.0.128/25"], {4: [(0x0A000000, 0x0A0000FF)], 6: []}),
        (["10.0.0.0/24", "10.0.0.7", "10.0.0.200-10.0.1.5"], {4: [(0x0A000000, 0x0A000105)], 6: []}),
        (["10.0.0.3", "10.0.0.1"], {4: [(0x0A000001, 0x0A000001), (0x0A000003, 0x0A000003)], 6: []}),
        (["::1", "0.0.0.1"], {4: [(1, 1)], 6: [(1, 1)]}),
        (["0.0.0.0/0", "10.0.0.1", "::/0"], {4: [ALL_4], 6: [ALL_6]}),
        (["0.0.0.0/1", "128.0.0.0-255.255.255.255"], {4: [ALL_4], 6: []}),
    ],
)
def test_entries_become_disjoint_sorted_intervals(entries: list[str], expected: dict[int, list[tuple[int, int]]]) -> None:
    assert ranges(map(parse, entries)) == expected


def numbers(version: int) -> st.SearchStrategy[int]:
    """Addresses close together, so that they overlap and touch; at both ends; and anywhere."""
    top = 2 ** BITS[version] - 1
    near = st.integers(0, 40)
    return st.one_of(
        near, near.map(lambda low: top - low), near.map(lambda low: (10 << (BITS[version] - 8)) + low), st.integers(0, top)
    )


@st.composite
def entries(draw: st.DrawFn, version: int) -> tuple[str, Address, Address]:
    """An entry as a person may write it, with the first and last address that ipaddress finds in it."""
    kind = CLASSES[version]
    shape = draw(st.sampled_from(["address", "network", "range"]))
    if shape == "network":
        prefix = draw(st.integers(0, BITS[version]))
        network = NETWORKS[version]((draw(numbers(version)), prefix), strict=False)
        found = str(network), network[0], network[-1]
    else:
        first, last = sorted([draw(numbers(version)), draw(numbers(version)) if shape == "range" else 0])
        if shape == "address":
            first = last
        start, end = kind(first), kind(last)
        spell = draw(st.sampled_from(["compressed", "exploded"]))
        found = (
            getattr(start, spell) if shape == "address" else f"{getattr(start, spell)}-{getattr(end, spell)}",
            start,
            end,
        )
    return found


def mapped(entry: tuple[str, Address, Address]) -> bool:
    return all(getattr(end, "ipv4_mapped", None) is not None for end in entry[1:])


@pytest.mark.parametrize("version", [4, 6])
@given(data=st.data())
def test_what_the_intervals_admit_is_what_ipaddress_says(version: int, data: st.DataObject) -> None:
    declared = data.draw(st.lists(entries(version).filter(lambda entry: not mapped(entry)), max_size=8))
    admitted = ranges(parse(entry) for entry, _first, _last in declared)
    assert admitted[10 - version] == []
    assert all(before[1] + 1 < after[0] for before, after in zip(admitted[version], admitted[version][1:]))
    edges = [int(end) + step for _entry, *ends in declared for end in ends for step in (-1, 0, 1)]
    probes = [edge for edge in edges if 0 <= edge < 2 ** BITS[version]] + data.draw(st.lists(numbers(version), max_size=5))
    for probe in probes:
        address = CLASSES[version](probe)
        assert any(first <= probe <= last for first, last in admitted[version]) == any(
            first <= address <= last for _entry, first, last in declared
        ), address
    for first, last in admitted[version]:
        again = parse(text(version, first, last)) if not 0xFFFF << 32 <= first <= last < 1 << 48 else None
        assert again is None or (again.first, again.last) == (first, last)


INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))), max_size=8).map(
    merge
)


def members(intervals: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in intervals for number in range(first, last + 1)}


@given(INTERVALS, INTERVALS)
@example([(0, 9), (11, 20)], [(5, 15)])
@example([(0, 20)], [(2, 3), (7, 7), (20, 25)])
def test_subtraction_is_that_of_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    left = subtract(one, other)
    assert members(left) == members(one) - members(other)
    assert left == sorted(left)


@given(INTERVALS, st.tuples(st.integers(0, 60), st.integers(0, 20)))
def test_meeting_finds_every_interval_that_shares_an_address(intervals: list[tuple[int, int]], probe: tuple[int, int]) -> None:
    first, last = probe[0], sum(probe)
    sharing = [interval for interval in intervals if interval[0] <= last and interval[1] >= first]
    found = meeting(intervals, (first, last))
    assert set(sharing) <= set(found)
    assert len(found) <= len(sharing) + 1
