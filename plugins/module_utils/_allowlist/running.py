# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel was given last: a record under /run, gone at boot, as the kernel's rules are.

With it goes a stamp: the generation of the rules right after they were loaded. While both are as they were, the kernel holds
what the record says, and need not be asked for it.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store

FOLDER = Path("/run/stronghold")
RECORD = FOLDER / "firewall.nft"
STAMP = FOLDER / "firewall.generation"


class Running(Store):
    """The record, a script as the file for the boot is one, and its stamp. Callers hold ``store.alone``."""

    def __init__(self, host: str) -> None:
        super().__init__(host, RECORD)
        self.stamp = Store(host, STAMP)

    def holds(self, content: str | None, generation: int | None) -> bool:
        """Whether the kernel certainly has what ``content``, the record, says."""
        return content is not None and generation is not None and self.stamp.content() == _stamp(content, generation)

    def remember(self, content: str, generation: int | None) -> None:
        """Keep ``content``; ``generation`` is that of the rules right after, None where somebody may have come between."""
        if self.content() != content:
            self.write(content)
        stamp = None if generation is None else _stamp(content, generation)
        if stamp is None:
            with suppress(FileNotFoundError):
                self.stamp.path.unlink()
        elif self.stamp.content() != stamp:
            self.stamp.write(stamp)


def _stamp(content: str, generation: int) -> str:
    return f"{generation} {hashlib.sha256(content.encode()).hexdigest()}\n"
