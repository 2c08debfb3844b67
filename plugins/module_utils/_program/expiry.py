# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold expiry``: accounts whose time is over go. Run every half minute, it keeps them at most one minute longer.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, unusable


def accept(found: Mapping[str, Any]) -> Login:
    """The login alone, of an account with the privileges of ``expire``."""
    reasons = [f"it knows no {name}" for name in sorted(set(found) - {"login"})]
    reasons += unfit(Login, found["login"], "the login") if "login" in found else ["it has no login"]
    if reasons:
        raise unusable("expiry", reasons)
    return filled(Login, found["login"])


def run(login: Login, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import expire

    return expire(login, tell)


COMMAND = Command("expiry", run, accept, connects=True, libraries=("PyMongo",))
