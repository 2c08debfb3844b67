# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of the program. To have one more, write its file beside this one and list it here.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._program import (
    allowlist,
    backup,
    certificates,
    drill,
    expiry,
    inbox,
    intake,
    logs,
    notices,
    offsite,
    oplog,
    physical,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command

COMMANDS: Mapping[str, Command[Any]] = {
    door.COMMAND.name: door.COMMAND
    for door in (allowlist, backup, certificates, drill, expiry, inbox, intake, logs, notices, offsite, oplog, physical)
}
