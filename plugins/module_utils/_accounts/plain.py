# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What MongoDB stores, as JSON can say it. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments


def plain(value: Any, timespec: str | None = None) -> Any:
    """Dates in ISO 8601 and UTC, everything else that JSON does not know as text.

    ``timespec`` is that of ``datetime.isoformat``; None means milliseconds where there are some, and else seconds.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item, timespec) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, timespec) for item in value]
    if isinstance(value, datetime):
        exact = timespec or ("milliseconds" if value.microsecond else "seconds")
        return moments.text(value, exact)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):  # bson.Int64 too
        return int(value)
    return value if isinstance(value, float) and value - value == 0 else str(value)
