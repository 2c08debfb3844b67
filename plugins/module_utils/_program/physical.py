# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold physical``: saves the files of this member's server, where it is the one. Run once a day, on every member.

``stronghold physical run`` has its service do so at once, ``status`` tells of the last one. ``release`` gives back a lock and
removes a snapshot that a run was killed with: its service does so whenever it ends.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, metrics_of, told

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.settings import PhysicalSettings


def accept(found: Mapping[str, Any]) -> PhysicalSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.settings import accepted_physical

    return accepted_physical(found)


def run(settings: PhysicalSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.physical import physical

    return physical(settings, tell)


def _run(settings: PhysicalSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.physical import ask

    return ask(settings, tell)


def _status(settings: PhysicalSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.physical import state

    remedy = "see 'journalctl -u stronghold-physical', and run 'stronghold physical run'"
    return told(state(settings.home), tell, "find physical backups well", remedy)


def _release(settings: PhysicalSettings, tell: Tell, _words: Sequence[str]) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.physical import give_back

    for line in give_back(settings):
        tell(line)
    return []


COMMAND = Command(
    "physical",
    run,
    accept,
    connects=True,
    libraries=("PyMongo",),
    leaves=metrics_of,
    state=("stronghold/physical",),
    verbs={"release": _release, "run": _run, "status": _status},
    afterwards="release",
)
