# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts a purge drops. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.own import is_own
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import User


@dataclass(frozen=True)
class Purge:
    """Drop what is not declared in ``databases``, except ``protected``: names, or names with @ and their database."""

    databases: tuple[str, ...] = ()
    protected: frozenset[str] = frozenset()


def undeclared(
    purge: Purge, documents: Iterable[Mapping[str, Any]], declared: Collection[Key], in_use: Collection[Key]
) -> list[User]:
    """Those of ``documents``, elements of usersInfo's answer, that have to go, as declarations that say so.

    Nobody who is declared, who is in use, who is protected, or who is an account of the collection itself.
    """
    doomed = []
    for document in documents:
        user = User(name=document["user"], database=document["db"], present=False)
        names = {user.name, str(user.key)}
        own = is_own(user.key, [Key.of(role, "role") for role in document["roles"]])
        if own or user.key in declared or user.key in in_use or names & purge.protected:
            continue
        doomed.append(user)
    return doomed
