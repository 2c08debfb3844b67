# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold notices``: has the packet filter looked at as soon as the kernel tells that somebody changed it. Never ends.

It looks at nothing itself: what is to be done there, and told of it, is that of ``stronghold allowlist``, with its own powers.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from contextlib import suppress

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import allowlist
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell, no_settings


def run(_settings: None, _tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.notices import Notices, follow
    from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import TABLE
    from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd

    watch = Systemd(f"{allowlist.COMMAND.unit}.service")

    def look() -> None:
        with suppress(StrongholdError):  # which the watch tells itself
            watch.run_anew()

    try:
        follow(Notices(TABLE), look)
    except OSError as error:
        reason = f"of the error '{error.strerror or error}'"
        raise StrongholdError(platform.node(), "listen to the kernel's packet filter", reason, "run it as root") from error


COMMAND = Command("notices", run, no_settings("notices"), endless=True)
