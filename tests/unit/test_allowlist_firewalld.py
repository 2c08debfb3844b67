# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld is given: networks out of ranges, its files, its rules; and whose connections end."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import backend, connections, firewalld
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.connections import Connection
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import record, recorded
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.safety import together
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import BITS, Ranges, merge, parse, ranges

RENDERED = Path(__file__).parent / "rendered"
DECLARED = Declaration(
    (27017, 27018),
    {
        "app": tidy([parse("10.0.0.0/24", "office"), parse("10.0.1.1-10.0.1.6"), parse("2001:db8::1")]),
        "ops": (parse("10.0.0.7"),),
    },
)


def admitted(*entries: str) -> Ranges:
    return ranges(map(parse, entries))


def test_the_files_are_rendered() -> None:
    files = firewalld.files(DECLARED.ports, together(DECLARED.ranges().values()))
    assert sorted(map(str, files)) == [
        "/etc/firewalld/ipsets/stronghold-mongodb-4.xml",
        "/etc/firewalld/ipsets/stronghold-mongodb-6.xml",
        "/etc/firewalld/policies/stronghold-mongodb.xml",
    ]
    for path, content in files.items():
        assert content == (RENDERED / "firewalld" / path.relative_to("/etc/firewalld")).read_text(), path


def test_names_are_within_the_limits_of_firewalld() -> None:
    assert all(len(name) <= 32 for name in firewalld.SETS.values())
    assert len(firewalld.POLICY) <= 18


def test_the_record_says_what_is_declared_and_nothing_else() -> None:
    text = record(DECLARED)
    assert recorded(text) == DECLARED
    assert all(line.startswith("#") for line in text.splitlines())


def test_everybody_else_is_dropped_after_all_that_are_admitted() -> None:
    assert firewalld.rules([27017]) == [
        'rule priority="-2" family="ipv4" source ipset="stronghold-mongodb-4" port port="27017" protocol="tcp" accept',
        'rule priority="-2" family="ipv6" source ipset="stronghold-mongodb-6" port port="27017" protocol="tcp" accept',
        'rule priority="-1" port port="27017" protocol="tcp" drop',
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("10.0.0.7", ["10.0.0.7"]),
        ("10.0.0.1-10.0.0.6", ["10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6"]),
        ("0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"]),
        ("::/0", ["::/1", "8000::/1"]),
        ("::1.2.3.4", ["::102:304"]),
        ("0.0.0.0-255.255.255.254", [f"{ipaddress.ip_address((1 << 32) - (1 << (32 - n)))}/{n + 1}" for n in range(31)]
         + ["255.255.255.254"]),
    ],
)  # fmt: skip
def test_ranges_are_split_into_networks(entry: str, expected: list[str]) -> None:
    source = parse(entry)
    assert list(firewalld.networks(source.version, [(source.first, source.last)])) == expected


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    version = draw(st.sampled_from((4, 6)))
    highest = (1 << BITS[version]) - 1
    near = st.integers(0, 40) | st.integers(highest - 40, highest) | st.integers(0, highest)
    pairs = draw(st.lists(st.tuples(near, near), max_size=6))
    return version, merge((min(pair), max(pair)) for pair in pairs)


@given(spans())
def test_the_networks_hold_exactly_the_addresses_of_the_ranges(case: tuple[int, list[tuple[int, int]]]) -> None:
    version, intervals = case
    spelled = list(firewalld.networks(version, intervals))
    held = [ipaddress.ip_network(one) for one in spelled]  # strict: no bits beyond the prefix
    assert all(network.version == version and network.prefixlen for network in held)
    bounds = sorted((int(one.network_address), int(one.broadcast_address)) for one in held)
    assert all(earlier[1] < later[0] for earlier, later in zip(bounds, bounds[1:]))  # firewalld refuses overlaps
    assert merge(bounds) == intervals
    fewest = [
        network
        for first, last in intervals
        for network in ipaddress.summarize_address_range(
            *(ipaddress.ip_address((first, last)[end].to_bytes(BITS[version] // 8, "big")) for end in (0, 1))
        )
    ]
    whole = intervals == [(0, (1 << BITS[version]) - 1)]
    assert len(spelled) == (2 if whole else len(fewest))
    assert firewalld.entries_in(firewalld.ipset(version, spelled)) == set(spelled)


def test_connections_are_read_as_ss_tells_them() -> None:
    listed = (
        "0      0      [::ffff:10.9.9.1]:27017 [::ffff:10.9.1.2]:45653\n"
        "0      0      10.9.9.1:27018          10.9.1.3:45654 \n"
        "0      36     [fd00::1]:27017         [fe80::2%eth0]:45655\n"
    )
    assert connections.parse(listed) == [
        Connection(4, "10.9.1.2", 45653, 27017),
        Connection(4, "10.9.1.3", 45654, 27018),
        Connection(6, "fe80::2", 45655, 27017),
    ]


def test_only_those_who_are_not_admitted_lose_their_connection() -> None:
    held = [Connection(4, "10.0.0.7", 1, 27017), Connection(4, "10.0.1.7", 2, 27017), Connection(6, "2001:db8::2", 3, 27017)]
    assert connections.refused(held, admitted("10.0.0.0/24", "2001:db8::1")) == held[1:]
    assert connections.expression(held[2]) == "( sport = :27017 and dport = :3 and dst [2001:db8::2] )"


@pytest.mark.parametrize(
    ("installed", "active", "expected"),
    [(True, True, "firewalld"), (True, False, "nftables"), (False, True, "nftables")],
)
def test_firewalld_is_taken_where_it_is_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool, active: bool, expected: str
) -> None:
    programs = {
        "systemctl": f"#!/bin/sh\n[ \"$*\" = 'is-active --quiet firewalld.service' ] && exit {0 if active else 3}\nexit 9\n"
    }
    if installed:
        programs["firewalld"] = "#!/bin/sh\n"
    for name, script in programs.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert backend.detected() == expected
