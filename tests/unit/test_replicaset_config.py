# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shapes of replica sets: addresses, declarations, differences."""

from __future__ import annotations

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import (
    Config,
    Member,
    declared,
    differences,
    from_server,
    to_server,
    zones_of,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.declaration import (
    parse_members,
    parse_modes,
    parse_write_concern,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("db-a", "db-a:27017"),
        ("db-a.example.org:27018", "db-a.example.org:27018"),
        (" DB_A:1 ", "DB_A:1"),
        ("192.0.2.1", "192.0.2.1:27017"),
        ("192.0.2.1:27018", "192.0.2.1:27018"),
        ("2001:db8::1", "[2001:db8::1]:27017"),
        ("[2001:db8::1]", "[2001:db8::1]:27017"),
        ("[2001:db8::1]:27018", "[2001:db8::1]:27018"),
        ("::1", "[::1]:27017"),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, written: str) -> None:
    assert str(parse_address(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "db a",
        "db:",
        "db:0",
        "db:65536",
        "db:x",
        "db:²",
        "[::1",
        "[::1]x",
        "[db]:1",
        "1:2:3",
        "a/b",
        "[::1]:",
        "-db",
        "mongodb://db",
    ],
)
def test_what_is_no_address_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        parse_address(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("DB-A", "db-a:27017", True),
        ("2001:DB8:0::1", "[2001:db8::1]:27017", True),
        ("db-a:27018", "db-a", False),
        ("127.0.0.1", "localhost", False),
    ],
)
def test_two_spellings_of_one_address_are_one_member(one: str, other: str, same: bool) -> None:
    assert (parse_address(one).key == parse_address(other).key) is same


def server_document(**changed: object) -> dict[str, object]:
    member = {
        "_id": 0,
        "host": "db-a:27017",
        "arbiterOnly": False,
        "buildIndexes": True,
        "hidden": False,
        "priority": 1.0,
        "tags": {"zone": "a", "rack": "1"},
        "secondaryDelaySecs": 0,
        "votes": 1,
        **changed,
    }
    return {
        "_id": "rs",
        "version": 3,
        "term": 2,
        "members": [member],
        "protocolVersion": 1,
        "settings": {"chainingAllowed": True},
    }


def declare(*entries: object, current: Config | None = None, **settings: object) -> Config:
    return declared("rs", current, parse_members(list(entries)), settings)


def test_a_configuration_survives_reading_and_writing() -> None:
    document = server_document(hidden=True, priority=0.5, votes=0, secondaryDelaySecs=60)
    written = to_server(from_server(document), version=4)
    assert written["version"] == 4
    assert "term" not in written
    assert written["protocolVersion"] == 1
    assert written["members"] == document["members"]
    assert written["settings"] == document["settings"]


def test_the_older_name_of_the_delay_is_kept() -> None:
    document = server_document(hidden=True, priority=0, slaveDelay=60)
    del document["members"][0]["secondaryDelaySecs"]
    config = from_server(document)
    assert config.members[0].delay == 60
    assert to_server(config, 4)["members"][0]["slaveDelay"] == 60


def test_what_is_unset_stays() -> None:
    current = from_server(server_document(priority=2.5, hidden=False))
    for entry in ("db-a", "DB-A:27017", {"host": "db-a"}, {"host": "db-a", "zone": "a"}):
        assert declare(entry, current=current).same_as(current)
    assert declared("rs", current, None, {}).same_as(current)


def test_what_is_empty_is_cleared() -> None:
    current = from_server(server_document())
    assert declare({"host": "db-a", "tags": {}}, current=current).members[0].tags == {}
    assert declare({"host": "db-a", "zone": ""}, current=current).members[0].tags == {"rack": "1"}


def test_zone_and_tags_go_together() -> None:
    current = from_server(server_document())
    assert declare({"host": "db-a", "zone": "b"}, current=current).members[0].tags == {"zone": "b", "rack": "1"}
    assert declare({"host": "db-a", "zone": "b", "tags": {"dc": 7}}, current=current).members[0].tags == {"zone": "b", "dc": "7"}
    with pytest.raises(ValueError, match=r"zone is 'b' but its tag zone is 'c'"):
        parse_members([{"host": "db-a", "zone": "b", "tags": {"zone": "c"}}])


@pytest.mark.parametrize(
    "entry",
    [
        {"host": "db-a", "hidden": True},
        {"host": "db-a", "votes": 0},
        {"host": "db-a", "hidden": "yes", "secondary_delay_secs": "60"},
        {"host": "db-a", "arbiter_only": True},
    ],
)
def test_a_member_that_can_only_have_priority_0_gets_it(entry: dict[str, object]) -> None:
    assert declare(entry).members[0].priority == 0


def test_an_arbiter_has_a_zone_but_no_tag() -> None:
    wanted = parse_members(["db-a", {"host": "arb", "arbiter_only": True, "zone": "c"}])
    config = declared("rs", None, wanted, {})
    assert config.members[1].tags == {}
    assert zones_of(config, wanted)["[arb]:27017"] == "c"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (7, "neither a string"),
        ({"zone": "a"}, "host"),
        ({"host": "db-a", "colour": "red"}, "colour"),
        ({"host": "db-a", "votes": "many"}, "votes"),
        ({"host": "db-a", "tags": {"stronghold_pending": "x"}}, "module's own"),
        ({"host": "db-a", "zone": False}, "zone is False and not text"),
        ({"host": False}, "host is False and not text"),
        ({"host": "db-a", "tags": {"rack": False}}, "the tag rack is False and not a name"),
        ({"host": "db-a", "tags": {"rack": None}}, "the tag rack is None and not a name"),
    ],
)
def test_a_wrong_entry_is_named(entry: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_members([entry])


def test_settings_at_the_servers_default_are_no_drift() -> None:
    bare = Config("rs", (Member(0, "db-a:27017"),))
    assert declared("rs", bare, None, {"electionTimeoutMillis": 10000, "getLastErrorModes": {}}).same_as(bare)
    assert declared("rs", bare, None, {"electionTimeoutMillis": 2000}).settings == {"electionTimeoutMillis": 2000}


def test_modes_are_compared_as_a_whole() -> None:
    current = Config("rs", (Member(0, "db-a:27017"),), {"getLastErrorModes": {"one": {"zone": 1}, "two": {"zone": 2}}})
    wanted = declared("rs", current, None, {"getLastErrorModes": parse_modes({"two": {"zone": "2"}})})
    assert wanted.settings["getLastErrorModes"] == {"two": {"zone": 2}}
    assert differences(current, wanted) == ["set getLastErrorModes to {'two': {'zone': 2}}"]


@pytest.mark.parametrize(
    "modes", [{"one": "two"}, {"one": {"zone": "many"}}, {"one": {"zone": None}}, {"one": {"zone": True}}, {"one": {"zone": 1.5}}]
)
def test_wrong_modes_are_named(modes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="one"):
        parse_modes(modes)


def test_a_write_concern_is_read_as_templates_hand_it_over() -> None:
    assert parse_write_concern(None) is None
    assert parse_write_concern({"w": "2", "j": None, "wtimeout": 5}) == {"w": 2, "wtimeout": 5}
    assert parse_write_concern({"w": "majority"}) == {"w": "majority"}
    for wrong in ("", None, True, [1]):
        with pytest.raises(ValueError, match="default_write_concern"):
            parse_write_concern({"w": wrong})


def test_ids_follow_the_highest_and_stay_in_range() -> None:
    current = Config("rs", (Member(4, "db-a:27017"),))
    assert [member.id for member in declare("db-a", "db-b", "db-c", current=current).members] == [4, 5, 6]
    last = Config("rs", (Member(255, "db-a:27017"),))
    assert [member.id for member in declare("db-a", "db-b", "db-c", current=last).members] == [255, 0, 1]


def test_differences_are_told_in_sentences() -> None:
    before = Config("rs", (Member(0, "db-a:1"), Member(1, "db-b:1")), {"chainingAllowed": True})
    after = Config(
        "rs",
        (
            Member(0, "db-a:1", priority=2, tags={"zone": "a"}),
            Member(2, "db-c:1", votes=0, priority=0),
            Member(3, "arb:1", arbiter=True),
        ),
        {"chainingAllowed": False},
    )
    assert differences(before, after) == [
        "remove db-b:1",
        "set priority of db-a:1 to 2",
        "set tags of db-a:1 to {'zone': 'a'}",
        "add db-c:1 without a vote",
        "add arb:1 as arbiter",
        "set chainingAllowed to False",
    ]
