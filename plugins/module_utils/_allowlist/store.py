# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file from which the rules are loaded at boot.

PRIVATE to the collection.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

RULES = Path("/etc/stronghold/firewall.nft")
_MODE = 0o600


class Store:
    """``path`` with ``mode``, owned by root; ``host`` names the machine in errors."""

    def __init__(self, host: str, path: Path = RULES, mode: int = _MODE) -> None:
        self.host, self.path, self._mode = host, path, mode

    def content(self) -> str | None:
        """The file's text; None when there is none. Bytes that are not UTF-8 are replaced. Raises StrongholdError."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from error

    def exposed(self) -> bool:
        """Whether the file is there with another owner or mode than it should have."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return status.st_uid != 0 or status.st_mode & 0o7777 != self._mode

    def write(self, content: str) -> None:
        """Replace the file; callers hold ``alone``; a reader sees the old text or the new one. Raises StrongholdError."""
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.write(self.path, content.encode(), self._mode)
        except OSError as error:
            raise self._failed("write", error) from error

    def _failed(self, verb: str, error: OSError) -> StrongholdError:
        return StrongholdError(
            self.host,
            f"{verb} {self.path}",
            f"of the error '{error.strerror or error}'",
            "check the free space and the permissions there, and run the task with become: true",
        )


def alone(host: str, timeout: float = locks.TIMEOUT) -> AbstractContextManager[None]:
    """Wait until no other run changes the allowlist, and keep it so. Raises StrongholdError."""
    return locks.held(locks.FIREWALL, host, "change who reaches MongoDB", timeout)
