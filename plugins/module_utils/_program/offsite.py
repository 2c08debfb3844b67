# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold offsite``: copies backups and the archived oplog elsewhere. Run once an hour, on the backup host.

``stronghold offsite status`` tells when that went well.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, metrics_of, told

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import OffsiteSettings


def accept(found: Mapping[str, Any]) -> OffsiteSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import accepted_offsite

    return accepted_offsite(found)


def run(settings: OffsiteSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.offsite import offsite

    return offsite(settings, tell)


def _run(settings: OffsiteSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    return run(settings, tell)


def _status(settings: OffsiteSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.offsite import state

    remedy = "see 'journalctl -u stronghold-offsite', and run 'stronghold offsite run'"
    return told(state(settings.home), tell, "find the copies elsewhere well", remedy)


COMMAND = Command(
    "offsite",
    run,
    accept,
    libraries=("PyMongo",),
    leaves=metrics_of,
    state=("stronghold/offsite",),
    verbs={"run": _run, "status": _status},
)
