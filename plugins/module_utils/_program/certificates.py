# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold certificates``: says in time what of the certificates needs somebody, and renews what it may. Run once a day.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, metrics_of

if TYPE_CHECKING:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import CertificateSettings


def accept(found: Mapping[str, Any]) -> CertificateSettings:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import accepted

    return accepted(found)


def run(settings: CertificateSettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.certificates import watch

    return watch(settings, tell)


COMMAND = Command("certificates", run, accept, leaves=metrics_of)
