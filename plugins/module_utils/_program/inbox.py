# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold inbox``: lets members send copies of their files, each into an inbox of its own, without end, on the backup host.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import InboxSettings


def accept(found: Mapping[str, Any]) -> InboxSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import accepted_inbox

    return accepted_inbox(found)


def run(settings: InboxSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.serving import serve

    serve(settings, tell)


COMMAND = Command("inbox", run, accept, state=("stronghold/inbox",), endless=True)
