# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an intake remembers between its runs.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import memory, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

_NAME = "memory.json"


@dataclass
class Remembered:
    """Of one inbox: names of its ``keys``, ids of snapshots in it that were ``taken`` in, and why others were ``refused``.

    What was taken in stays known while it is there, or what the vault has dropped since would come back.
    """

    keys: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass
class Memory:
    """Times are ISO 8601, empty where there was none yet: ``ran`` is the last run, ``tended`` the last that looked at the vault.

    ``failure`` is what failed in the last run. ``inboxes`` are by name.
    """

    ran: str = ""
    tended: str = ""
    failure: str = ""
    inboxes: dict[str, Remembered] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Path) -> Memory:
        """An empty one where there is none: then inboxes are made anew. Raises StrongholdError where it cannot be used."""
        path = home / _NAME
        try:
            found = json.loads(path.read_bytes())
            made = cls(**{**found, "inboxes": {name: Remembered(**one) for name, one in found["inboxes"].items()}})
            for time in filter(None, (made.ran, made.tended)):
                moments.parse(time)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            remedy = "remove it; then all inboxes are made anew"
            raise StrongholdError(platform.node(), f"read {path}", f"of '{error}'", remedy) from error
        return made

    def of(self, name: str) -> Remembered:
        return self.inboxes.setdefault(name, Remembered())

    def write(self, home: Path) -> None:
        """Raises StrongholdError."""
        memory.keep(home / _NAME, asdict(self), "make room there")
