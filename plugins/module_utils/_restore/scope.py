# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which collections a backup has, and so a restore: those of users, not what a server keeps for itself. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Namespace

BUCKETS = "system.buckets."
VIEWS = "system.views"
ACCOUNTS = frozenset({"system.users", "system.roles", "system.version"})
_OWN = frozenset({"local", "config"})
_FEATURES = Namespace("admin", "system.version")


def kept(namespace: Namespace, *, accounts: bool) -> bool:
    """Whether its documents are restored; ``accounts`` tells whether users and roles are wanted."""
    database, name = namespace
    if database in _OWN:
        return False
    if database == "admin" and name.startswith("system."):
        return accounts and name in ACCOUNTS
    return not name.startswith("system.") or name in {VIEWS, "system.js"} or name.startswith(BUCKETS)


def is_version(namespace: Namespace, identity: object) -> bool:
    """Whether that document is the server's feature compatibility version, which is its own affair."""
    return namespace == _FEATURES and identity == "featureCompatibilityVersion"


def split(text: str) -> Namespace:
    """A namespace as an oplog writes it."""
    database, _dot, name = text.partition(".")
    return Namespace(database, name)


def shown(namespace: Namespace) -> Namespace:
    """What users call it: of buckets, the time series."""
    database, name = namespace
    return Namespace(database, name[len(BUCKETS) :]) if name.startswith(BUCKETS) else namespace
