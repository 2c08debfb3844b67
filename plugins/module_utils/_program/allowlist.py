# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold allowlist``: the rules stay as they were declared, and what has expired goes. Run every half minute.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, no_settings


def run(_settings: None, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.backend import open_allowlist
    from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import alone

    host = platform.node()
    with alone(host):
        allowlist = open_allowlist(host, "recorded")
        plan = allowlist.plan_watch()
        plan.apply()
        allowlist.cut()  # also what a trial left open that was taken back
        allowlist.remember()
    for summary in plan.applied:
        tell(summary)
    return []


# What was declared on this host is in its records.
COMMAND = Command("allowlist", run, no_settings("allowlist"))
