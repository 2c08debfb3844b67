# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users of a running server: reading them, changing one.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.authority import Need, lacking, needs
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import Offer
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import Privileges, merged
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.sessions import kill_sessions
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError, Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.moments import in_utc
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import Attempt, patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import (
    Kind,
    ServerError,
    code_of,
    connect,
    kind_of,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

if TYPE_CHECKING:
    from pymongo import MongoClient

try:
    from bson.errors import BSONError
    from pymongo.errors import PyMongoError
except ImportError:
    pass  # the modules tell the user, by require_pymongo

# usersInfo with restrictions also answers every privilege of every user; a hundred administrators stay far below 16 MiB.
READ_AT_ONCE = 100

_OUTRUN = frozenset({Code.USER_NOT_FOUND, Code.USER_EXISTS, Code.LOCK_TIMEOUT, Code.WRITE_CONFLICT, Code.NO_SUCH_TRANSACTION})
# The shutdown of the primary, or its step-down, cut the wait short.
_STEPPED_DOWN = frozenset(
    {
        Code.SHUTDOWN_IN_PROGRESS,
        Code.PRIMARY_STEPPED_DOWN,
        Code.INTERRUPTED_AT_SHUTDOWN,
        Code.INTERRUPTED_DUE_TO_REPL_STATE_CHANGE,
    }
)


def tries() -> Iterator[Attempt]:
    """Those that a command gets whose state changes under it: about ten."""
    return patience(12, pause=0.05, backoff=2, longest=3)


class Refused(ItemError, ServerError):
    """The server's refusal of a command about one item."""


class Outrun(Exception):
    """The state changed under a command: read again, decide again. ``error`` is what to raise when that has no end.

    ``uncertain`` tells that the command may have been carried out nevertheless.
    """

    def __init__(self, error: StrongholdError, *, uncertain: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.uncertain = uncertain


class Accounts:
    """The users that ``client`` can manage, which is logged in by ``login``; ``host`` names the server in errors.

    ``warnings`` grows with what could not be done beside a change.
    """

    def __init__(self, client: MongoClient[dict[str, Any]], login: Login, host: str | None = None) -> None:
        self.client = client
        self.login = login
        self.host = host or login.where
        self.warnings: list[str] = []
        self._enter: Callable[[Login], MongoClient[dict[str, Any]]] | None = None

    @classmethod
    @contextmanager
    def opened(cls, login: Login, attempt: str, declared: str | None) -> Iterator[Accounts]:
        """Connect for a while. ``declared`` is the password that the account in use shall have: the first of two runs may
        have given it that one, so it is tried where that of ``login`` is refused. Raises StrongholdError.
        """
        with ExitStack() as stack:

            def enter(one: Login) -> MongoClient[dict[str, Any]]:
                return stack.enter_context(connect(one, attempt))

            try:
                client = enter(login)
            except ServerError as error:
                if declared in (None, login.password) or error.code != Code.AUTHENTICATION_FAILED:
                    raise
                login = replace(login, password=declared)
                client = enter(login)
            accounts = cls(client, login)
            accounts._enter = enter
            yield accounts

    def log_in_with(self, password: str) -> None:
        """Go on with another password of the account in use, unless the server refuses it."""
        if self._enter is None:
            return
        login = replace(self.login, password=password)
        try:
            self.client, self.login = self._enter(login), login
        except ServerError as error:
            if error.code != Code.AUTHENTICATION_FAILED:
                raise

    def now(self) -> datetime:
        """The server's clock, which decides for all that manage its accounts. Raises StrongholdError."""
        time: datetime = self.ask("admin", {"hello": 1}, "read the server's clock")["localTime"]
        return in_utc(time)

    def in_use(self) -> set[Key]:
        """The accounts as which ``client`` is logged in. Raises StrongholdError."""
        answer = self.ask("admin", {"connectionStatus": 1}, "find out which account is in use")
        return {Key.of(user, "user") for user in answer["authInfo"]["authenticatedUsers"]}

    def listed(self, database: str) -> list[dict[str, Any]]:
        """All users of a database as usersInfo shows them, without restrictions and credentials. Raises as ``read`` does."""
        users: list[dict[str, Any]] = self.ask(database, {"usersInfo": 1}, f"list the users of {database}")["users"]
        return users

    def privileges(self, roles: Collection[Key]) -> Privileges:
        """All that ``roles`` allow, with what they inherit. Raises ItemError where they may not be read, and StrongholdError."""
        wanted = [key.document("role") for key in sorted(roles)]
        command = {"rolesInfo": wanted, "showPrivileges": True}
        documents = self.ask("admin", command, "see what the roles allow")["roles"] if wanted else []
        return merged(privilege for role in documents for privilege in role.get("inheritedPrivileges") or ())

    def offer(self) -> Offer | None:
        """All that the server offers; None where the account in use may not know. Raises StrongholdError for the connection."""
        try:
            answer = self.ask("admin", {"getParameter": 1, "authenticationMechanisms": 1}, "read how accounts may log in")
        except ItemError:
            return None
        return Offer(frozenset(answer["authenticationMechanisms"]))

    def offer_to(self, key: Key) -> Offer:
        """What it offers of that for which an account has credentials, which anybody may know (``hello`` in the handshake)."""
        question = {"hello": 1, "saslSupportedMechs": f"{key.database}.{key.name}"}
        answer = self.ask("admin", question, f"read how {key} may log in")
        return Offer(frozenset(answer.get("saslSupportedMechs") or ()), exact=False)

    def end_sessions(self, key: Key) -> None:
        """End what a dropped account still does; where that fails there is a warning, as the account itself is gone."""
        try:
            kill_sessions(self.client, self.login, [key])
        except StrongholdError as error:
            self.warnings.append(str(error))

    def read(self, keys: Sequence[Key]) -> dict[Key, Account]:
        """Those of ``keys`` that exist. Raises ItemError where they may not be read, StrongholdError for the connection."""
        found: dict[Key, Account] = {}
        for start in range(0, len(keys), READ_AT_ONCE):
            wanted = [key.document("user") for key in keys[start : start + READ_AT_ONCE]]
            # Restrictions are shown for exact names only, not for a whole database.
            command = {"usersInfo": wanted, "showCredentials": True, "showAuthenticationRestrictions": True}
            users = self.ask("admin", command, "read the users")["users"]
            found.update({Key.of(user, "user"): Account.from_document(user) for user in users})
        return found

    def survey(self, keys: Sequence[Key]) -> tuple[dict[Key, Account], dict[Key, ItemError]]:
        """Those of ``keys`` that exist, and those that cannot be read. Raises StrongholdError for the connection."""
        found: dict[Key, Account] = {}
        refused: dict[Key, ItemError] = {}
        for start in range(0, len(keys), READ_AT_ONCE):
            page = keys[start : start + READ_AT_ONCE]
            try:
                found.update(self.read(page))
            except ItemError:
                for key in page:
                    try:
                        found.update(self.read([key]))
                    except ItemError as error:
                        refused[key] = error
        return found, refused

    def change(self, database: str, command: Mapping[str, Any], attempt: str) -> None:
        """Run a command that changes one user, until a majority of the set has it.

        Raises Outrun, ItemError where the server refuses it, and StrongholdError for the connection.
        """
        write_concern = {"w": "majority", "wtimeout": self.login.timeout * 1000}
        answer = self._run(database, {**command, "writeConcern": write_concern}, attempt)
        unconfirmed = answer.get("writeConcernError")
        if unconfirmed:
            error = StrongholdError(
                self.host,
                attempt,
                f"the primary did it, but no majority of the set has confirmed it ({unconfirmed.get('errmsg')})",
                "see mongodb_replicaset_info for the state of the members, then run again",
            )
            if unconfirmed.get("code") in _STEPPED_DOWN:
                raise Outrun(error, uncertain=True)
            raise error

    def ask(self, database: str, command: Mapping[str, Any], attempt: str) -> dict[str, Any]:
        """The answer to a command that only reads, by whichever member is the primary by then."""
        for _try in tries():
            try:
                return self._run(database, command, attempt)
            except Outrun as outrun:
                failure = outrun
        raise failure.error from failure

    def _run(self, database: str, command: Mapping[str, Any], attempt: str) -> dict[str, Any]:
        try:
            return self.client[database].command(dict(command))
        except PyMongoError as error:
            kind, code = kind_of(error), code_of(error)
            of_connection = kind in (Kind.UNREACHABLE, Kind.INTERRUPTED) or code == Code.AUTHENTICATION_FAILED
            failure = ServerError if of_connection else Refused
            refusal = self._explain(error, database, command)
            told = failure.of(error, self.host, attempt, refusal, authenticates=self.login.authenticates)
            not_primary = code == Code.NOT_WRITABLE_PRIMARY
            if kind is Kind.INTERRUPTED and not (not_primary and self._is_direct()):
                raise Outrun(told, uncertain=not not_primary) from error
            if code in _OUTRUN:
                raise Outrun(told) from error
            raise told from error
        except (BSONError, OverflowError):  # its text may hold the whole command, and so a password
            reason = "MongoDB cannot store a value (a number beyond 64 bits, or a key with a NUL)"
            raise ItemError(self.host, attempt, reason, "correct custom_data") from None

    def _is_direct(self) -> bool:
        """Whether no other member would be asked, so that it is of no use to try again."""
        return self.client.topology_description.topology_type_name == "Single"

    def _explain(self, error: PyMongoError, database: str, command: Mapping[str, Any]) -> Refusal | None:
        """What is known of it beside what ``connection.explain`` knows."""
        code = code_of(error)
        if code == Code.ROLE_NOT_FOUND:
            named = str(getattr(error, "details", {}).get("errmsg", "")).partition("role: ")[2]
            return Refusal(f"there is no role {named}", "create the role first, or correct its name and database")
        missing = self._missing(database, command) if code == Code.UNAUTHORIZED else []
        if not missing:
            return None
        return Refusal(f"the account in use lacks {' and '.join(missing)}", "log in with an account that may do that")

    def _missing(self, database: str, command: Mapping[str, Any]) -> list[str]:
        try:
            answer = self.client.admin.command({"connectionStatus": 1, "showPrivileges": True})
        except PyMongoError:
            return []
        return lacking(self._needs(command, database), answer["authInfo"]["authenticatedUserPrivileges"])

    def _needs(self, command: Mapping[str, Any], database: str) -> set[Need]:
        """What a command demands where it is sent to ``database``."""
        return needs(command, database)
