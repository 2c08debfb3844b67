# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is due at a time, and what is told of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import due
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.sessions import data_members, uid_of

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def account(
    name: str, until: Any, *, database: str = "admin", granted_by: str = "anna", reason: str = "ticket 42"
) -> dict[str, Any]:
    """An element of usersInfo's answer, with dates as a client without tz_aware shows them."""
    grant = {"valid_until": until, "granted_by": granted_by, "reason": reason, "granted_at": datetime(2030, 5, 1)}
    return {"user": name, "db": database, "roles": [], "customData": {"stronghold": grant, "team": "x"}}


@pytest.mark.parametrize(
    ("until", "gone"),
    [
        (NOW - SECOND, True),
        (NOW, True),
        (NOW + SECOND, False),
        ((NOW - SECOND).replace(tzinfo=None), True),
        ((NOW + SECOND).replace(tzinfo=None), False),
        ((NOW - SECOND).astimezone(timezone(timedelta(hours=14))), True),
        ("2001-01-01T00:00:00Z", False),
        (None, False),
    ],
)
def test_an_account_is_due_from_the_moment_on(until: Any, gone: bool) -> None:
    assert [found.key for found in due([account("support", until)], NOW)] == ([("admin", "support")] if gone else [])


@pytest.mark.parametrize("custom_data", [{}, {"stronghold": {}}, {"stronghold": {"internal": True}}, {"stronghold": "odd"}])
def test_an_account_without_a_grant_is_never_due(custom_data: dict[str, Any]) -> None:
    assert due([{"user": "app", "db": "shop", "roles": [], "customData": custom_data}, {"user": "b", "db": "b"}], NOW) == []


def test_those_who_ended_first_go_first() -> None:
    found = due([account("late", NOW - SECOND), account("early", NOW - 9 * SECOND, database="shop")], NOW)
    assert [entry.name for entry in found] == ["early@shop", "late@admin"]


def test_a_line_tells_who_by_whom_why_and_until_when() -> None:
    (found,) = due([account("support", NOW - SECOND, granted_by="Jürgen", reason="ticket 42")], NOW)
    assert found.told() == "removed support@admin, valid until 2030-06-01T11:59:59+00:00, granted by Jürgen (ticket 42)"


def test_nobody_writes_lines_of_his_own_into_the_journal() -> None:
    (found,) = due([account("x\r", NOW, granted_by="a\nremoved root@admin", reason="\x1b[2J\u2028")], NOW)
    assert found.told().isprintable()
    assert "a?removed root@admin" in found.told()


def test_the_digest_of_a_user_is_the_one_that_servers_put_into_sessions() -> None:
    """Seen in lsid.uid of $listLocalSessions on 5.0.4 and 6.0.27."""
    assert uid_of(Key("admin", "root")).hex() == "6399ab0dac62f20bfc466753b10fb58fb7e692bec952c69b84d997021794d1f8"


def test_hidden_members_hold_data_and_arbiters_do_not() -> None:
    members = [{"host": "a:1"}, {"host": "b:1", "arbiterOnly": True}, {"host": "[::1]:2", "hidden": True, "arbiterOnly": False}]
    assert [str(address) for address in data_members({"members": members})] == ["a:1", "[::1]:2"]
