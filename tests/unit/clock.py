# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clock that is wrong, as the collection's code in this process reads it; other programs have the true one."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any, Protocol


class Patch(Protocol):
    """As of pytest."""

    def setattr(self, target: Any, name: str, value: Any) -> None:
        """Until it is undone."""


def set_clock(patch: Patch, ahead: timedelta) -> None:
    """Of all modules that were imported until now; ``ahead`` of the true clock, or behind it."""
    true = time.time

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Clock(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(true(), tz) + ahead

    patch.setattr(time, "time", lambda: true() + ahead.total_seconds())
    for name, module in list(sys.modules.items()):
        if name.startswith("ansible_collections.stronghold.") and vars(module).get("datetime") is datetime:
            patch.setattr(module, "datetime", Clock)
