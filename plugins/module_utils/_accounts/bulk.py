# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many users at once: each is decided and changed alone, whatever becomes of the others.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import (
    Decision,
    Offer,
    Step,
    decide,
    require_end_holds,
    roles_to_limit,
    user_expired,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import Key
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.powers import ALMIGHTY, lifts_end
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.purge import Purge, undeclared
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts, Outrun, tries
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account, User
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Change, Instead, Plan


@dataclass(frozen=True)
class Target:
    """One user to be changed on a server, judged at the time ``now``; ``own`` says that it is the account in use.

    ``offer`` is what the server offers, None where the account in use may not know.
    """

    accounts: Accounts
    user: User
    now: datetime
    own: bool
    offer: Offer | None

    def decide(self, account: Account | None) -> Decision:
        offer = self.offer
        if offer is None and account and self.user.password is not None:
            offer = self.accounts.offer_to(self.user.key)
        decision = decide(self.user, account, self.accounts.host, self.now, offer)
        roles = frozenset() if user_expired(self.user, self.now) else roles_to_limit(self.user, account)
        if roles:
            reasons = lifts_end(self.accounts.privileges(roles), self.user.database)
            require_end_holds(self.user, reasons, self.accounts.host)
        return decision

    def read(self) -> Account | None:
        return self.accounts.read([self.user.key]).get(self.user.key)

    def change(self, step: Step) -> Change:
        return Change(step.summary, self.user.title, step.before, step.after, lambda: carry_out(self, step))


def plan_users(accounts: Accounts, users: Sequence[User], purge: Purge | None = None) -> tuple[Plan, dict[str, dict[str, Any]]]:
    """The changes that ``users`` need, and all that were looked at: subject to {name, database, ...}.

    What cannot be is among the plan's failures. The account in use comes last, so that no other change depends on what
    becomes of it. Raises StrongholdError for the connection.
    """
    accounts.warnings += reachable_superusers(users)
    plan = Plan(warnings=accounts.warnings)
    shown: dict[str, dict[str, Any]] = {user.title: {"name": user.name, "database": user.database} for user in users}
    if purge:
        users = [*users, *_purged(accounts, purge, users, plan, shown)]
    now = accounts.now() if any(user.terms for user in users) else datetime.now(timezone.utc)
    own = _own_key(accounts)
    offer = accounts.offer() if any(_has_credentials(user) for user in users) else None
    targets = [Target(accounts, user, now, user.key == own, offer) for user in sorted(users, key=lambda user: user.key == own)]
    for target in targets:
        if user_expired(target.user, now):
            shown[target.user.title]["expired"] = True
    _decide_all(targets, plan)
    return plan, shown


def reachable_superusers(users: Sequence[User]) -> list[str]:
    """A warning for those that may do anything and are declared to log in from anywhere: a password is all they need there."""
    almighty = {Key(*key) for key in ALMIGHTY}
    open_to_all = [user for user in users if user.present and user.restrictions == () and (user.roles or set()) & almighty]
    if not open_to_all:
        return []
    who = ", ".join(f"{user.name}@{user.database}" for user in open_to_all)
    return [
        f"{who} may do anything, and may log in from wherever the port can be reached; limit that by authentication_restrictions,"
        " of the administrator of a cluster by entries of mongodb_firewall_sources in the group administrators."
    ]


def _has_credentials(user: User) -> bool:
    return user.present and (user.password is not None or user.mechanisms is not None)


def _own_key(accounts: Accounts) -> Key | None:
    login = accounts.login
    return Key(login.database, login.user) if login.user and login.auth_mechanism != "MONGODB-X509" else None


def _purged(accounts: Accounts, purge: Purge, users: Sequence[User], plan: Plan, shown: dict[str, dict[str, Any]]) -> list[User]:
    documents: list[Mapping[str, Any]] = []
    for database in dict.fromkeys(purge.databases):
        try:
            documents.extend(accounts.listed(database))
        except ItemError as error:
            subject = f"the users of {database}"
            plan.failures[subject] = error
            shown[subject] = {"name": None, "database": database}
    doomed = undeclared(purge, documents, {user.key for user in users}, accounts.in_use())
    shown.update({user.title: {"name": user.name, "database": user.database, "purged": True} for user in doomed})
    return doomed


def _decide_all(targets: Sequence[Target], plan: Plan) -> None:
    if not targets:
        return
    stored, refused = targets[0].accounts.survey([target.user.key for target in targets])

    def judge(target: Target) -> Decision | ItemError:
        key = target.user.key
        if key in refused:
            return refused[key]
        try:
            return target.decide(stored.get(key))
        except ItemError as error:
            return error

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # PBKDF2 runs outside the interpreter's lock
        for target, outcome in zip(targets, pool.map(judge, targets)):
            if isinstance(outcome, ItemError):
                plan.failures[target.user.title] = outcome
                continue
            if outcome.warning:
                plan.warnings.append(outcome.warning)
            if outcome.step:
                plan.changes.append(target.change(outcome.step))


def carry_out(target: Target, step: Step) -> Instead | None:
    """Make the change, or what has become of it where others change the same user meanwhile.

    None when ``step`` itself was made. Raises ItemError and StrongholdError.
    """
    planned, uncertain = step, False
    for turn in tries():
        if turn.number > 1:
            if uncertain:
                _follow_own_password(target, step)
            again = target.decide(target.read()).step
            if again is None:
                return _made(target, step, planned) if uncertain else Instead()
            step = again
        try:
            target.accounts.change(target.user.database, step.command, step.summary)
            return _made(target, step, planned)
        except Outrun as outrun:
            failure = outrun
        uncertain = uncertain or failure.uncertain
    raise failure.error from failure


def _made(target: Target, step: Step, planned: Step) -> Instead | None:
    _follow_own_password(target, step)
    if step.ends_sessions:
        target.accounts.end_sessions(target.user.key)
    return None if step is planned else Instead((target.change(step),))


def _follow_own_password(target: Target, step: Step) -> None:
    if target.own and "pwd" in step.command and target.user.password is not None:
        target.accounts.log_in_with(target.user.password)
