# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many users at once: each is decided and changed alone, whatever becomes of the others.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.decision import Decision, Step, decide
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.server import Accounts, Outrun, pauses
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.users import Account, Key, User
from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import ItemError
from ansible_collections.stronghold.mongodb.plugins.module_utils._plan import Change, Instead, Plan


def plan_users(accounts: Accounts, users: Sequence[User]) -> Plan:
    """The changes that ``users`` need. What cannot be is among the plan's failures. Raises StrongholdError."""
    stored, refused = accounts.survey([user.key for user in users])
    plan = Plan()

    def judge(user: User) -> Decision | ItemError:
        try:
            return _decide(user, stored, refused, accounts.host)
        except ItemError as error:
            return error

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:  # PBKDF2 runs outside the interpreter's lock
        for user, outcome in zip(users, pool.map(judge, users)):
            if isinstance(outcome, ItemError):
                plan.failures[user.title] = outcome
                continue
            if outcome.warning:
                plan.warnings.append(outcome.warning)
            if outcome.step:
                plan.changes.append(_change(accounts, user, outcome.step))
    return plan


def _decide(user: User, stored: dict[Key, Account], refused: dict[Key, ItemError], host: str) -> Decision:
    if user.key in refused:
        raise refused[user.key]
    return decide(user, stored.get(user.key), host)


def _change(accounts: Accounts, user: User, step: Step) -> Change:
    return Change(step.summary, user.title, step.before, step.after, lambda: carry_out(accounts, user, step))


def carry_out(accounts: Accounts, user: User, step: Step) -> Instead | None:
    """Make the change, or what has become of it where others change the same user meanwhile.

    None when ``step`` itself was made. Raises ItemError and StrongholdError.
    """
    planned, uncertain = step, False
    for pause in pauses():
        try:
            accounts.change(user.database, step.command, step.summary)
            return _instead(accounts, user, step, planned)
        except Outrun as outrun:
            failure = outrun
        uncertain = uncertain or failure.uncertain
        time.sleep(pause)
        again = decide(user, accounts.read([user.key]).get(user.key), accounts.host).step
        if again is None:
            return _instead(accounts, user, step, planned) if uncertain else Instead()
        step = again
    raise failure.error from failure


def _instead(accounts: Accounts, user: User, step: Step, planned: Step) -> Instead | None:
    return None if step is planned else Instead((_change(accounts, user, step),))
