# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared of a user, and what a server stores of one. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import scram
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import RESERVED, Terms
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import EXTERNAL, Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.restrictions import (
    Restrictions,
    declared_restrictions,
    restriction_argument_spec,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.names import name_of


def user_argument_spec() -> dict[str, dict[str, Any]]:
    """The options of one user, for a module's top level or for the elements of a list."""
    return {
        "name": {"type": "str", "aliases": ["user"]},
        "database": {"type": "str", "default": "admin", "aliases": ["db"]},
        "password": {"type": "str", "no_log": True},
        "roles": {"type": "list", "elements": "raw"},
        "authentication_restrictions": restriction_argument_spec(),
        "mechanisms": {"type": "list", "elements": "str", "choices": list(scram.STRONGEST_FIRST)},
        "custom_data": {"type": "dict"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "valid_until": {"type": "str"},
        "granted_by": {"type": "str"},
        "reason": {"type": "str"},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    }


@dataclass(frozen=True)
class User:
    """What is declared of a user; None means keep what is there, empty means clear.

    ``overwrite`` lets the password of an existing account be changed. ``terms`` limits its
    time, ``unlimited`` takes such a limit away.
    """

    name: str
    database: str = "admin"
    password: str | None = field(default=None, repr=False)
    roles: frozenset[Key] | None = None
    restrictions: Restrictions | None = None
    mechanisms: frozenset[str] | None = None
    custom_data: Mapping[str, Any] | None = None
    terms: Terms | None = None
    unlimited: bool = False
    present: bool = True
    overwrite: bool = True

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> User:
        """From module parameters of ``user_argument_spec``. Raises ValueError for what cannot be used, as a sentence's end."""
        mechanisms, custom_data = params["mechanisms"], params["custom_data"]
        if RESERVED in (custom_data or {}):
            raise ValueError(f"the key {RESERVED} in custom_data is reserved for valid_until")
        return cls(
            name=params["name"],
            database=params["database"],
            password=params["password"],
            roles=None if params["roles"] is None else roles_of(params["roles"], params["database"]),
            restrictions=declared_restrictions(params["authentication_restrictions"]),
            mechanisms=None if mechanisms is None else frozenset(mechanisms),
            custom_data=custom_data,
            terms=_terms(params),
            unlimited=params["valid_until"] == "",
            present=params["state"] == "present",
            overwrite=params["update_password"] == "always",  # noqa: S105 (a choice, not a password)
        )

    @property
    def key(self) -> Key:
        return Key(self.database, self.name)

    @property
    def title(self) -> str:
        return f"user {self.key}"


@dataclass(frozen=True)
class Account:
    """A user as the server stores it; ``credentials`` is None when the server does not show them."""

    roles: frozenset[Key]
    restrictions: Restrictions
    mechanisms: frozenset[str]
    custom_data: Mapping[str, Any]
    credentials: Mapping[str, Any] | None = field(repr=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Account:
        """From an element of ``usersInfo``'s answer."""
        return cls(
            roles=frozenset(Key.of(role, "role") for role in document["roles"]),
            restrictions=tuple(document.get("authenticationRestrictions") or ()),
            mechanisms=frozenset(document.get("mechanisms") or ()),
            custom_data=document.get("customData") or {},
            credentials=document.get("credentials"),
        )


def _terms(params: Mapping[str, Any]) -> Terms | None:
    until, granted_by, reason = (params[name] for name in ("valid_until", "granted_by", "reason"))
    if until and granted_by and reason:
        return Terms(moments.parse(until), granted_by, reason)
    if until:
        raise ValueError("valid_until needs granted_by and reason, so that others can see who gave the access and why")
    if granted_by or reason:
        raise ValueError("granted_by and reason belong to a valid_until")
    return None


def roles_of(items: Sequence[Any], database: str) -> frozenset[Key]:
    """Roles given as names or as {role, db}.

    Without a database a role is one of the user's own database, for users of ``$external`` one of ``admin``.
    """
    home = "admin" if database == EXTERNAL else database
    roles = set()
    for item in items:
        if isinstance(item, Mapping):
            if "role" not in item or not set(item) <= {"role", "db"}:
                raise ValueError(f"a role is a name or has the keys role and db, unlike {item!r}")
            name = name_of(item["role"], "the name of a role")
            roles.add(Key(name_of(item["db"], f"db of the role {name}") if "db" in item else home, name))
        else:
            roles.add(Key(home, name_of(item, "the name of a role")))
    return frozenset(roles)
