# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own accounts, by what only a superuser can give: names and roles of admin, never what an account says. Pure.

The role ``mongodb_accounts`` declares them.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.key import EXTERNAL, Key

EXPIRY = Key("admin", "stronghold_expiry")  # the account of the command expiry, and its only role
BACKUP = Key("admin", "stronghold_backup")  # the account of the command backup, and its only role
ROTATION = Key("admin", "stronghold_rotation")  # the only role of those by whose certificates hosts have theirs taken up
OWN_ROLES = frozenset({EXPIRY, BACKUP, ROTATION})


def is_own(key: Key, roles: Collection[Key]) -> bool:
    """Whether the account ``key``, which has ``roles`` directly, is one of the collection itself."""
    if key in (EXPIRY, BACKUP):
        return set(roles) <= {key}
    return key.database == EXTERNAL and set(roles) == {ROTATION}
