# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.topology import derive


def host(zone: str, address: str, **more: Any) -> dict[str, Any]:
    return {"mongodb_cluster_zone": zone, "mongodb_cluster_address": address, **more}


HOSTS = {
    "db-a": host("a", "192.0.2.1"),
    "db-b": host("b", "192.0.2.2"),
    "db-c": host("c", "192.0.2.3"),
    "vault": host("c", "192.0.2.4"),
}
MEMBERS = ["db-a", "db-b", "db-c"]


def test_priorities_and_seed_follow_the_order_of_zones() -> None:
    cluster = derive(HOSTS, MEMBERS, ["vault"], 27017, ["b"])
    assert {member["host"]: member["priority"] for member in cluster["members"]} == {
        "db-a:27017": 2,
        "db-b:27017": 3,
        "db-c:27017": 1,
    }
    assert cluster["seed"] == "db-b"


def test_without_an_order_zones_rank_by_name() -> None:
    cluster = derive(HOSTS, list(reversed(MEMBERS)), [], 27017, [])
    assert cluster["seed"] == "db-a"
    assert [member["zone"] for member in cluster["members"]] == ["c", "b", "a"]


def test_peers_name_members_and_backup_hosts() -> None:
    peers = derive(HOSTS, MEMBERS, ["vault"], 27017, [])["peers"]
    assert {"name": "vault", "address": "192.0.2.4", "zone": "c", "kind": "backup"} in peers
    assert [peer["kind"] for peer in peers].count("member") == 3


def test_a_write_concern_spans_zones_only_where_there_are_several() -> None:
    assert derive(HOSTS, MEMBERS, [], 27017, [])["modes"] == {"acrossZones": {"zone": 2}}
    assert derive(HOSTS, ["db-a"], [], 27017, [])["modes"] == {}


def test_a_member_may_deviate() -> None:
    hosts = {**HOSTS, "db-a": host("a", "192.0.2.1", mongodb_cluster_member={"hidden": True})}
    cluster = derive(hosts, MEMBERS, [], 27017, [])
    assert cluster["members"][0] == {
        "host": "db-a:27017",
        "zone": "a",
        "priority": 0,
        "hidden": True,
        "votes": 1,
        "secondary_delay_secs": 0,
        "tags": {},
    }
    assert cluster["seed"] == "db-b"


def test_the_name_in_the_set_and_the_port_are_declared() -> None:
    hosts = {"x": host("a", "2001:db8::1", mongodb_cluster_host="db.example.com")}
    cluster = derive(hosts, ["x"], [], 27100, [])
    assert cluster["members"][0]["host"] == "db.example.com:27100"
    assert cluster["hosts"]["x"]["address"] == "2001:db8::1"


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"ansible_host": "192.0.2.9"}, "192.0.2.9"),
        ({"ansible_host": "db.example.com", "ansible_facts": {"default_ipv4": {"address": "192.0.2.8"}}}, "192.0.2.8"),
        ({"mongodb_cluster_address": "192.0.2.7", "ansible_host": "192.0.2.9"}, "192.0.2.7"),
        ({"ansible_facts": {"default_ipv4": {}, "default_ipv6": {"address": "2001:db8::2"}}}, "2001:db8::2"),
    ],
)
def test_the_address_is_found(variables: dict[str, Any], address: str) -> None:
    assert derive({"x": variables}, ["x"], [], 27017, [])["hosts"]["x"]["address"] == address


def test_a_host_without_address_is_named() -> None:
    with pytest.raises(StrongholdError, match=r"^x: could not tell the address .* set mongodb_cluster_address"):
        derive({"x": {"ansible_host": "db.example.com"}}, ["x"], [], 27017, [])


def test_zones_may_be_numbers_in_any_spelling() -> None:
    zones: list[Any] = [0, "1", 2]
    hosts = {f"db-{number}": host(zone, f"192.0.2.{number}") for number, zone in enumerate(zones, 1)}
    order: list[Any] = [2, "0", 1]
    cluster = derive(hosts, list(hosts), [], 27017, order)
    assert [(member["zone"], member["priority"]) for member in cluster["members"]] == [("0", 2), ("1", 1), ("2", 3)]
    assert cluster["seed"] == "db-3"


@pytest.mark.parametrize("zone", [False, True, None, 1.5])
def test_what_yaml_read_as_no_name_is_no_zone(zone: Any) -> None:
    with pytest.raises(StrongholdError, match=r"because its zone is .+ and not a name; write it in quotes"):
        derive({"db-a": host(zone, "192.0.2.1")}, ["db-a"], [], 27017, [])


@pytest.mark.parametrize("name", [False, None])
def test_what_yaml_read_as_no_name_is_no_name_of_a_host(name: Any) -> None:
    with pytest.raises(StrongholdError, match=r"because its mongodb_cluster_host is .+ and not a name; write it in quotes"):
        derive({"db-a": host("a", "192.0.2.1", mongodb_cluster_host=name)}, ["db-a"], [], 27017, [])


def test_a_number_is_a_name_of_a_host_and_an_empty_one_is_unset() -> None:
    hosts = {"db-a": host("a", "192.0.2.1", mongodb_cluster_host=0), "db-b": host("b", "192.0.2.2", mongodb_cluster_host="")}
    assert [member["host"] for member in derive(hosts, ["db-a", "db-b"], [], 27017, [])["members"]] == ["0:27017", "db-b:27017"]


@pytest.mark.parametrize("no", [False, "false", "no", "0", 0, "False"])
@pytest.mark.parametrize("option", ["hidden", "arbiter_only"])
def test_a_member_that_is_told_not_to_stand_aside_may_lead_in_every_spelling(option: str, no: Any) -> None:
    cluster = derive({"db-a": host("a", "192.0.2.1", mongodb_cluster_member={option: no})}, ["db-a"], [], 27017, [])
    assert (cluster["members"][0]["priority"], cluster["seed"]) == (1, "db-a")


@pytest.mark.parametrize(
    "aside", [{"hidden": "yes"}, {"hidden": True}, {"arbiter_only": "true"}, {"arbiter_only": 1}, {"votes": 0}, {"votes": "0"}]
)
def test_a_member_that_stands_aside_has_no_priority_in_every_spelling(aside: dict[str, Any]) -> None:
    cluster = derive({"db-a": host("a", "192.0.2.1", mongodb_cluster_member=aside)}, ["db-a"], [], 27017, [])
    assert (cluster["members"][0]["priority"], cluster["seed"]) == (0, None)


@pytest.mark.parametrize("name", ["db-a:27017", "mongodb://db-a", "db-a,db-b", "db a", "[::1]"])
def test_the_name_of_a_host_is_a_name(name: str) -> None:
    with pytest.raises(StrongholdError, match=r"x: could not know the name of the host because .*correct mongodb_cluster_host"):
        derive({"x": {**host("a", "192.0.2.1"), "mongodb_cluster_host": name}}, ["x"], [], 27017, [])
