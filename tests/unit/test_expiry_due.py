# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is due at a time by what a host knows, and what is told of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.ends import End, Sight, dumps, follow, loads
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import due
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import Grant
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.powers import lifts_end
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import merged
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.sessions import data_members, uid_of

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def grant(until: datetime = NOW, granted_by: str = "anna", reason: str = "ticket 42") -> Grant:
    return Grant(until, granted_by, reason, datetime(2030, 5, 1, tzinfo=timezone.utc))


def sight(given: Grant | None, name: str = "support", *, database: str = "admin", able: bool = False, id_: str = "") -> Sight:
    return Sight(id_ or f"{name}{database}", Key(database, name), given, able)


def known(*sights: Sight) -> dict[str, End]:
    """At first sight."""
    found, lines = follow({}, sights)
    assert lines == []
    return found


@pytest.mark.parametrize(("until", "gone"), [(NOW - SECOND, True), (NOW, True), (NOW + SECOND, False)])
def test_an_account_is_due_from_the_moment_on(until: datetime, gone: bool) -> None:
    assert [end.key for end in due(known(sight(grant(until))).values(), NOW)] == ([("admin", "support")] if gone else [])


def test_those_who_ended_first_go_first() -> None:
    late, early = sight(grant(NOW - SECOND), "late"), sight(grant(NOW - 9 * SECOND), "early", database="shop")
    assert [str(end.key) for end in due(known(late, early).values(), NOW)] == ["early@shop", "late@admin"]


def test_whoever_is_protected_stays_whatever_others_write_into_it() -> None:
    ends = known(sight(grant(), "admin"), sight(grant(), "admin", database="shop")).values()
    assert [str(end.key) for end in due(ends, NOW, {"admin@admin"})] == ["admin@shop"]


LATER = NOW + timedelta(days=30)


@pytest.mark.parametrize("says", [None, grant(LATER)])
@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_an_account_that_could_lift_its_end_then_or_now_does_not(says: Grant | None, before: bool, after: bool) -> None:
    first = known(sight(grant(), able=before))
    found, lines = follow(first, [sight(says, able=after)])
    assert [end.key.name for end in due(found.values(), NOW)] == ["support"]
    (line,) = lines
    assert line.startswith("kept to the end of support@admin, 2030-06-01T12:00:00Z: it now says ")
    assert [end.denied for end in found.values()] == [True]
    # Nor by becoming harmless afterwards, nor by saying it for long; and it is told once.
    for able in (after, False, False):
        found, lines = follow(found, [sight(says, able=able)])
        assert lines == []
        assert len(due(found.values(), NOW)) == 1


@pytest.mark.parametrize("says", [None, grant(LATER)])
def test_what_others_alone_can_have_changed_counts(says: Grant | None) -> None:
    found, lines = follow(known(sight(grant())), [sight(says)])
    assert (due(found.values(), NOW), lines) == ([], [])
    assert list(found) == ([] if says is None else ["supportadmin"])
    gone = due(found.values(), LATER)
    assert len(gone) == (0 if says is None else 1)


def test_whoever_could_once_may_be_prolonged_when_it_can_no_longer() -> None:
    found, _lines = follow(known(sight(grant(), able=True)), [sight(grant(), able=False)])
    found, lines = follow(found, [sight(grant(LATER), able=False)])
    assert (due(found.values(), NOW), lines) == ([], [])


def test_a_sooner_end_always_counts_and_taking_it_back_does_not() -> None:
    sooner = grant(NOW - 9 * SECOND)
    found, lines = follow(known(sight(grant(), able=True)), [sight(sooner, able=True)])
    assert lines == []
    assert [end.until for end in due(found.values(), NOW - SECOND)] == [sooner.valid_until]
    found, lines = follow(found, [sight(grant(LATER), able=True)])
    assert len(lines) == 1
    assert due(found.values(), NOW - SECOND) == []
    assert len(due(found.values(), NOW)) == 1


def test_an_account_that_was_made_anew_is_another_one_and_one_that_is_gone_is_forgotten() -> None:
    first = known(sight(grant(), able=True, id_="1"))
    found, lines = follow(first, [sight(grant(LATER), able=True, id_="2")])
    assert (list(found), lines, due(found.values(), NOW)) == (["2"], [], [])
    assert follow(first, []) == ({}, [])
    assert follow(first, [sight(None, "app", id_="3")]) == ({}, [])


def test_the_record_holds_all_of_it() -> None:
    ends = known(sight(grant(NOW + timedelta(milliseconds=7))), sight(grant(), "J\u00fcrgen", database="$external", able=True))
    ends, _lines = follow(ends, [sight(None), sight(grant(LATER, reason=""), "J\u00fcrgen", database="$external", able=True)])
    assert loads(dumps(ends)) == ends
    assert loads(b"{}") == {}


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"1": {}}', b'{"1": 1}', b'{"1": {"user": "a", "db": "b", "grant": {}, "seen": null}}']
)
def test_what_is_no_record_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(data)


def test_a_line_tells_who_by_whom_why_and_until_when() -> None:
    end = next(iter(known(sight(grant(NOW - SECOND, "J\u00fcrgen"))).values()))
    assert end.told() == "removed support@admin, valid until 2030-06-01T11:59:59+00:00, granted by J\u00fcrgen (ticket 42)"


def test_nobody_writes_lines_of_his_own_into_the_journal() -> None:
    end = next(iter(known(sight(grant(NOW, "a\nremoved root@admin", "\x1b[2J\u2028"), "x\r", able=True)).values()))
    assert end.told().isprintable()
    assert "a?removed root@admin" in end.told()
    _found, (line,) = follow({end.id: end}, [sight(None, "x\r", able=True)])
    assert line.isprintable()


SHOP = {"db": "shop", "collection": ""}
CLUSTER = {"cluster": True}


@pytest.mark.parametrize(
    ("resource", "actions", "able"),
    [
        (SHOP, ["changeOwnCustomData"], True),
        ({**SHOP, "db": ""}, ["changeOwnCustomData"], True),
        ({**SHOP, "db": "other"}, ["changeOwnCustomData", "changeCustomData"], False),
        (SHOP, ["changeCustomData"], True),
        ({**SHOP, "db": "other"}, ["createUser"], True),
        ({**SHOP, "db": "other"}, ["grantRole"], True),
        ({**SHOP, "db": "other"}, ["changePassword"], True),
        (SHOP, ["anyAction"], True),
        ({"anyResource": True}, ["anyAction"], True),
        ({"db": "admin", "collection": "system.users"}, ["update"], True),
        (SHOP, ["changeOwnPassword", "viewUser", "find", "insert", "dropUser", "createRole", "revokeRole"], False),
        ({"db": "shop", "collection": "c"}, ["createUser", "grantRole"], False),
        (CLUSTER, ["anyAction"], False),
    ],
)
def test_who_could_lift_its_own_end(resource: dict[str, Any], actions: list[str], able: bool) -> None:
    assert bool(lifts_end(merged([{"resource": resource, "actions": actions}]), "shop")) is able


def test_the_digest_of_a_user_is_the_one_that_servers_put_into_sessions() -> None:
    """Seen in lsid.uid of $listLocalSessions on 5.0.4 and 6.0.27."""
    assert uid_of(Key("admin", "root")).hex() == "6399ab0dac62f20bfc466753b10fb58fb7e692bec952c69b84d997021794d1f8"


def test_hidden_members_hold_data_and_arbiters_do_not() -> None:
    members = [{"host": "a:1"}, {"host": "b:1", "arbiterOnly": True}, {"host": "[::1]:2", "hidden": True, "arbiterOnly": False}]
    assert [str(address) for address in data_members({"members": members})] == ["a:1", "[::1]:2"]
