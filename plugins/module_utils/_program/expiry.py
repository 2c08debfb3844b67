# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold expiry``: accounts whose time is over go. Run every half minute, it keeps them at most one minute longer.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import expire
from ansible_collections.stronghold.mongodb.plugins.module_utils._connection import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import StrongholdError

with suppress(ImportError):  # the program tells
    import pymongo

LIMIT = 20  # seconds for one run, below the unit's TimeoutStartSec


def run(settings: Mapping[str, Any], tell: Callable[[str], object]) -> list[StrongholdError]:
    """``settings``: {login: fields of ``Login``}, an account with the privileges of ``expire``."""
    with pymongo.timeout(LIMIT):
        return expire(Login(**settings["login"]), tell)
