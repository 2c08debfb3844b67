# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service of this host remembers, as a JSON file for root alone.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Replace the file as a whole, in a folder that is made. Raises OSError, and StrongholdError where another write hangs."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.held(locks.FILES, platform.node(), f"write {path}"):
        files.write(path, json.dumps(found, indent=1).encode(), 0o600)


def keep(path: Path, found: Mapping[str, Any], remedy: str) -> None:
    """``write``, with ``remedy`` where it fails. Raises StrongholdError."""
    try:
        write(path, found)
    except OSError as error:
        raise StrongholdError(platform.node(), f"write {path}", f"of '{error.strerror}'", remedy) from error


@contextmanager
def leaving(what: str, failures: list[StrongholdError]) -> Iterator[None]:
    """A block that leaves what came of ``what``; where it fails, that is one of ``failures``."""
    try:
        yield
    except (StrongholdError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.reason
        remedy = "make its directory, or room in it"
        failures.append(StrongholdError(platform.node(), f"leave what came of {what}", f"of '{reason}'", remedy))
