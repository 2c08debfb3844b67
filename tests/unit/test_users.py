# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S105, S106 (passwords of the tests alone)

"""Declared users against stored ones, without a server."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson import Int64
from unit.test_scram import PLAIN

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import (
    Offer,
    Step,
    decide,
    require_end_holds,
    roles_to_limit,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import Terms
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.restrictions import comparable
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.scram import SHA_1, SHA_256
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account, User, roles_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError, StrongholdError

NOW = datetime(2030, 6, 1, 12, tzinfo=timezone.utc)
STORED = Account(
    roles=frozenset({Key("shop", "readWrite"), Key("admin", "read")}),
    restrictions=({"clientSource": ["192.0.2.0/24", "::1"]}, {"serverAddress": ["192.0.2.7"]}),
    mechanisms=frozenset({SHA_1, SHA_256}),
    custom_data={"team": "shop"},
    credentials=PLAIN,
)
SAME = User(
    name="a",
    password="x",
    roles=frozenset({Key("admin", "read"), Key("shop", "readWrite")}),
    restrictions=({"serverAddress": ["192.0.2.7/32"]}, {"clientSource": ["::1", "192.0.2.9/24"]}),
    mechanisms=frozenset({SHA_256, SHA_1}),
    custom_data={"team": "shop"},
)


def step(user: User, account: Account | None = STORED) -> Step | None:
    return decide(user, account, "db.example", NOW).step


def command(user: User, account: Account | None = STORED) -> dict[str, Any]:
    found = step(user, account)
    assert found is not None
    return dict(found.command)


def test_the_same_in_another_order_and_spelling_is_no_change() -> None:
    assert step(SAME) is None


def test_unset_keeps() -> None:
    assert step(User(name="a")) is None


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (User(name="a", roles=frozenset()), {"updateUser": "a", "roles": []}),
        (User(name="a", restrictions=()), {"updateUser": "a", "authenticationRestrictions": []}),
        (User(name="a", custom_data={}), {"updateUser": "a", "customData": {}}),
        (User(name="a", mechanisms=frozenset({SHA_256})), {"updateUser": "a", "mechanisms": [SHA_256]}),
    ],
)
def test_empty_clears_that_and_nothing_else(user: User, expected: dict[str, Any]) -> None:
    assert command(user) == expected


def test_a_new_password_keeps_the_mechanisms() -> None:
    account = replace(STORED, mechanisms=frozenset({SHA_256}))
    assert command(User(name="a", password="new"), account) == {"updateUser": "a", "pwd": "new", "mechanisms": [SHA_256]}


OUR_OWN = Offer(frozenset({SHA_256, "MONGODB-X509"}))


def offered(user: User, account: Account | None, offer: Offer | None) -> Step | None:
    return decide(user, account, "db.example", NOW, offer).step


@pytest.mark.parametrize("offer", [OUR_OWN, Offer(frozenset({SHA_256}), exact=False)])
def test_a_new_password_keeps_those_of_the_mechanisms_that_the_server_offers(offer: Offer) -> None:
    found = offered(User(name="a", password="new"), STORED, offer)
    assert found is not None
    assert found.command == {"updateUser": "a", "pwd": "new", "mechanisms": [SHA_256]}
    assert found.summary == "update user a@admin: password, mechanisms"
    assert found.before is not None
    assert found.after is not None
    assert (found.before["mechanisms"], found.after["mechanisms"]) == ([SHA_1, SHA_256], [SHA_256])
    assert offered(User(name="a", password="x"), STORED, offer) is None  # which holds already


@pytest.mark.parametrize(
    ("offer", "told"),
    [
        (OUR_OWN, "it has credentials for SCRAM-SHA-1, and the server offers MONGODB-X509, SCRAM-SHA-256; name those"),
        (Offer(frozenset(), exact=False), "it has credentials for SCRAM-SHA-1, and the server offers none of them; name those"),
    ],
)
def test_who_has_none_that_the_server_offers_is_told_so(offer: Offer, told: str) -> None:
    account = replace(STORED, mechanisms=frozenset({SHA_1}), credentials={SHA_1: PLAIN[SHA_1]})
    with pytest.raises(ItemError, match=told):
        offered(User(name="a", password="new"), account, offer)
    mended = offered(User(name="a", password="new", mechanisms=frozenset({SHA_256})), account, offer)
    assert mended is not None
    assert mended.command == {"updateUser": "a", "pwd": "new", "mechanisms": [SHA_256]}


@pytest.mark.parametrize("account", [None, STORED, replace(STORED, mechanisms=frozenset({SHA_256}))])
def test_a_declared_mechanism_that_the_server_does_not_offer_is_refused(account: Account | None) -> None:
    user = User(name="a", password="new", mechanisms=frozenset({SHA_1, SHA_256}))
    with pytest.raises(ItemError, match="the server does not offer SCRAM-SHA-1; have the server offer it"):
        offered(user, account, OUR_OWN)
    assert offered(user, account, Offer(frozenset({SHA_256}), exact=False)) is not None  # nobody knows: the server decides
    assert offered(SAME, STORED, OUR_OWN) is None  # nothing is to be done


def test_nobody_gets_a_password_where_none_is_taken() -> None:
    with pytest.raises(ItemError, match="lets nobody log in with a password; it offers MONGODB-X509 alone"):
        offered(User(name="a", password="x"), None, Offer(frozenset({"MONGODB-X509"})))
    external = User(name="CN=a", database="$external")
    assert offered(external, None, Offer(frozenset({"MONGODB-X509"}))) is not None


ENDED = {"stronghold": {"valid_until": NOW + timedelta(days=1), "granted_by": "ann", "reason": "7", "granted_at": NOW}}


@pytest.mark.parametrize(
    ("user", "custom_data", "limited"),
    [
        (User(name="a", terms=Terms(NOW, "ann", "7")), {}, {"readWrite@shop", "read@admin"}),
        (User(name="a", terms=Terms(NOW, "ann", "7"), roles=frozenset({Key("b", "c")})), {}, {"c@b"}),
        (User(name="a", roles=frozenset({Key("b", "c")})), ENDED, {"c@b"}),
        (User(name="a", unlimited=True), ENDED, {"readWrite@shop", "read@admin"}),
        (User(name="a", unlimited=True), {}, set()),
        (User(name="a", roles=frozenset({Key("b", "c")})), {}, set()),
        (User(name="a", password="x"), ENDED, set()),
        (User(name="a", terms=Terms(NOW, "ann", "7"), present=False), ENDED, set()),
    ],
)
def test_whose_roles_matter_for_an_end(user: User, custom_data: dict[str, Any], limited: set[str]) -> None:
    assert {str(key) for key in roles_to_limit(user, replace(STORED, custom_data=custom_data))} == limited


def test_an_end_on_who_could_lift_it_is_refused() -> None:
    reasons = ["may create accounts (createUser on shop)", "may give roles (grantRole on shop)"]
    both = "may create accounts (createUser on shop) and may give roles (grantRole on shop)"
    require_end_holds(User(name="a", terms=TERMS), [], "db")
    with pytest.raises(ItemError, match=re.escape(f"must not be able to lift it, and it {both}; take that from its roles")):
        require_end_holds(User(name="a", terms=TERMS), reasons, "db")
    with pytest.raises(ItemError, match=r"keep to the end of an account that could lift it.*drop it and make it anew"):
        require_end_holds(User(name="a", unlimited=True), reasons, "db")


def test_on_create_leaves_another_password_alone() -> None:
    assert step(User(name="a", password="new", overwrite=False)) is None


def test_hidden_credentials_give_a_warning_and_no_answer() -> None:
    decision = decide(User(name="a", password="new"), replace(STORED, credentials=None), "db.example", NOW)
    assert decision.step is None
    assert decision.warning is not None
    assert "user a@admin" in decision.warning


def test_a_further_mechanism_needs_the_present_password() -> None:
    account = replace(STORED, mechanisms=frozenset({SHA_256}), credentials={SHA_256: PLAIN[SHA_256]})
    both = frozenset({SHA_1, SHA_256})
    wanted = {"updateUser": "a", "pwd": "x", "mechanisms": [SHA_1, SHA_256]}
    assert command(User(name="a", password="x", mechanisms=both), account) == wanted
    for user in (User(name="a", mechanisms=both), User(name="a", password="new", mechanisms=both, overwrite=False)):
        with pytest.raises(StrongholdError, match="give the password"):
            step(user, account)


def test_creation_says_all_that_is_declared_and_no_more() -> None:
    assert command(User(name="a", password="x"), None) == {"createUser": "a", "pwd": "x", "roles": []}
    assert command(SAME, None) == {
        "createUser": "a",
        "pwd": "x",
        "roles": [{"role": "read", "db": "admin"}, {"role": "readWrite", "db": "shop"}],
        "mechanisms": [SHA_1, SHA_256],
        "authenticationRestrictions": comparable(SAME.restrictions or ()),
        "customData": {"team": "shop"},
    }


def test_creation_needs_a_password_outside_external() -> None:
    with pytest.raises(StrongholdError, match=r"db\.example: could not create user a@admin .* no password is given"):
        step(User(name="a"), None)
    assert command(User(name="CN=a", database="$external"), None) == {"createUser": "CN=a", "roles": []}
    with pytest.raises(StrongholdError, match="leave the password out"):
        step(User(name="CN=a", database="$external", password="x"), None)


@pytest.mark.parametrize("account", [None, STORED])
def test_a_password_that_scram_cannot_take_is_refused_before_the_server_is_asked(account: Account | None) -> None:
    with pytest.raises(StrongholdError, match="choose another one"):
        step(User(name="a", password="\x07"), account)
    assert command(User(name="a", password="\x07", mechanisms=frozenset({SHA_1})), account)["pwd"] == "\x07"


def test_absent() -> None:
    assert step(User(name="a", present=False), None) is None
    assert command(User(name="a", present=False)) == {"dropUser": "a"}


def test_no_secret_is_shown() -> None:
    for account in (None, STORED):
        found = step(replace(SAME, password="canary"), account)
        assert found is not None
        assert "canary" not in repr(found)
        shown = json.dumps([found.summary, found.before, found.after])
        assert "canary" not in shown
        assert "storedKey" not in shown
        assert "password" in shown


def test_roles_take_the_users_database_and_external_users_admin() -> None:
    assert roles_of(["read", {"role": "x"}, {"role": "y", "db": "z"}], "shop") == {("shop", "read"), ("shop", "x"), ("z", "y")}
    assert roles_of(["root"], "$external") == {("admin", "root")}


def test_a_number_where_a_name_is_meant_is_its_text() -> None:
    assert roles_of([7, {"role": 8, "db": 0}, {"role": "x", "db": 2024}], "shop") == {("shop", "7"), ("0", "8"), ("2024", "x")}


@pytest.mark.parametrize("value", [False, True, None, "", 1.5, [], {}])
def test_what_is_no_name_grants_nothing(value: Any) -> None:
    """YAML reads db: no as false, and db: ~ as nothing: neither is the user's own database."""
    for item in ({"role": "readWrite", "db": value}, {"role": value, "db": "shop"}):
        with pytest.raises(ValueError, match="write it in quotes"):
            roles_of([item], "admin")


@pytest.mark.parametrize("item", [{"db": "x"}, {"role": "x", "database": "y"}])
def test_a_malformed_role_is_named(item: Any) -> None:
    with pytest.raises(ValueError, match="a role is a name"):
        roles_of([item], "admin")


TERMS = Terms(NOW + timedelta(days=1), "ann", "ticket 7")
GRANT = {"valid_until": TERMS.valid_until, "granted_by": "ann", "reason": "ticket 7", "granted_at": NOW - timedelta(days=1)}
GRANTED = replace(STORED, custom_data={"team": "shop", "stronghold": GRANT})


def test_a_grant_is_kept_by_those_who_do_not_mention_it() -> None:
    assert step(User(name="a"), GRANTED) is None
    assert step(User(name="a", custom_data={"team": "shop"}), GRANTED) is None
    assert command(User(name="a", custom_data={}), GRANTED)["customData"] == {"stronghold": GRANT}


def test_the_same_grant_is_no_change_and_another_one_keeps_the_custom_data() -> None:
    assert step(User(name="a", terms=TERMS), GRANTED) is None
    changed = step(User(name="a", terms=replace(TERMS, reason="ticket 8")), GRANTED)
    assert changed is not None
    assert changed.summary == "update user a@admin: valid_until"
    assert changed.command["customData"] == {"team": "shop", "stronghold": {**GRANT, "reason": "ticket 8", "granted_at": NOW}}
    assert json.loads(json.dumps(changed.after))["grant"]["granted_at"] == "2030-06-01T12:00:00.000Z"


def test_a_grant_is_taken_away() -> None:
    changed = step(User(name="a", unlimited=True), GRANTED)
    assert changed is not None
    assert changed.command == {"updateUser": "a", "customData": {"team": "shop"}}
    assert changed.before is not None
    assert "grant" in changed.before
    assert changed.after is not None
    assert "grant" not in changed.after
    assert step(User(name="a", unlimited=True)) is None


@pytest.mark.parametrize("end", [NOW, NOW - timedelta(days=1)])
def test_whose_time_has_passed_is_dropped_or_not_created(end: datetime) -> None:
    user = User(name="a", terms=replace(TERMS, valid_until=end))
    dropped = step(user)
    assert dropped is not None
    assert (dropped.command, dropped.ends_sessions) == ({"dropUser": "a"}, True)
    assert "whose time ended at 20" in dropped.summary
    assert step(user, None) is None


def test_only_who_had_a_limit_loses_its_sessions() -> None:
    gone = User(name="a", present=False)
    assert [found.ends_sessions for found in (step(gone), step(gone, GRANTED)) if found] == [False, True]


def test_values_that_json_lacks_are_shown_as_text() -> None:
    account = replace(STORED, custom_data={"at": NOW, "raw": b"x", "deep": [{"at": NOW.replace(tzinfo=None)}]})
    dropped = step(User(name="a", present=False), account)
    assert dropped is not None
    assert dropped.before is not None
    assert json.loads(json.dumps(dropped.before["custom_data"]))["at"] == "2030-06-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2030, 6, 1, 12), "2030-06-01T12:00:00.000Z"),
        (datetime(2030, 6, 1, 13, tzinfo=timezone(timedelta(hours=1))), "2030-06-01T12:00:00.000Z"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Int64(7), 7),
        (True, True),
        (1.5, 1.5),
    ],
)
def test_a_value_is_shown_as_json_has_it(value: object, shown: object) -> None:
    dropped = step(User(name="a", present=False), replace(STORED, custom_data={"deep": [value]}))
    assert dropped is not None
    assert dropped.before is not None
    (found,) = dropped.before["custom_data"]["deep"]
    assert (found, type(found)) == (shown, type(shown))


@pytest.mark.parametrize("address", ["here", "10.0.0.0/33", "10.0.0.256"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    user = User(name="a", password="x", restrictions=({"clientSource": ["127.0.0.1", address]},))
    for account in (None, STORED):
        with pytest.raises(ItemError, match=rf"no address or network \({address}\)"):
            step(user, account)


def test_an_empty_restriction_is_refused() -> None:
    """The server takes it, and then admits nobody."""
    for entry in ({}, {"clientSource": []}, {"clientSource": ["192.0.2.1"], "serverAddress": []}):
        with pytest.raises(ItemError, match="names no address"):
            step(User(name="a", restrictions=(entry,)))


def summary(user: User, account: Account = STORED) -> str:
    found = step(user, account)
    return found.summary if found else ""


@pytest.mark.parametrize(
    ("user", "names"),
    [
        (User(name="a", password="new"), "password"),
        (User(name="a", roles=frozenset()), "roles"),
        (User(name="a", roles=frozenset({Key("admin", "read")})), "roles"),
        (User(name="a", restrictions=STORED.restrictions[:1]), "authentication_restrictions"),
        (User(name="a", mechanisms=frozenset({SHA_1})), "mechanisms"),
        (User(name="a", custom_data={"team": "it"}), "custom_data"),
        (User(name="a", terms=TERMS), "valid_until"),
        (
            User(name="a", password="new", roles=frozenset(), custom_data={}, terms=TERMS),
            "password, roles, custom_data, valid_until",
        ),
    ],
)
def test_what_changes_is_named_and_nothing_else(user: User, names: str) -> None:
    assert summary(user) == f"update user a@admin: {names}"


def test_a_hidden_password_does_not_hide_another_change() -> None:
    decision = decide(User(name="a", password="new", roles=frozenset()), replace(STORED, credentials=None), "db", NOW)
    assert decision.warning
    assert decision.step
    assert decision.step.command == {"updateUser": "a", "roles": []}
    assert decide(User(name="a", roles=frozenset()), replace(STORED, credentials=None), "db", NOW).warning is None
    shown = decide(User(name="a", password="new", overwrite=False), replace(STORED, credentials=None), "db", NOW)
    assert (shown.step, shown.warning) == (None, None)


def test_a_password_and_its_mechanisms_change_together() -> None:
    one = replace(STORED, mechanisms=frozenset({SHA_256}), credentials={SHA_256: PLAIN[SHA_256]})
    assert command(User(name="a", password="new", mechanisms=frozenset({SHA_1})), one) == {
        "updateUser": "a",
        "pwd": "new",
        "mechanisms": [SHA_1],
    }


def test_mechanisms_may_be_fewer_without_the_password_and_others_may_not() -> None:
    one = replace(STORED, mechanisms=frozenset({SHA_256}), credentials={SHA_256: PLAIN[SHA_256]})
    assert command(User(name="a", mechanisms=frozenset({SHA_1}))) == {"updateUser": "a", "mechanisms": [SHA_1]}
    with pytest.raises(ItemError, match="give the password"):
        step(User(name="a", mechanisms=frozenset({SHA_1})), one)
    hidden = replace(one, credentials=None)
    with pytest.raises(ItemError, match="give the password"):
        step(User(name="a", password="x", mechanisms=frozenset({SHA_1, SHA_256})), hidden)


def test_a_further_mechanism_is_refused_for_a_password_that_it_cannot_take() -> None:
    with pytest.raises(ItemError, match="choose another one"):
        step(User(name="a", password="\x07", mechanisms=frozenset({SHA_256})), replace(STORED, mechanisms=frozenset({SHA_1})))


def test_time_limits_on_external_accounts_and_on_creation() -> None:
    assert command(User(name="CN=a", database="$external", terms=TERMS), None) == {
        "createUser": "CN=a",
        "roles": [],
        "customData": {
            "stronghold": {
                "valid_until": TERMS.valid_until,
                "granted_by": TERMS.granted_by,
                "reason": TERMS.reason,
                "granted_at": NOW,
            }
        },
    }
    created = step(User(name="a", password="x", terms=TERMS), None)
    assert created is not None
    assert created.after is not None
    assert created.after["grant"]["granted_by"] == "ann"
    assert created.before is None
    assert created.ends_sessions is False
    assert command(User(name="a", password="x", custom_data={}), None)["customData"] == {}
    assert command(User(name="a", password="x", unlimited=True), None) == {
        "createUser": "a",
        "pwd": "x",
        "roles": [],
    }


@pytest.mark.parametrize(("seconds", "there"), [(-1, False), (0, False), (1, True)])
def test_an_account_is_there_until_its_moment(seconds: int, there: bool) -> None:
    user = User(name="a", password="x", terms=replace(TERMS, valid_until=NOW + timedelta(seconds=seconds)))
    assert (step(user, None) is not None) is there
    assert ("dropUser" in command(user)) is not there


def test_why_an_account_goes_is_told_where_its_time_is_the_reason() -> None:
    absent = step(User(name="a", present=False), GRANTED)
    assert absent is not None
    assert absent.summary == "drop user a@admin"
    over = step(User(name="a", terms=replace(TERMS, valid_until=NOW)))
    assert over is not None
    assert over.summary == "drop user a@admin, whose time ended at 2030-06-01T12:00:00.000Z"
    assert step(User(name="a", present=False, terms=TERMS)) is not None, "absent, whatever its time"


def test_each_restriction_names_addresses() -> None:
    good: dict[str, Any] = {"clientSource": ["10.0.0.1"]}
    for entry in ({**good, "serverAddress": []}, {}):
        with pytest.raises(ItemError, match="names no address"):
            step(User(name="a", restrictions=(good, entry)))
    assert summary(User(name="a", restrictions=(good,))) == "update user a@admin: authentication_restrictions"


def test_what_is_shown_of_an_update_is_all_that_is_declared_and_the_rest_as_it_was() -> None:
    found = step(User(name="a", roles=frozenset()))
    assert found is not None
    assert found.before == {
        "password": "********",
        "roles": ["read@admin", "readWrite@shop"],
        "authentication_restrictions": comparable(STORED.restrictions),
        "mechanisms": [SHA_1, SHA_256],
        "custom_data": {"team": "shop"},
    }
    assert found.after == {**found.before, "roles": []}
    renewed = step(User(name="a", password="new"))
    assert renewed is not None
    assert renewed.after == {**found.before, "password": "******** (new)"}
