# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The auditors' document, without a server."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.report import accounts_report
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import markdown


def on(database: str, *actions: str) -> dict[str, Any]:
    return {"resource": {"db": database, "collection": ""}, "actions": list(actions)}


def user(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "database": "admin",
        "roles": [{"role": "read", "db": "shop"}],
        "effective_privileges": [on("shop", "find")],
        "superuser": False,
        "superuser_because": [],
        "address_restricted": True,
        "authentication_restrictions": [{"clientSource": ["10.0.0.0/8"]}],
        "mechanisms": ["SCRAM-SHA-256"],
        "grant": None,
        "internal": False,
        "custom_data": {},
        "problem": None,
        **fields,
    }


def role(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "database": "shop",
        "roles": [],
        "privileges": [on("shop", "find")],
        "effective_privileges": [on("shop", "find", "insert")],
        "superuser": False,
        "superuser_because": [],
        "held_by": ["user ann@admin"],
        "problem": None,
        **fields,
    }


def grant(reason: str = "ticket 7", by: str = "boss", *, expired: bool = False) -> dict[str, Any]:
    until, at = "2031-02-03T04:05:06Z", "2030-02-03T04:05:06Z"
    return {"valid_until": until, "granted_by": by, "reason": reason, "granted_at": at, "expired": expired}


def report(users: list[dict[str, Any]], roles: list[dict[str, Any]], cluster: str = "orders") -> str:
    return accounts_report(users, roles, cluster, "2030-01-01")


def section(document: str, heading: str) -> str:
    """The text below a heading, up to the next of the same or a higher level."""
    level = heading.partition(" ")[0]
    body = document.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", body)[0]


def test_each_question_of_an_auditor_has_its_answer() -> None:
    document = report(
        [
            user("ann"),
            user("root", superuser=True, superuser_because=["has the role root"], address_restricted=False),
            user("guest", grant=grant()),
            user("late", grant=grant(expired=True)),
            user("CN=app", database="$external", mechanisms=["external"], effective_privileges=[]),
            user("broken", problem="of an invalid address"),
        ],
        [role("clerk"), role("useless", held_by=[], privileges=[], effective_privileges=[])],
    )
    assert document.startswith("# Who may do what in orders\n\nAs of 2030-01-01,")
    assert "| of them superusers | 1 |" in document
    superusers = section(document, "## Superusers")
    assert "| `root@admin` | has the role root | any address | no end |" in superusers
    assert "ann" not in superusers
    limited = section(document, "## Access for a limited time")
    assert "| `guest@admin` | 2031-02-03T04:05:06Z | boss | ticket 7 | 2030-02-03T04:05:06Z |" in limited
    assert "2031-02-03T04:05:06Z (**ended**)" in limited
    assert re.findall(r"`(\w+)@admin`", section(document, "## Accounts without address restriction")) == ["root"]
    admin = section(document, "### `admin`")
    assert re.findall(r"^\| `(\w+)`", admin, re.MULTILINE) == ["root", "ann", "broken", "guest", "late"]
    assert "| `ann` | database shop: read | `read@shop` | 10.0.0.0/8 | password (SCRAM-SHA-256) | no end |" in admin
    assert "| `root` | **everything** |" in admin
    assert "not known, and nobody can log in with it: of an invalid address" in admin
    assert "| `CN=app` | nothing |" in section(document, "### `$external`")
    assert "| certificate |" in section(document, "### `$external`")
    clerk = section(document, "### `clerk@shop`")
    assert "| database shop | read, add |" in clerk
    assert "Had by: `user ann@admin`." in clerk
    assert "`db: 'shop', collection: ''`: `find`" in clerk
    assert "Had by: nobody." in section(document, "### `useless@shop`")


@pytest.mark.parametrize(
    ("usable", "told"),
    [
        (None, "password (SCRAM-SHA-1), password (SCRAM-SHA-256)"),
        (["SCRAM-SHA-256"], "password (SCRAM-SHA-1), which the servers do not offer, password (SCRAM-SHA-256)"),
    ],
)
def test_what_the_servers_do_not_offer_is_told(usable: list[str] | None, told: str) -> None:
    document = report([user("ann", mechanisms=["SCRAM-SHA-1", "SCRAM-SHA-256"], usable_mechanisms=usable)], [])
    assert f"| {told} |" in section(document, "### `admin`")


def test_a_password_is_one_thing_and_what_is_kept_with_an_account_is_another() -> None:
    secret, kept = (
        user(action, effective_privileges=[on("shop", action)]) for action in ("changeOwnPassword", "changeOwnCustomData")
    )
    document = report([secret, kept], [])
    assert "| `changeOwnPassword` | database shop: change the own password |" in document
    assert "| `changeOwnCustomData` | database shop: change what is kept with the own account, such as its end |" in document


def test_findings_come_first() -> None:
    document = report([user("ann"), user("marked", findings=["says one thing", "says another"])], [])
    assert "| `marked@admin` | says one thing; says another |" in section(document, "## Findings")
    assert "| of them with findings | 1 |" in document
    assert document.index("## Findings") < document.index("## Superusers")
    assert "None." in section(report([user("ann")], []), "## Findings")


def test_a_role_that_makes_superusers_says_so() -> None:
    because = ["may give any role of the cluster to anybody (grantRole on admin)"]
    document = report([], [role("mighty", superuser=True, superuser_because=because, problem=None)])
    assert f"**Makes a superuser** of whoever has it: {because[0]}." in document


def test_nothing_to_tell_is_told() -> None:
    document = report([], [])
    for heading in (
        "## Superusers",
        "## Access for a limited time",
        "## Accounts without address restriction",
        "## Custom roles",
    ):
        assert "None." in section(document + "\n", heading)


HOSTILE = [
    "a | b",
    "`code`",
    "**bold** _and_ [a](http://b)",
    "<script>alert(1)</script>",
    "line\n\n# heading\n\n| x |",
    "back\\|slash",
    " padded ",
    "&#42;",
    "\u202egnihtyna\u0007",
    "$x$ ~~y~~ ![z](q)",
]


def skeleton(document: str) -> str:
    """What is structure in a document: code spans and letters replaced."""
    bare = re.sub(r"`[^`\n]*`", "x", re.sub(r"&#\d+;", "x", document))
    return re.sub(r"[^\n|#*`<>\[\]_~\\!$-]+", "x", bare)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_in_data_has_no_effect(text: str) -> None:
    def document(value: str) -> str:
        because = [f"has the role {value}"]
        users = [
            user(
                value, superuser=True, superuser_because=because, grant=grant(value, value), roles=[{"role": value, "db": value}]
            ),
            user("ann", database=f"z{value}", effective_privileges=[on(value, "find", value)], problem=value),
        ]
        roles = [role(value, privileges=[on(value, value)], effective_privileges=[on(value, value)], held_by=[value])]
        return report(users, roles, value)

    assert skeleton(document(text)) == skeleton(document("plain"))


def test_what_is_not_seen_is_shown_as_such() -> None:
    assert markdown.name("a\u202eb") == "`a\ufffdb`"
    assert markdown.name("") == "(empty)"
    assert markdown.name(" a ") == " a "
    assert markdown.text("two\nlines") == "two lines"
