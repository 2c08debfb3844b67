# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold drill``: restores a backup for a look at it, where that is due. Run once a day, on the backup host.

``stronghold drill run`` does so at once, ``status`` tells of the last one.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, metrics_of, told

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import DrillSettings


def accept(found: Mapping[str, Any]) -> DrillSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import accepted_drill

    return accepted_drill(found)


def run(settings: DrillSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drills import due

    return _run(settings, tell, ()) if due(settings) else []


def _run(settings: DrillSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drills import drilled

    return drilled(settings, tell)


def _status(settings: DrillSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drills import state

    remedy = "see 'journalctl -u stronghold-drill', and run 'stronghold drill run'"
    return told(state(settings.home), tell, "find restores well", remedy)


COMMAND = Command(
    "drill",
    run,
    accept,
    libraries=("PyMongo",),
    leaves=metrics_of,
    state=("stronghold/drill",),
    verbs={"run": _run, "status": _status},
)
