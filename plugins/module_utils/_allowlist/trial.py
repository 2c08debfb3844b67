# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change on trial: taken back by systemd after a time, whatever became of the run that made it.

PRIVATE to the collection.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import running
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store
from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd

FORMER = running.FOLDER / "firewall-former.nft"
ROLLBACK = running.FOLDER / "firewall-rollback"
_UNIT = "stronghold-firewall-rollback"
_WAIT = 60  # seconds for a run that changes the allowlist meanwhile; a host that is locked out comes first then


def rollback(undo: str) -> str:
    """The script that takes a trial back, in its turn with all others that change the allowlist; none where it was confirmed."""
    lock = locks.path(locks.FIREWALL)
    return f"""# Takes back a change on trial. Written by stronghold.mongodb.mongodb_allowlist.
command exec 9>>{lock} && flock -w {_WAIT} 9 && echo "$$ $(date +%s) {_UNIT}" >{lock}
test -e {FORMER} || exit 0
{undo} && mv -f {FORMER} {running.RECORD} && rm -f {running.STAMP}
"""


class Trial:
    """``host`` names the machine in errors; ``undo`` is the command that puts back what was in force."""

    def __init__(self, host: str, undo: str) -> None:
        self._host, self._undo = host, undo
        self._former = Store(host, FORMER)
        self._script = Store(host, ROLLBACK)
        self._timer, self._service = Systemd(f"{_UNIT}.timer"), Systemd(f"{_UNIT}.service")

    def former(self) -> str | None:
        """The record of what comes back, while a trial is under way."""
        content = self._former.content()
        return content if content is not None and (self._timer.is_active() or self._service.is_active()) else None

    def begin(self, seconds: int, former: str) -> None:
        """Have ``former``, a record, put back in ``seconds``. It replaces the running record, too. Raises StrongholdError."""
        if shutil.which("systemd-run") is None or not Path("/run/systemd/system").is_dir():
            raise StrongholdError(
                self._host, "try the change", "systemd does not run here, which would take it back", "leave confirm_timeout out"
            )
        self._former.write(former)
        self._script.write(rollback(self._undo))
        self._timer.run_later(_UNIT, seconds, ["/bin/sh", str(ROLLBACK)])

    def end(self) -> None:
        """What is in force stays. Raises StrongholdError."""
        if self._timer.is_active():
            self._timer.stop()
        FORMER.unlink(missing_ok=True)
