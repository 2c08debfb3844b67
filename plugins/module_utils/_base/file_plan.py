# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files and directories that a server needs, compared and put in place as one plan.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.identity import Owner
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import MASK, Plan

Check = Callable[[str], None]
Difference = Callable[[str, str], "tuple[str, str]"]


@dataclass(frozen=True)
class File:
    """A file to have. ``check`` may refuse new text by raising.

    ``secret`` keeps its content out of the diff; ``difference`` makes what the diff shows of the texts before and after.
    """

    path: Path
    content: str | bytes
    owner: Owner
    mode: int
    secret: bool = False
    check: Check | None = None
    difference: Difference | None = None

    @property
    def data(self) -> bytes:
        return self.content.encode() if isinstance(self.content, str) else self.content

    def shown(self, data: bytes) -> str:
        """``data``, which is in the file or goes there, for the diff."""
        return data.decode(errors="replace") if isinstance(self.content, str) else f"SHA-256 {hashlib.sha256(data).hexdigest()}"


def plan_directories(plan: Plan, paths: Iterable[Path], owner: Owner, mode: int) -> None:
    """Have directories, with missing parents as the system makes them."""
    for path in paths:
        actual = _status(path)
        if actual is None:
            plan.add(f"make {path}", str(path), None, _describe(owner, mode), _maker(path, owner, mode))
        elif actual != (owner, mode):
            summary = f"correct owner and mode of {path}"
            plan.add(summary, str(path), _describe(*actual), _describe(owner, mode), _corrector(path, owner, mode))


def plan_file(plan: Plan, wanted: File) -> None:
    """Have one file with this content, owner and mode. New content passes ``check`` here, before anything changes."""
    actual = _status(wanted.path)
    present = files.read(wanted.path) if actual else None
    if present != wanted.data:
        if wanted.check and isinstance(wanted.content, str):
            wanted.check(wanted.content)
        before, after = ("" if present is None else wanted.shown(present)), wanted.shown(wanted.data)
        if wanted.secret:
            before, after = MASK if before else "", f"{MASK} (new)"
        elif wanted.difference:
            before, after = wanted.difference(before, after)
        verb = "write" if present is None else "change"
        plan.add(f"{verb} {wanted.path}", str(wanted.path), before, after, _writer(wanted))
    elif actual and actual != (wanted.owner, wanted.mode):
        summary = f"correct owner and mode of {wanted.path}"
        correct = _corrector(wanted.path, wanted.owner, wanted.mode)
        plan.add(summary, str(wanted.path), _describe(*actual), _describe(wanted.owner, wanted.mode), correct)


def plan_absent(plan: Plan, path: Path, *, secret: bool = False) -> None:
    """Have no file there. Its content is in the diff, unless it is ``secret`` or no text."""
    present = files.read(path)
    if present is not None:
        before = MASK if secret else present.decode(errors="replace")
        plan.add(f"remove {path}", str(path), before, None, _remover(path))


def _status(path: Path) -> tuple[Owner, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return Owner(found.st_uid, found.st_gid), stat.S_IMODE(found.st_mode)


def _describe(owner: Owner, mode: int) -> dict[str, str]:
    return {"owner": f"{owner.uid}:{owner.gid}", "mode": f"{mode:04o}"}


def _maker(path: Path, owner: Owner, mode: int) -> Callable[[], None]:
    def make() -> None:
        path.mkdir(parents=True, exist_ok=True)
        _correct(path, owner, mode)

    return make


def _corrector(path: Path, owner: Owner, mode: int) -> Callable[[], None]:
    return lambda: _correct(path, owner, mode)


def _correct(path: Path, owner: Owner, mode: int) -> None:
    os.chown(path, owner.uid, owner.gid)
    path.chmod(mode)


def _remover(path: Path) -> Callable[[], None]:
    def remove() -> None:
        with locks.held(locks.FILES, platform.node(), f"remove {path}"):
            files.remove(path)

    return remove


def _writer(wanted: File) -> Callable[[], None]:
    def write() -> None:
        wanted.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locks.held(locks.FILES, platform.node(), f"write {wanted.path}"):
            files.write(wanted.path, wanted.data, wanted.mode, wanted.owner.uid, wanted.owner.gid)

    return write
