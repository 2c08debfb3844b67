# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold backup``: takes a backup and looks after those that there are. Run once a day, on the backup host.

``stronghold backup run NAME...`` takes one of these databases, and collections as DATABASE.COLLECTION, alone.
``stronghold backup list`` and ``status`` tell what there is; ``verify [BACKUP]`` reads all of one, else of the newest.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import JSON, Command, Tell, metrics_of, told

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import BackupSettings


def accept(found: Mapping[str, Any]) -> BackupSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import accepted

    return accepted(found)


def run(settings: BackupSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.daily import daily

    return daily(settings, tell)


def _run(settings: BackupSettings, tell: Tell, words: Sequence[str]) -> list[StrongholdError]:
    return _part(settings, tell, words) if words else run(settings, tell)


def _part(settings: BackupSettings, tell: Tell, names: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.daily import measure
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.declared import opened, selection_of

    selection = selection_of([one for one in names if "." not in one], [one for one in names if "." in one], None)
    with opened(settings, "take a backup of a part", predict=False, tell=tell) as declared:
        plan, _selected = declared.taken(selection)
        plan.apply()
        measure(settings, declared.known())
    return []


def _list(settings: BackupSettings, tell: Tell, words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.overview import listing
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import known

    found = known(settings)
    for line in listing(found, as_json=JSON in words):
        tell(line)
    return [error for _snapshot, error in found.catalogue.unreadable]


def _status(settings: BackupSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.archive import STATE, progress_lines
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.offsite import OFFSITE
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.offsite import state as offsite_state
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.report import state
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import known
    from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drills import DRILL
    from ansible_collections.stronghold.mongodb.plugins.module_utils._restore.drills import state as drill_state

    lines, reasons = state(known(settings))
    if STATE.exists():
        archived, hindrances = progress_lines()
        lines, reasons = lines + archived, reasons + hindrances
    for home, state_of in ((DRILL, drill_state), (OFFSITE, offsite_state)):
        if home.is_dir():
            more, hindrances = state_of(home)
            lines, reasons = lines + more, reasons + hindrances
    remedy = "see 'journalctl -u stronghold-backup', and run 'stronghold backup run'"
    return told((lines, reasons), tell, "find all backups well", remedy)


def _verify(settings: BackupSettings, tell: Tell, words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import vault

    with vault(settings, "verify a backup") as place:
        place.prove(place.seen(), next(iter(words), None), tell)
    return []


COMMAND = Command(
    "backup",
    run,
    accept,
    connects=True,
    libraries=("PyMongo",),
    leaves=metrics_of,
    state=("stronghold/backup",),
    json=("list",),
    verbs={"list": _list, "run": _run, "status": _status, "verify": _verify},
)
