# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared users against stored ones: the one command that leads from the second to the first. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import scram
from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._plan import MASK

EXTERNAL = "$external"
RESTRICTION_KEYS = ("clientSource", "serverAddress")

Key = tuple[str, str]  # (database, name)


def user_argument_spec() -> dict[str, dict[str, Any]]:
    """The options of one user, for a module's top level or for the elements of a list."""
    return {
        "name": {"type": "str", "aliases": ["user"]},
        "database": {"type": "str", "default": "admin", "aliases": ["db"]},
        "password": {"type": "str", "no_log": True},
        "roles": {"type": "list", "elements": "raw"},
        "authentication_restrictions": {
            "type": "list",
            "elements": "dict",
            "options": {key: {"type": "list", "elements": "str"} for key in RESTRICTION_KEYS},
        },
        "mechanisms": {"type": "list", "elements": "str", "choices": list(scram.STRONGEST_FIRST)},
        "custom_data": {"type": "dict"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    }


@dataclass(frozen=True)
class User:
    """What is declared of a user; None means keep what is there, empty means clear.

    ``roles`` holds (role, database); ``restrictions`` is a list of {clientSource, serverAddress: list of addresses or
    CIDR blocks}, of which a client has to satisfy one. ``overwrite`` lets the password of an existing account be changed.
    """

    name: str
    database: str = "admin"
    password: str | None = field(default=None, repr=False)
    roles: frozenset[tuple[str, str]] | None = None
    restrictions: tuple[Mapping[str, Sequence[str]], ...] | None = None
    mechanisms: frozenset[str] | None = None
    custom_data: Mapping[str, Any] | None = None
    present: bool = True
    overwrite: bool = True

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> User:
        """From module parameters of ``user_argument_spec``. Raises ValueError for a malformed role."""
        restrictions, mechanisms = params["authentication_restrictions"], params["mechanisms"]
        return cls(
            name=params["name"],
            database=params["database"],
            password=params["password"],
            roles=None if params["roles"] is None else roles_of(params["roles"], params["database"]),
            restrictions=None if restrictions is None else tuple(_without_unset(item) for item in restrictions),
            mechanisms=None if mechanisms is None else frozenset(mechanisms),
            custom_data=params["custom_data"],
            present=params["state"] == "present",
            overwrite=params["update_password"] == "always",  # noqa: S105 (a choice, not a password)
        )

    @property
    def key(self) -> Key:
        return self.database, self.name

    @property
    def title(self) -> str:
        return f"user {self.name}@{self.database}"


@dataclass(frozen=True)
class Account:
    """A user as the server stores it; ``credentials`` is None when the server does not show them."""

    roles: frozenset[tuple[str, str]]
    restrictions: tuple[Mapping[str, Sequence[str]], ...]
    mechanisms: frozenset[str]
    custom_data: Mapping[str, Any]
    credentials: Mapping[str, Any] | None = field(repr=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Account:
        """From an element of ``usersInfo``'s answer."""
        return cls(
            roles=frozenset((role["role"], role["db"]) for role in document["roles"]),
            restrictions=tuple(document.get("authenticationRestrictions") or ()),
            mechanisms=frozenset(document.get("mechanisms") or ()),
            custom_data=document.get("customData") or {},
            credentials=document.get("credentials"),
        )


@dataclass(frozen=True)
class Step:
    """A change of one user: the database ``command`` that makes it, and what it means. ``command`` carries secrets."""

    summary: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    command: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Decision:
    """What to do about one user: nothing when ``step`` is None. ``warning`` tells what could not be decided."""

    step: Step | None = None
    warning: str | None = None


def roles_of(items: Sequence[Any], database: str) -> frozenset[tuple[str, str]]:
    """Roles given as names or as {role, db}, as (role, database).

    Without a database a role is one of the user's own database, for users of ``$external`` one of ``admin``.
    """
    home = "admin" if database == EXTERNAL else database
    roles = set()
    for item in items:
        if isinstance(item, str):
            roles.add((item, home))
        elif isinstance(item, Mapping) and isinstance(item.get("role"), str) and set(item) <= {"role", "db"}:
            roles.add((item["role"], item.get("db") or home))
        else:
            raise ValueError(f"a role is a name or has the keys role and db, unlike {item!r}")
    return frozenset(roles)


def decide(user: User, account: Account | None, host: str) -> Decision:
    """Compare one user with its stored account (None: there is none). Raises StrongholdError for what cannot be done."""
    if not user.present:
        return Decision(_drop(user, account)) if account else Decision()
    if user.database == EXTERNAL and user.password is not None:
        reason = "accounts of $external have no password in MongoDB"
        raise StrongholdError(host, f"set up {user.title}", reason, "leave the password out")
    return _update(user, account, host) if account else Decision(_create(user, host))


def password_matches(user: User, account: Account) -> bool | None:
    """Whether the declared password is the stored one; None when the server does not tell."""
    if user.password is None or account.credentials is None:
        return None
    return scram.matches(account.credentials, user.name, user.password)


def _create(user: User, host: str) -> Step:
    command: dict[str, Any] = {"createUser": user.name, "roles": _role_documents(user.roles or frozenset())}
    if user.database != EXTERNAL:
        if user.password is None:
            raise StrongholdError(host, f"create {user.title}", "it does not exist and no password is given", "give its password")
        _require_usable(user, user.mechanisms or {scram.SHA_256}, host)
        command["pwd"] = user.password
    if user.mechanisms is not None:
        command["mechanisms"] = sorted(user.mechanisms)
    if user.restrictions is not None:
        command["authenticationRestrictions"] = list(user.restrictions)
    if user.custom_data is not None:
        command["customData"] = dict(user.custom_data)
    return Step(f"create {user.title}", None, _declared(user, user.password is not None), command)


def _drop(user: User, account: Account) -> Step:
    return Step(f"drop {user.title}", _stored(account), None, {"dropUser": user.name})


def _update(user: User, account: Account, host: str) -> Decision:
    changes: dict[str, Any] = {}
    names: list[str] = []
    warning = None

    same_password = password_matches(user, account)
    if user.password is not None and user.overwrite:
        if same_password is None:
            warning = f"The server does not show the credentials of {user.title}, so its password was left as it is."
        elif not same_password:
            names.append("password")
            mechanisms = user.mechanisms or account.mechanisms
            _require_usable(user, mechanisms, host)
            # Without mechanisms, updateUser derives credentials for all that the server offers.
            changes.update(pwd=user.password, mechanisms=sorted(mechanisms))
    if user.mechanisms is not None and user.mechanisms != account.mechanisms:
        names.append("mechanisms")
        changes["mechanisms"] = sorted(user.mechanisms)
        if "pwd" not in changes and not user.mechanisms <= account.mechanisms:
            if not same_password:
                reason = "credentials for a further mechanism are derived from the password, and its present one is not given"
                raise StrongholdError(host, f"add a mechanism to {user.title}", reason, "give the password")
            _require_usable(user, user.mechanisms, host)
            changes["pwd"] = user.password
    if user.roles is not None and user.roles != account.roles:
        names.append("roles")
        changes["roles"] = _role_documents(user.roles)
    if user.restrictions is not None and _comparable(user.restrictions) != _comparable(account.restrictions):
        names.append("authentication_restrictions")
        changes["authenticationRestrictions"] = list(user.restrictions)
    if user.custom_data is not None and dict(user.custom_data) != dict(account.custom_data):
        names.append("custom_data")
        changes["customData"] = dict(user.custom_data)

    if not names:
        return Decision(warning=warning)
    before = _stored(account)
    after = {**before, **_declared(user, "password" in names)}
    step = Step(f"update {user.title}: {', '.join(names)}", before, after, {"updateUser": user.name, **changes})
    return Decision(step, warning)


def _require_usable(user: User, mechanisms: frozenset[str] | set[str], host: str) -> None:
    if scram.SHA_256 not in mechanisms or user.password is None:
        return
    try:
        scram.prepare(user.password)
    except ValueError:
        raise StrongholdError(
            host,
            f"set the password of {user.title}",
            "SCRAM-SHA-256 does not allow it (it is empty, or holds control characters or characters unknown to Unicode 3.2)",
            "choose another one",
        ) from None


def _declared(user: User, new_password: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if new_password:
        shown["password"] = f"{MASK} (new)"
    if user.roles is not None:
        shown["roles"] = _role_names(user.roles)
    if user.restrictions is not None:
        shown["authentication_restrictions"] = _comparable(user.restrictions)
    if user.mechanisms is not None:
        shown["mechanisms"] = sorted(user.mechanisms)
    if user.custom_data is not None:
        shown["custom_data"] = dict(user.custom_data)
    return shown


def _stored(account: Account) -> dict[str, Any]:
    return {
        "password": MASK,
        "roles": _role_names(account.roles),
        "authentication_restrictions": _comparable(account.restrictions),
        "mechanisms": sorted(account.mechanisms),
        "custom_data": dict(account.custom_data),
    }


def _role_documents(roles: frozenset[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "db": database} for role, database in sorted(roles)]


def _role_names(roles: frozenset[tuple[str, str]]) -> list[str]:
    return sorted(f"{role}@{database}" for role, database in roles)


def _comparable(restrictions: Sequence[Mapping[str, Sequence[str]]]) -> list[dict[str, list[str]]]:
    """Restrictions in one spelling: networks in CIDR form, everything sorted, nothing twice."""
    plain = [{key: sorted({_network(item) for item in items}) for key, items in entry.items()} for entry in restrictions]
    unique = {repr(sorted(entry.items())): entry for entry in plain}
    return [unique[key] for key in sorted(unique)]


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text


def _without_unset(restriction: Mapping[str, Any]) -> dict[str, list[str]]:
    return {key: value for key, value in restriction.items() if value is not None}
