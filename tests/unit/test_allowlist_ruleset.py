# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that is loaded, the record in it, and the listing that comes back."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import (
    Listing,
    read,
    recorded,
    render,
    script,
    update,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Source, parse

DECLARED = Declaration(
    (27017, 27018),
    {
        "app": tidy([parse("10.0.0.0/24", "office"), parse("10.0.0.7", "in it", 1893456000), parse("2001:db8::1")]),
        "empty": (),
    },
    (parse("10.0.0.7"), parse("2001:db8::1")),
)

RENDERED = (Path(__file__).parent / "rendered" / "allowlist.nft").read_text()

T = "stronghold_mongodb"


def rule(chain: str, *expr: Any) -> dict[str, Any]:
    return {"rule": {"family": "inet", "table": T, "chain": chain, "handle": 9, "expr": list(expr)}}


def matching(left: dict[str, Any], right: str) -> dict[str, Any]:
    return {"match": {"op": "==", "left": left, "right": right}}


def sources_of(family: str, group: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    return [matching({"payload": {"protocol": family, "field": "saddr"}}, group), *more, {"accept": None}]


def remembering(family: str, name: str) -> dict[str, Any]:
    key = {"payload": {"protocol": family, "field": "saddr"}}
    return {"set": {"op": "update", "elem": key, "set": f"@{name}", "stmt": [{"counter": None}]}}


def listed_set(name: str, kind: str, elements: list[Any], **more: Any) -> dict[str, Any]:
    return {"set": {"family": "inet", "name": name, "table": T, "type": kind, "handle": 4, "elem": elements, **more}}


PORTS = matching({"payload": {"protocol": "tcp", "field": "dport"}}, "@ports")
HERE = matching({"fib": {"result": "type", "flags": ["daddr"]}}, "local")
COUNTED = {"counter": {"packets": 7, "bytes": 420}}
REFUSE = {"goto": {"target": "refuse"}}
KNOCK = {"elem": {"val": "192.0.2.9", "expires": 86000, "counter": {"packets": 2, "bytes": 120}}}
LISTING: dict[str, Any] = {
    "nftables": [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": T, "handle": 2}},
        listed_set("ports", "inet_service", [27017, 27018]),
        listed_set(
            "app_4",
            "ipv4_addr",
            ["10.0.0.1", {"prefix": {"addr": "10.0.1.0", "len": 24}}, {"range": ["10.0.2.0", "10.0.2.5"]}],
            flags=["interval"],
        ),
        listed_set("app_6", "ipv6_addr", [{"prefix": {"addr": "::", "len": 0}}], flags="interval"),
        listed_set("_knocking_4", "ipv4_addr", [KNOCK], size=4096, flags=["timeout"], timeout=86400),
        listed_set("_knocking_6", "ipv6_addr", [], size=4096, flags=["timeout", "dynamic"], timeout=86400),
        *({"chain": {"family": "inet", "table": T, "name": name, "handle": 1}} for name in ("judge", "count", "refuse")),
        *(
            {
                "chain": {
                    "family": "inet",
                    "table": T,
                    "name": n,
                    "handle": 1,
                    "type": "filter",
                    "hook": n,
                    "prio": p,
                    "policy": "accept",
                }
            }
            for n, p in (("prerouting", -310), ("input", -10))
        ),
        rule("judge", matching({"meta": {"key": "iif"}}, "lo"), {"accept": None}),
        rule("judge", *sources_of("ip", "@app_4")),
        rule("judge", *sources_of("ip6", "@app_6")),
        rule("judge", REFUSE),
        rule("count", matching({"meta": {"key": "iif"}}, "lo"), {"accept": None}),
        rule("count", *sources_of("ip", "@app_4", COUNTED)),
        rule("count", *sources_of("ip6", "@app_6", COUNTED)),
        rule("count", REFUSE),
        rule("refuse", remembering("ip", "_knocking_4")),
        rule("refuse", remembering("ip6", "_knocking_6")),
        rule("refuse", {"counter": {"packets": 3, "bytes": 180}}, {"drop": None}),
        rule("prerouting", PORTS, HERE, {"jump": {"target": "judge"}}),
        rule("input", PORTS, {"jump": {"target": "count"}}),
    ]
}
GROUPS = {"app": {4: [(0x0A000001,) * 2, (0x0A000100, 0x0A0001FF), (0x0A000200, 0x0A000205)], 6: [(0, 2**128 - 1)]}}


def test_the_script_is_readable_and_carries_its_declaration() -> None:
    assert render(DECLARED) == RENDERED
    assert recorded(RENDERED) == DECLARED


COMMENTS = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=12).map(str.strip)
ENDS = st.just(0) | st.integers(1, 2**31)
SOURCES = st.builds(Source, st.just(4), st.integers(0, 99), st.integers(100, 2**32 - 1), COMMENTS, ENDS)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,9}", fullmatch=True)


@given(
    st.dictionaries(NAMES, st.lists(SOURCES, max_size=4).map(tidy), max_size=4),
    st.sets(st.integers(1, 65535), min_size=1, max_size=3),
    st.lists(SOURCES.map(lambda source: source._replace(comment="", expires=0)), max_size=2).map(tidy),
)
def test_every_declaration_is_found_again_in_its_script(
    groups: dict[str, tuple[Source, ...]], ports: set[int], protected: tuple[Source, ...]
) -> None:
    declared = Declaration(tuple(sorted(ports)), dict(sorted(groups.items())), protected)
    assert recorded(render(declared)) == declared
    code = [line for line in render(declared).splitlines() if line and not line.startswith("#")]
    assert code == script(declared.ports, declared.ranges()).splitlines()  # no comment gets out of its line


@pytest.mark.parametrize(
    "content",
    [
        "",
        "flush ruleset\n",
        "\ufffd\ufffd",
        RENDERED.replace("# ports 27017 27018\n", ""),
        RENDERED.replace("27017 27018", "27017 x"),
        RENDERED.replace("#   10.0.0.7", "#   10.0.0.700"),
        RENDERED.replace("# group app", "# group a p"),
    ],
)
def test_a_file_whose_record_cannot_be_read_is_no_record(content: str) -> None:
    assert recorded(content) is None


def test_a_faithful_listing_has_no_alterations() -> None:
    assert read(LISTING) == Listing((27017, 27018), GROUPS, [])


def altered(kind: str, **fields: Any) -> dict[str, Any]:
    """LISTING with ``fields`` set in the first object of ``kind``."""
    listing = copy.deepcopy(LISTING)
    next(item[kind] for item in listing["nftables"] if kind in item).update(fields)
    return listing


def without(mark: str) -> dict[str, Any]:
    """LISTING without the objects in whose JSON ``mark`` appears."""
    return {"nftables": [item for item in LISTING["nftables"] if mark not in json.dumps(item)]}


def with_item(item: dict[str, Any], at: int = 99) -> dict[str, Any]:
    items = list(LISTING["nftables"])
    items.insert(at, item)
    return {"nftables": items}


@pytest.mark.parametrize(
    ("listing", "named"),
    [
        (altered("table", flags=["dormant"]), ["table stronghold_mongodb"]),
        (altered("chain", type="filter", hook="input"), ["chain judge"]),
        (altered("rule", expr=[{"accept": None}]), ["chain judge"]),
        (altered("set", type="mark"), ["set ports"]),
        (altered("set", elem=[27017, {"range": [1, 9]}]), ["set ports"]),
        (altered("set", elem=[{"elem": {"val": 27017, "timeout": 9}}]), ["set ports"]),
        (without('"lo"'), ["chain count", "chain judge"]),
        (without('"drop"'), ["chain refuse"]),
        (without('"update"'), ["chain refuse"]),
        (without('"fib"'), ["chain prerouting"]),
        (without('"input"'), ["chain input"]),
        (without('"ipv6_addr"'), ["set _knocking_6", "set app_6"]),
        (with_item(rule("judge", {"accept": None}), at=12), ["chain judge"]),
        (with_item(rule("input", {"accept": None})), ["chain input"]),
        (with_item({"map": {"family": "inet", "name": "m", "table": T, "handle": 3}}), ["map m"]),
        (with_item(listed_set("x", "mark", [])), ["set x"]),
        (with_item(listed_set("x_4", "mark", [1])), ["chain count", "chain judge", "set x_4", "set x_6"]),
    ],
)
def test_what_is_altered_is_named(listing: dict[str, Any], named: list[str]) -> None:
    assert read(listing).alterations == named


def test_an_element_that_expires_is_an_alteration_and_still_counted() -> None:
    element = {"elem": {"val": {"prefix": {"addr": "10.0.0.0", "len": 8}}, "expires": 9}}
    listing = {
        "nftables": [*without('"app_4", "table"')["nftables"], listed_set("app_4", "ipv4_addr", [element], flags=["interval"])]
    }
    found = read(listing)
    assert found.alterations == ["set app_4"]
    assert found.groups["app"][4] == [(0x0A000000, 0x0AFFFFFF)]


def test_an_update_says_only_what_differs() -> None:
    wanted = {"app": {4: [(0x0A000001, 0x0A000002), *GROUPS["app"][4][1:]], 6: GROUPS["app"][6]}, "new": {4: [(1, 1)], 6: []}}
    listing = Listing((27017, 27018), {**GROUPS, "old": {4: [(5, 5)], 6: []}})
    lines = update((27017, 27019), wanted, listing).splitlines()
    assert "delete element inet stronghold_mongodb ports { 27018 }" in lines
    assert "add element inet stronghold_mongodb ports { 27019 }" in lines
    assert "delete element inet stronghold_mongodb app_4 { 10.0.0.1 }" in lines
    assert "add element inet stronghold_mongodb app_4 { 10.0.0.1-10.0.0.2 }" in lines
    assert [line for line in lines if "delete set" in line] == [f"delete set inet stronghold_mongodb old_{v}" for v in (4, 6)]
    assert lines.index("flush chain inet stronghold_mongodb count") < lines.index("delete set inet stronghold_mongodb old_4")
    assert "\t\tip saddr @new_4 accept" in lines
    assert not any("@old_4" in line or "10.0.1.0" in line or "delete table" in line for line in lines)


def test_rules_in_use_are_not_touched_when_only_entries_change() -> None:
    wanted = {"app": {4: [], 6: GROUPS["app"][6]}}
    assert "chain" not in update((27017, 27018), wanted, Listing((27017, 27018), GROUPS))


@pytest.mark.parametrize("listing", [None, Listing((27017,), GROUPS, ["chain input"])])
def test_a_table_that_is_missing_or_altered_is_replaced(listing: Listing | None) -> None:
    assert update((27017,), GROUPS, listing) == script((27017,), GROUPS)
