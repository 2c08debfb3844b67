# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server's data directory is made of: whether one look at it has all, how much that is, and how it is to be opened.

PRIVATE to the collection.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

ATTEMPT = "save the files of the server"
LEFT_OUT = ("mongod.lock", "diagnostic.data", "_tmp", "*.pid", "*.sock")
"""Names at the top of the data directory that a restored one does without."""
RATE = 60e6
"""Bytes in a second of a copy of which nothing is known yet."""
_SHARE = 0.5  # of the oplog window, in which a member that was locked still catches up
_ENGINE = "wiredTiger"
_KEPT: tuple[tuple[str, ...], ...] = (
    ("directoryPerDB",),
    ("wiredTiger", "engineConfig", "directoryForIndexes"),
    ("wiredTiger", "engineConfig", "journalCompressor"),
)


@dataclass(frozen=True)
class Layout:
    """``folder`` has all of ``size`` bytes; ``storage`` is a section of mongod.conf with what its files depend on."""

    folder: Path
    size: int
    storage: Mapping[str, Any]


def lay(host: str, folder: str, parsed: Mapping[str, Any], engine: str) -> Layout:
    """Of the declared data directory, what getCmdLineOpts calls ``parsed``, and the name of the running storage engine.

    Raises StrongholdError where the files are of a kind, or lie in a way, that a copy of the directory would not do.
    """
    found = Path(folder).resolve()
    reasons = [*_kinds(parsed, engine), *_place(found, parsed)]
    size = 0
    try:
        for path, state in [] if reasons else _walk(found):
            if stat.S_ISLNK(state.st_mode):
                reasons.append(f"{path} is a link, and what it leads to would be missing")
            elif state.st_dev != found.stat().st_dev:
                reasons.append(f"{path} is on another file system")
            elif stat.S_ISREG(state.st_mode):
                size += state.st_size
    except OSError as error:
        reasons.append(f"{error.filename} cannot be read ({error.strerror})")
    if reasons:
        remedy = "take logical backups of this server, or lay it out anew"
        raise StrongholdError(host, ATTEMPT, "; ".join(reasons[:5]), remedy)
    return Layout(found, size, storage_of(parsed))


def storage_of(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``parsed`` a server needs that is to open these files; it has no secrets."""
    kept: dict[str, Any] = {}
    for names in _KEPT:
        value: Any = parsed.get("storage", {})
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            at = kept
            for name in names[:-1]:
                at = at.setdefault(name, {})
            at[names[-1]] = value
    return kept


def require_time(host: str, layout: Layout, rate: float, window: float) -> None:
    """``rate`` is in bytes per second, ``window``, that of the member's oplog, in seconds. Raises StrongholdError."""
    expected = layout.size / rate
    if expected > window * _SHARE:
        reason = (
            f"that would take about {expected:.0f} s, and half of the {window:.0f} s of its oplog are {window * _SHARE:.0f} s"
        )
        raise StrongholdError(host, ATTEMPT, reason, "make the oplog larger, or take logical backups")


def _kinds(parsed: Mapping[str, Any], engine: str) -> Iterator[str]:
    if engine != _ENGINE:
        yield f"its storage engine is {engine}, not {_ENGINE}"
    if (parsed.get("security") or {}).get("enableEncryption"):
        yield "the server encrypts its files, with a key that a restored one would lack"


def _place(folder: Path, parsed: Mapping[str, Any]) -> Iterator[str]:
    used = (parsed.get("storage") or {}).get("dbPath")
    if not folder.is_dir():
        yield f"{folder} is no directory"
    elif used is not None and Path(used).resolve() != folder:
        yield f"the server has its data in {used}, not in {folder}"


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All below it that is saved; what goes meanwhile, as temporary files do, is passed over."""
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        with os.scandir(at) as entries:
            for entry in entries:
                if at == folder and any(fnmatch.fnmatch(entry.name, pattern) for pattern in LEFT_OUT):
                    continue
                try:
                    state = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Path(entry.path), state
                if stat.S_ISDIR(state.st_mode):
                    waiting.append(Path(entry.path))
