# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All accounts and custom roles of a cluster, as a server shows them.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.role_server import Roles
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import READ_AT_ONCE, Refused
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code

PROBLEM = "problem"  # the key that is added to a document of which the server does not show all, with its reason

Document = dict[str, Any]


class Directory(Roles):
    """Everybody that the server knows, in few commands whatever their number."""

    def users(self) -> list[Document]:
        """Elements of usersInfo's answer with privileges and restrictions. Raises StrongholdError."""
        listed = self.ask("admin", {"usersInfo": {"forAllDBs": True}}, "list the users")["users"]
        return self._whole("usersInfo", "users", "user", listed)

    def roles(self, databases: Sequence[str]) -> list[Document]:
        """Elements of rolesInfo's answer with privileges and restrictions, for all custom roles. Raises StrongholdError.

        An account that may not read where roles are stored is shown those of ``databases``, and of all that it may list.
        """
        try:
            found = self.ask("admin", {"distinct": "system.roles", "key": "db"}, "list the databases with roles")["values"]
        except ItemError:
            listed = self.ask("admin", {"listDatabases": 1, "nameOnly": True}, "list the databases")["databases"]
            found = {"admin", *databases, *(each["name"] for each in listed)} - {"local", "config", "$external"}
        keys: list[Document] = [{**key.document("role")} for key in self.custom(found)]
        return self._whole("rolesInfo", "roles", "role", keys)

    def _whole(self, command: str, answer: str, noun: str, listed: Sequence[Document]) -> list[Document]:
        found: list[Document] = []
        for start in range(0, len(listed), READ_AT_ONCE):
            found.extend(self._page(command, answer, noun, listed[start : start + READ_AT_ONCE]))
        return found

    def _page(self, command: str, answer: str, noun: str, listed: Sequence[Document]) -> list[Document]:
        """One page, or where a single one of it cannot be shown, that one as it was listed, with its problem."""
        names = [{noun: document[noun], "db": document["db"]} for document in listed]
        details = {command: names, "showPrivileges": True, "showAuthenticationRestrictions": True}
        documents: list[Document]
        try:
            documents = self.ask("admin", details, f"read the {answer}")[answer]
        except ItemError as error:
            if isinstance(error, Refused) and error.code == Code.UNAUTHORIZED:
                raise
            if len(listed) == 1:
                return [{"roles": [], **listed[0], PROBLEM: error.reason}]
        else:
            return documents
        half = len(listed) // 2
        return [*self._page(command, answer, noun, listed[:half]), *self._page(command, answer, noun, listed[half:])]


def databases_of(users: Sequence[Mapping[str, Any]]) -> list[str]:
    """The databases that users and their roles speak of."""
    return sorted({user["db"] for user in users} | {role["db"] for user in users for role in user["roles"]})
