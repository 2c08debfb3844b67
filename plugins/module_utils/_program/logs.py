# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold logs``: keeps logs within bounds, and tells how much room is left. Run once a minute.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, metrics_of

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.logs import LogSettings


def accept(found: Mapping[str, Any]) -> LogSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.logs import accepted

    return accepted(found)


def run(settings: LogSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.logs import keep

    return keep(settings, tell)


COMMAND = Command("logs", run, accept, leaves=metrics_of)
