# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold oplog``: archives what the set writes, without end, on the backup host. ``status`` tells how far it is.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, metrics_of, told

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import OplogSettings


def accept(found: Mapping[str, Any]) -> OplogSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import accepted_oplog

    return accepted_oplog(found)


def run(settings: OplogSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.archive import archive

    archive(settings, tell)


def _status(_settings: OplogSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.archive import progress_lines

    remedy = "see 'journalctl -u stronghold-oplog'"
    return told(progress_lines(), tell, "find the archive of the oplog well", remedy)


COMMAND = Command(
    "oplog",
    run,
    accept,
    connects=True,
    libraries=("PyMongo",),
    leaves=metrics_of,
    state=("stronghold/oplog",),
    endless=True,
    verbs={"status": _status},
)
