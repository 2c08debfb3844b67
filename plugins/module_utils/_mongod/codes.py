# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of a server's errors. Source: src/mongo/base/error_codes.yml of the server.

PRIVATE to the collection.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """The codes that something depends on, by the server's names for them."""

    BAD_VALUE = 2
    USER_NOT_FOUND = 11
    UNAUTHORIZED = 13
    AUTHENTICATION_FAILED = 18
    LOCK_TIMEOUT = 24
    ROLE_NOT_FOUND = 31
    NODE_NOT_FOUND = 74
    NO_REPLICATION_ENABLED = 76
    SHUTDOWN_IN_PROGRESS = 91
    NOT_YET_INITIALIZED = 94
    NEW_REPLICA_SET_CONFIGURATION_INCOMPATIBLE = 103
    CONFIGURATION_IN_PROGRESS = 109
    WRITE_CONFLICT = 112
    PRIMARY_STEPPED_DOWN = 189
    SNAPSHOT_TOO_OLD = 239
    SNAPSHOT_UNAVAILABLE = 246
    NO_SUCH_TRANSACTION = 251
    EXCEEDED_TIME_LIMIT = 262
    CURRENT_CONFIG_NOT_COMMITTED_YET = 308
    MECHANISM_UNAVAILABLE = 334
    NOT_WRITABLE_PRIMARY = 10107
    INTERRUPTED_AT_SHUTDOWN = 11600
    INTERRUPTED_DUE_TO_REPL_STATE_CHANGE = 11602
    NOT_PRIMARY_NO_SECONDARY_OK = 13435
    NOT_PRIMARY_OR_SECONDARY = 13436
    ROLE_EXISTS = 51002
    USER_EXISTS = 51003
