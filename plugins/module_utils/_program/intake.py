# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold intake``: takes what members sent into a vault that none of them reaches. Run once an hour, on the backup host.

``stronghold intake run`` does so now, ``list`` shows the copies, ``status`` tells whether all is well.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import JSON, Command, Tell, metrics_of, told

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import IntakeSettings


def accept(found: Mapping[str, Any]) -> IntakeSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import accepted_intake

    return accepted_intake(found)


def run(settings: IntakeSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.intake import intake

    return intake(settings, tell)


def _run(settings: IntakeSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    return run(settings, tell)


def _list(settings: IntakeSettings, tell: Tell, words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.overview import listing
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.intake import known

    found = known(settings)
    for line in listing(found, as_json=JSON in words):
        tell(line)
    return [error for _snapshot, error in found.catalogue.unreadable]


def _status(settings: IntakeSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.report import state

    remedy = "see 'journalctl -u stronghold-intake -u stronghold-inbox', and run 'stronghold intake run'"
    return told(state(settings), tell, "find all copies of members' files well", remedy)


COMMAND = Command(
    "intake",
    run,
    accept,
    libraries=("PyMongo",),
    leaves=metrics_of,
    state=("stronghold/intake", "stronghold/inbox"),
    json=("list",),
    verbs={"list": _list, "run": _run, "status": _status},
)
