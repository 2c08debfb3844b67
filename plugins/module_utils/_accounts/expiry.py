# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What accounts with a time limit do when it has passed: they go, once per set, and nothing of theirs goes on.

The time is the primary's (``localTime`` of ``hello``): one clock decides for the whole set, wherever the program runs. When it
has passed is told by what each host knows (``ends``), not by what the account says.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.ends import End, Sight, dumps, follow, loads
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.grants import RESERVED, grant_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.powers import lifts_end
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import merged
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.sessions import kill_orphans, kill_sessions
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.moments import in_utc
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import parse_address
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
class Watch:
    """``record`` is the file with the ends that this host knows; ``protected`` are accounts, as name@database, that never go.

    Whoever may write into any account could else have the administrator removed.
    """

    login: Login
    record: Path
    protected: frozenset[str] = frozenset()


def due(ends: Iterable[End], now: datetime, protected: Collection[str] = ()) -> list[End]:
    """Who has to go at ``now``, the earliest first."""
    ended = [end for end in ends if end.until <= now and str(end.key) not in protected]
    return sorted(ended, key=lambda end: (end.until, end.key))


def expire(watch: Watch, tell: Callable[[str], object]) -> list[StrongholdError]:
    """Do on the member at ``watch.login`` what is its part now, and ``tell`` a line for each account that was removed.

    The primary, or a server outside any set, drops the accounts that are due and ends their sessions on every member. Another
    member has those dropped that are due by what its host knows alone. Each member that holds data ends its operations whose
    accounts are gone. Others know no accounts and have nothing to do. Privileges: viewUser and dropUser on any database,
    viewUser on the cluster, and those of ``kill_sessions``. Returns what failed while the rest was done. Raises StrongholdError
    where nothing could be.
    """
    login = watch.login
    try:
        with connect(login, ATTEMPT) as client, pymongo.timeout(TURNS * login.timeout):
            return _serve(client, watch, tell)
    except StrongholdError as error:
        if isinstance(error, ServerError) and error.kind is Kind.UNREACHABLE:
            raise
        with connect(login.anonymous(), ATTEMPT) as client:
            if _holds_data(client.admin.command("hello")):
                raise
        return []


def _holds_data(hello: Mapping[str, Any]) -> bool:
    return bool(hello["isWritablePrimary"] or hello.get("secondary"))


def _serve(client: MongoClient[dict[str, Any]], watch: Watch, tell: Callable[[str], object]) -> list[StrongholdError]:
    failures: list[StrongholdError] = []
    with translate(watch.login.where, ATTEMPT, authenticates=watch.login.authenticates):
        hello = client.admin.command("hello")
    if _holds_data(hello):
        ended = due(_known(client, watch, tell, failures), in_utc(hello["localTime"]), watch.protected)
        if hello["isWritablePrimary"]:
            _remove(client, watch.login, ended, tell, failures)
        else:
            _have_removed(hello, watch.login, [end for end in ended if end.denied], tell, failures)
        with _noted(failures):
            kill_orphans(client, watch.login.where)
    return failures


def _known(
    client: MongoClient[dict[str, Any]], watch: Watch, tell: Callable[[str], object], failures: list[StrongholdError]
) -> list[End]:
    """The ends of the accounts that are there, which this host knows from now on. A record that cannot be kept stops nothing."""
    former = {}
    with _noted(failures), _of_record(watch, "read"):
        former = loads(files.read(watch.record) or b"{}")
    with translate(watch.login.where, ATTEMPT, authenticates=watch.login.authenticates):
        known, lines = follow(former, _sights(client, former))
    if known != former:
        alone = locks.held(locks.FILES, watch.login.where, f"write the record of ends {watch.record}")
        with _noted(failures), alone, _of_record(watch, "write"):
            files.write(watch.record, dumps(known), 0o600)
    for line in lines:
        tell(line)
    return list(known.values())


@contextmanager
def _of_record(watch: Watch, verb: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) else str(error)
        remedy = "have it written to by root alone; until it is, ends are taken from the accounts themselves"
        raise StrongholdError(watch.login.where, f"{verb} the record of ends {watch.record}", reason, remedy) from error


def _sights(client: MongoClient[dict[str, Any]], known: Mapping[str, End]) -> list[Sight]:
    """The server's choice of those that have an end or are known, so that others are not even read."""
    limited: list[dict[str, Any]] = [{f"customData.{RESERVED}.valid_until": {"$type": "date"}}]
    if known:
        limited.append({"_id": {"$in": [f"{end.key.database}.{end.key.name}" for end in known.values()]}})
    users = client.admin.command({"usersInfo": {"forAllDBs": True}, "filter": {"$or": limited}})["users"]
    return [Sight(_id(user), Key.of(user, "user"), grant_of(user.get("customData") or {}), _able(client, user)) for user in users]


def _id(user: Mapping[str, Any]) -> str:
    """Its ``userId``, or its name where it has none, as an account that was written past ``createUser``."""
    return bytes(user.get("userId") or b"").hex() or str(Key.of(user, "user"))


def _able(client: MongoClient[dict[str, Any]], user: Mapping[str, Any]) -> bool:
    """Whether it could write its own end; true where the server does not show what it may do."""
    key = Key.of(user, "user")
    try:
        shown = client.admin.command({"usersInfo": key.document("user"), "showPrivileges": True})["users"]
    except OperationFailure as error:
        if error.code == Code.UNAUTHORIZED:
            raise
        return True
    return any(lifts_end(merged(each.get("inheritedPrivileges") or ()), key.database) for each in shown)


def _have_removed(
    hello: Mapping[str, Any], login: Login, ended: list[End], tell: Callable[[str], object], failures: list[StrongholdError]
) -> None:
    """By the primary, whose host may know less: it was down, or is new. Without one the next run does it."""
    if not ended or "primary" not in hello:
        return
    leader = parse_address(hello["primary"])
    there = login.at(leader.host, leader.port)
    with _noted(failures), connect(there, ATTEMPT) as client:
        _remove(client, there, ended, tell, failures)


def _remove(
    client: MongoClient[dict[str, Any]],
    login: Login,
    ended: Iterable[End],
    tell: Callable[[str], object],
    failures: list[StrongholdError],
) -> None:
    gone: list[Key] = []
    for end in ended:
        with _noted(failures), translate(login.where, f"remove {end.key}"):
            if _drop(client, end, login.timeout):
                gone.append(end.key)
                tell(end.told())
    if gone:
        with _noted(failures):
            kill_sessions(client, login, gone)


def _drop(client: MongoClient[dict[str, Any]], end: End, timeout: int) -> bool:
    """Whether it was still the account that was judged a moment before, and this call removed it."""
    users = client.admin.command({"usersInfo": end.key.document("user")})["users"]
    if [(_id(user), grant_of(user.get("customData") or {})) for user in users] != [(end.id, end.seen)]:
        return False
    try:
        client[end.key.database].command(
            {"dropUser": end.key.name, "writeConcern": {"w": "majority", "wtimeout": timeout * 1000}}
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
