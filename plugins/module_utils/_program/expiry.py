# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold expiry``: accounts whose time is over go. Run every half minute, it keeps them at most one minute longer.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import expire
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login


def run(settings: Mapping[str, Any], tell: Callable[[str], object]) -> list[StrongholdError]:
    """``settings``: {login: fields of ``Login``}, an account with the privileges of ``expire``."""
    return expire(Login(**settings["login"]), tell)
