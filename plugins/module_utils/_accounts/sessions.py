# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What accounts that are gone still have running. A server asks for privileges when a command begins, not while it runs.

Sessions, cursors, transactions and operations live on the member on which they began, so each member is told by itself.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import Address, parse_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect, translate
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

if TYPE_CHECKING:
    from pymongo import MongoClient

try:
    import pymongo
    from bson.binary import Binary
    from pymongo.errors import OperationFailure
except ImportError:
    pass  # the modules tell the user, by require_pymongo

NO_SET = (Code.NO_REPLICATION_ENABLED, Code.NOT_YET_INITIALIZED)
POLL = 0.1  # seconds
# Databases whose names say nothing about admin.system.users: members log in to each other as __system@local, and a
# certificate or an LDAP server can vouch for a user of $external that is stored nowhere.
UNSTORED = ("local", "$external")


def uid_of(key: Key) -> bytes:
    """The digest of its user that a session carries (src/mongo/db/session: getLogicalSessionUserDigestFor)."""
    return hashlib.sha256(str(key).encode()).digest()


def data_members(config: Mapping[str, Any]) -> list[Address]:
    """Those of a replica-set configuration that hold data, hidden ones included."""
    return [parse_address(member["host"]) for member in config["members"] if not member.get("arbiterOnly")]


def kill_sessions(client: MongoClient[dict[str, Any]], login: Login, keys: Sequence[Key]) -> None:
    """End what the dropped accounts ``keys`` still run, on every member that holds data.

    ``client`` may be connected to any member; ``login`` has to be valid on all of them. Each gets ``login.timeout`` seconds,
    all at once, and is told once it has taken over the removal. Privileges: replSetGetConfig, killAnySession, inprog,
    killop, viewUser. Raises StrongholdError, when all were tried, for those where it failed.
    """
    attempt = f"end the sessions of {_names(keys)}"
    with translate(login.where, attempt):
        members = _members(client)
    logins = [login.at(member.host, member.port) for member in members] or [login]

    def end(member: Login) -> StrongholdError | None:
        try:
            with connect(member, attempt) as there, pymongo.timeout(login.timeout):
                _end(there, member, keys, attempt)
        except StrongholdError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=len(logins)) as pool:
        failures = [error for error in pool.map(end, logins) if error]
    if failures:
        reason = "; ".join(f"on {error.host} {error.reason}" for error in failures)
        raise StrongholdError(login.where, attempt, reason, failures[0].remedy)


def kill_orphans(client: MongoClient[dict[str, Any]], host: str) -> list[str]:
    """End the operations on this member alone whose accounts do not exist any more; returns these accounts' names.

    It finishes what ``kill_sessions`` could not: where the member was out of reach or behind, or the program was killed.
    """
    with translate(host, "end the operations of accounts that are gone"):
        running = {key for operation in _operations(client) for key in _users(operation) if key.database not in UNSTORED}
        gone = running - _existing(client, running)
        if gone:
            _kill(client, sorted(gone))
    return [str(key) for key in sorted(gone)]


def _members(client: MongoClient[dict[str, Any]]) -> list[Address]:
    """Empty for a server outside any set."""
    try:
        return data_members(client.admin.command("replSetGetConfig")["config"])
    except OperationFailure as error:
        if error.code in NO_SET:
            return []
        raise


def _end(client: MongoClient[dict[str, Any]], member: Login, keys: Sequence[Key], attempt: str) -> None:
    left: set[Key] = set()
    for _attempt in patience(member.timeout / 2, POLL):
        left = _existing(client, keys)
        if not left:
            break
    _kill(client, keys)
    if left:
        reason = f"it has not taken over the removal of {_names(sorted(left))} yet"
        raise StrongholdError(member.where, attempt, reason, "see mongodb_replicaset_info for how far that member is behind")


def _kill(client: MongoClient[dict[str, Any]], keys: Iterable[Key]) -> None:
    wanted = set(keys)
    client.admin.command({"killAllSessionsByPattern": [{"uid": Binary(uid_of(key))} for key in wanted]})
    for operation in _operations(client):  # those outside any session
        if wanted & set(_users(operation)):
            client.admin.command({"killOp": 1, "op": operation["opid"]})


def _operations(client: MongoClient[dict[str, Any]]) -> list[dict[str, Any]]:
    """Operations of accounts, as {opid, effectiveUsers: [{user, db}]}."""
    stages: list[dict[str, Any]] = [
        {"$currentOp": {"allUsers": True}},
        {"$match": {"effectiveUsers.user": {"$exists": True}}},
        {"$project": {"opid": 1, "effectiveUsers": 1}},
    ]
    return list(client.admin.aggregate(stages))


def _users(operation: Mapping[str, Any]) -> list[Key]:
    return [Key.of(user, "user") for user in operation["effectiveUsers"]]


def _existing(client: MongoClient[dict[str, Any]], keys: Iterable[Key]) -> set[Key]:
    """Those of ``keys`` that this member stores."""
    asked = [key.document("user") for key in keys]
    answer = client.admin.command({"usersInfo": asked})["users"] if asked else []
    return {Key.of(user, "user") for user in answer}


def _names(keys: Iterable[Key]) -> str:
    return ", ".join(map(str, keys))
