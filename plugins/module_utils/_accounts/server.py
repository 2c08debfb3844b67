# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users of a running server: reading them, and carrying out what ``users`` decided.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account, Decision, Key, User, decide
from ansible_collections.stronghold.mongodb.plugins.module_utils._connection import translate
from ansible_collections.stronghold.mongodb.plugins.module_utils._plan import Plan

if TYPE_CHECKING:
    from pymongo import MongoClient

# usersInfo with restrictions also answers every privilege of every user; a hundred administrators stay far below 16 MiB.
READ_AT_ONCE = 100


class Accounts:
    """The users that ``client`` can manage. ``host`` names the server in errors, ``timeout`` (s) bounds each write."""

    def __init__(self, client: MongoClient[dict[str, Any]], host: str, timeout: int = 10) -> None:
        self._client = client
        self._host = host
        self._write_concern = {"w": "majority", "wtimeout": timeout * 1000}

    def read(self, keys: Sequence[Key]) -> dict[Key, Account]:
        """Those of ``keys`` that exist. Raises StrongholdError."""
        found: dict[Key, Account] = {}
        with translate(self._host, "read the users"):
            for start in range(0, len(keys), READ_AT_ONCE):
                wanted = [{"user": name, "db": database} for database, name in keys[start : start + READ_AT_ONCE]]
                # Restrictions are shown for exact names only, not for a whole database.
                answer = self._client.admin.command(
                    {"usersInfo": wanted, "showCredentials": True, "showAuthenticationRestrictions": True}
                )
                found.update({(user["db"], user["user"]): Account.from_document(user) for user in answer["users"]})
        return found

    def plan(self, users: Sequence[User]) -> tuple[Plan, list[str]]:
        """The changes that ``users`` need, and warnings. Raises StrongholdError."""
        stored = self.read([user.key for user in users])

        def judge(user: User) -> Decision:
            return decide(user, stored.get(user.key), self._host)

        plan = Plan()
        warnings = []
        with ThreadPoolExecutor(max_workers=4) as pool:  # PBKDF2 runs outside the interpreter's lock
            for user, decision in zip(users, pool.map(judge, users)):
                if decision.warning:
                    warnings.append(decision.warning)
                if decision.step:
                    step = decision.step
                    plan.add(step.summary, user.title, step.before, step.after, self._action(user, step.summary, step.command))
        return plan, warnings

    def _action(self, user: User, attempt: str, command: Any) -> Any:
        def act() -> None:
            with translate(self._host, attempt):
                self._client[user.database].command({**command, "writeConcern": self._write_concern})

        return act
