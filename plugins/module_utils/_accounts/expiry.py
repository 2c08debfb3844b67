# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What accounts with a time limit do when it has passed: they go, once per set, and nothing of theirs goes on.

The time is the primary's (``localTime`` of ``hello``): one clock decides for the whole set, wherever the program runs.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import (
    RESERVED,
    Grant,
    grant_of,
    is_expired,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.sessions import kill_orphans, kill_sessions
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.moments import in_utc
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import (
    Kind,
    ServerError,
    connect,
    translate,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

if TYPE_CHECKING:
    from pymongo import MongoClient

with suppress(ImportError):  # the module that ships the program tells the user, by require_pymongo
    import pymongo
    from pymongo.errors import OperationFailure

ATTEMPT = "remove expired accounts"
TURNS = 3  # times the login's timeout that everything after the login may take together


@dataclass(frozen=True)
class Due:
    """An account whose grant has ended."""

    key: Key
    grant: Grant

    @property
    def name(self) -> str:
        return str(self.key)

    def told(self) -> str:
        """One line for the journal, whatever people wrote into the grant."""
        until = in_utc(self.grant.valid_until).isoformat(timespec="seconds")
        line = f"removed {self.name}, valid until {until}, granted by {self.grant.granted_by} ({self.grant.reason})"
        return "".join(character if character.isprintable() else "?" for character in line)


def due(documents: Iterable[Mapping[str, Any]], now: datetime) -> list[Due]:
    """Who has to go at ``now``, of elements of ``usersInfo``'s answer: those whose grant has ended, the earliest first."""
    grants = ((Key.of(user, "user"), grant_of(user.get("customData") or {})) for user in documents)
    ended = [Due(key, grant) for key, grant in grants if grant and is_expired(grant, now)]
    return sorted(ended, key=lambda account: (account.grant.valid_until, account.key))


def expire(login: Login, tell: Callable[[str], object]) -> list[StrongholdError]:
    """Do on the member at ``login`` what is its part now, and ``tell`` a line for each account that was removed.

    The primary, or a server outside any set, drops the accounts that are due and ends their sessions on every member. Each
    member that holds data ends its operations whose accounts are gone. Others know no accounts and have nothing to do.
    Privileges: viewUser and dropUser on any database, viewUser on the cluster, and those of ``kill_sessions``.
    Returns what failed while the rest was done. Raises StrongholdError where nothing could be.
    """
    try:
        with connect(login, ATTEMPT) as client, pymongo.timeout(TURNS * login.timeout):
            return _serve(client, login, tell)
    except StrongholdError as error:
        if isinstance(error, ServerError) and error.kind is Kind.UNREACHABLE:
            raise
        with connect(login.anonymous(), ATTEMPT) as client:
            if _holds_data(client.admin.command("hello")):
                raise
        return []


def _holds_data(hello: Mapping[str, Any]) -> bool:
    return bool(hello["isWritablePrimary"] or hello.get("secondary"))


def _serve(client: MongoClient[dict[str, Any]], login: Login, tell: Callable[[str], object]) -> list[StrongholdError]:
    failures: list[StrongholdError] = []
    with translate(login.where, ATTEMPT):
        hello = client.admin.command("hello")
    if hello["isWritablePrimary"]:
        _remove_due(client, login, in_utc(hello["localTime"]), tell, failures)
    if _holds_data(hello):
        with _noted(failures):
            kill_orphans(client, login.where)
    return failures


def _remove_due(
    client: MongoClient[dict[str, Any]],
    login: Login,
    now: datetime,
    tell: Callable[[str], object],
    failures: list[StrongholdError],
) -> None:
    gone: list[Key] = []
    with translate(login.where, ATTEMPT):
        accounts = due(_granted({"forAllDBs": True}, client, now), now)
    for account in accounts:
        with _noted(failures), translate(login.where, f"remove {account.name}"):
            if _drop(client, account, now, login.timeout):
                gone.append(account.key)
                tell(account.told())
    if gone:
        with _noted(failures):
            kill_sessions(client, login, gone)


def _granted(which: Any, client: MongoClient[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """The server's choice of those with a grant that ended before ``now``, so that others are not even read."""
    ended = {f"customData.{RESERVED}.valid_until": {"$lte": now}}
    users: list[dict[str, Any]] = client.admin.command({"usersInfo": which, "filter": ended})["users"]
    return users


def _drop(client: MongoClient[dict[str, Any]], account: Due, now: datetime, timeout: int) -> bool:
    """Whether it was still due a moment before, and this call removed it."""
    if not due(_granted(account.key.document("user"), client, now), now):
        return False
    try:
        client[account.key.database].command(
            {"dropUser": account.key.name, "writeConcern": {"w": "majority", "wtimeout": timeout * 1000}}
        )
    except OperationFailure as error:
        if error.code == Code.USER_NOT_FOUND:
            return False
        raise
    return True


@contextmanager
def _noted(failures: list[StrongholdError]) -> Iterator[None]:
    try:
        yield
    except StrongholdError as error:
        failures.append(error)
