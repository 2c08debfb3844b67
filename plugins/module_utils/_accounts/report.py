# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what, as a document for people who do not know MongoDB. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import EXTERNAL
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import merged
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.words import access
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.markdown import name, table, text

Entry = Mapping[str, Any]

EXPLANATION = (
    "An *account* is what a person or a program logs in with. It is kept in one database, which does not limit it: what it may "
    "do follows from its *roles*, and is given here as it is in effect, with all that one role takes over from another. A "
    "*superuser* can give itself every right, whatever it was given; each is named with the reason. An account *without address "
    "restriction* can be used from every address that the network lets through."
)


def accounts_report(users: Sequence[Entry], roles: Sequence[Entry], cluster: str, date: str) -> str:
    """Markdown of ``users`` of mongodb_user_info and ``roles`` of mongodb_role_info."""
    parts = [
        _head(users, roles, cluster, date),
        _findings([user for user in users if user.get("findings")]),
        _superusers([user for user in users if user["superuser"]]),
        _temporary([user for user in users if user["grant"]]),
        _unrestricted([user for user in users if not user["address_restricted"]]),
        _accounts(users),
        _roles(roles),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _head(users: Sequence[Entry], roles: Sequence[Entry], cluster: str, date: str) -> list[str]:
    counts = {
        "accounts": len(users),
        "of them superusers": sum(user["superuser"] for user in users),
        "of them for a limited time": sum(bool(user["grant"]) for user in users),
        "of them with findings": sum(bool(user.get("findings")) for user in users),
        "of them usable from any address": sum(not user["address_restricted"] for user in users),
        "custom roles": len(roles),
    }
    return [
        f"# Who may do what in {text(cluster)}",
        "",
        f"As of {text(date)}, read from the cluster itself.",
        "",
        *table(["", "number"], ([what, str(number)] for what, number in counts.items())),
        EXPLANATION,
        "",
    ]


def _findings(users: Sequence[Entry]) -> list[str]:
    rows = ([_account(user), text("; ".join(user["findings"]))] for user in users)
    return ["## Findings", "", *_table_or_none(["account", "what is wrong with it"], rows)]


def _superusers(users: Sequence[Entry]) -> list[str]:
    rows = ([_account(user), text("; ".join(user["superuser_because"])), _sources(user), _until(user)] for user in users)
    return ["## Superusers", "", *_table_or_none(["account", "why", "may log in from", "until"], rows)]


def _temporary(users: Sequence[Entry]) -> list[str]:
    rows = (
        [
            _account(user),
            _until(user),
            text(user["grant"]["granted_by"]),
            text(user["grant"]["reason"]),
            text(user["grant"]["granted_at"]),
        ]
        for user in sorted(users, key=lambda user: str(user["grant"]["valid_until"]))
    )
    return ["## Access for a limited time", "", *_table_or_none(["account", "until", "given by", "why", "given at"], rows)]


def _unrestricted(users: Sequence[Entry]) -> list[str]:
    rows = ([_account(user), "yes" if user["superuser"] else "no", _means(user)] for user in users)
    return ["## Accounts without address restriction", "", *_table_or_none(["account", "superuser", "logs in by"], rows)]


def _accounts(users: Sequence[Entry]) -> list[str]:
    lines = ["## Accounts by database", ""]
    for database in sorted({user["database"] for user in users}):
        known = "Accounts with certificates, known" if database == EXTERNAL else "Accounts known"
        own = sorted(
            (user for user in users if user["database"] == database), key=lambda user: (not user["superuser"], user["name"])
        )
        rows = (
            [name(user["name"]), _may(user), _list(user["roles"]), _sources(user), _means(user), _until(user)] for user in own
        )
        headings = ["account", "may", "by its roles", "may log in from", "logs in by", "until"]
        lines += [f"### {name(database)}", "", f"{known} to the database {name(database)}:", "", *table(headings, rows)]
    return lines


def _roles(roles: Sequence[Entry]) -> list[str]:
    lines = ["## Custom roles", "", *([] if roles else ["None.", ""])]
    for role in roles:
        rows = ([text(place), text(", ".join(may))] for place, may in access(merged(role["effective_privileges"])))
        lines += [f"### {name(_title(role))}", ""]
        if role["superuser"]:
            lines += [f"**Makes a superuser** of whoever has it: {text('; '.join(role['superuser_because']))}.", ""]
        if role["problem"]:
            lines += [f"**The server does not show all of it**: {text(role['problem'])}.", ""]
        lines += _table_or_none(["where", "may"], rows)
        held = ", ".join(name(holder) for holder in role["held_by"]) or "nobody"
        takes_over = f"Takes over from: {_list(role['roles'])}. " if role["roles"] else ""
        lines += [f"{takes_over}Had by: {held}.", ""]
        if role["privileges"]:
            actions = ((each["resource"], each["actions"]) for each in role["privileges"])
            lines += ["In MongoDB's own words:", ""]
            lines += [f"* {name(_resource(resource))}: {', '.join(map(name, names))}" for resource, names in actions]
            lines += [""]
    return lines


def _table_or_none(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    found = list(rows)
    return table(headings, found) if found else ["None.", ""]


def _title(entry: Entry) -> str:
    return f"{entry['name']}@{entry['database']}"


def _account(user: Entry) -> str:
    return name(_title(user)) + (" (of this collection)" if user["internal"] else "")


def _may(user: Entry) -> str:
    if user["problem"]:
        return f"not known, and nobody can log in with it: {text(user['problem'])}"
    if user["superuser"]:
        return "**everything**"
    found = access(merged(user["effective_privileges"]))
    return text("; ".join(f"{place}: {', '.join(may)}" for place, may in found)) or "nothing"


def _list(roles: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(name(f"{role['role']}@{role['db']}") for role in roles) or "none"


def _sources(user: Entry) -> str:
    if not user["address_restricted"]:
        return "any address"
    own = sorted({source for entry in user["authentication_restrictions"] for source in entry.get("clientSource", ())})
    return text(", ".join(own)) or "as its roles say"


def _means(user: Entry) -> str:
    usable = user.get("usable_mechanisms")
    return text(", ".join(_means_of(each, usable is None or each in usable) for each in user["mechanisms"])) or "nothing"


def _means_of(mechanism: str, usable: bool) -> str:
    told = "certificate" if mechanism == "external" else f"password ({mechanism})"
    return told if usable else f"{told}, which the servers do not offer"


def _until(user: Entry) -> str:
    grant = user["grant"]
    if not grant:
        return "no end"
    return text(grant["valid_until"]) + (" (**ended**)" if grant["expired"] else "")


def _resource(resource: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key}: {value!r}" if isinstance(value, str) else f"{key}: {str(value).lower()}" for key, value in resource.items()
    )
