# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first administrator of a data directory, made before its server listens anywhere. Decided by state alone.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.bulk import plan_users
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import decide, password_matches
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account, User
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import ServerError, connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.private_server import (
    PrivateServer,
    data_in_use,
    is_empty,
)

INSPECTION_SET = "stronghold-inspection"  # deliberately no set's name


def plan_first(server: PrivateServer, login: Login, admin: User, may_start: bool) -> tuple[Plan, list[str]]:
    """The plan that gives the data of ``server`` its administrator, and warnings.

    A running service is asked by ``login``. Data at rest are inspected by a private server, unless ``may_start`` is
    false, as in check mode. Raises StrongholdError for an administrator with another password, and where one could be
    added only behind the back of a replica set.
    """
    plan = Plan()
    if data_in_use(server.db_path):
        _log_in(login, admin)
        return plan, []
    if not is_empty(server.db_path):
        if not may_start:
            told = f"Whether the data in {server.db_path} have their administrator is not known while no server runs on them."
            return plan, [told]
        if _present(server, admin):
            return plan, []
    step = decide(admin, None, server.host, datetime.now(timezone.utc)).step
    if step:
        plan.add(step.summary, admin.title, step.before, step.after, lambda: _create(server, admin))
    return plan, []


def _log_in(login: Login, admin: User) -> None:
    attempt = f"log in as {admin.title}"
    try:
        with connect(login, attempt):
            pass
    except ServerError as error:
        if error.code != Code.AUTHENTICATION_FAILED:
            raise
        raise StrongholdError(
            login.where,
            attempt,
            "the running server refuses this name and password",
            "give the administrator's password, or, if this server never had an administrator, stop it and run again",
        ) from error


def _present(server: PrivateServer, admin: User) -> bool:
    """Whether the administrator is in the data. Raises StrongholdError when it is there with another password.

    The server starts as a member of no known set, in which it recovers the data of a real member as the service would,
    and writes nothing. A standalone would show, and keep, only what the last checkpoint holds.
    """
    with _private(server, "inspect the data", INSPECTION_SET) as accounts:
        account = accounts.read([admin.key]).get(admin.key)
        belongs_to_set = accounts.client.local["system.replset"].find_one() is not None
    return _judge(server, admin, account, belongs_to_set)


def _judge(server: PrivateServer, admin: User, account: Account | None, belongs_to_set: bool) -> bool:
    attempt = f"create {admin.title} in {server.db_path}"
    if account is None:
        if belongs_to_set:
            raise StrongholdError(
                server.host,
                attempt,
                "the data belong to an initiated replica set without it, and a write to one member alone would set it apart",
                "start the set and create the administrator there, or give the name of the one it has",
            )
        return False
    if not password_matches(admin, account):
        raise StrongholdError(
            server.host, attempt, "it is there already with another password", "give that password, or an empty db_path"
        )
    return True


def _create(server: PrivateServer, admin: User) -> None:
    with _private(server, f"create {admin.title}") as accounts:
        plan, _shown = plan_users(accounts, [admin])
        plan.apply()
    for error in plan.failures.values():
        raise error


@contextmanager
def _private(server: PrivateServer, attempt: str, replica_set: str | None = None) -> Iterator[Accounts]:
    with server.running(replica_set) as endpoint:
        login = Login(host=str(endpoint), tls=False)
        with connect(login, attempt) as client:
            yield Accounts(client, login, server.host)
