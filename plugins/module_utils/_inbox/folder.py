# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of one inbox: a repository into which a member writes, and that is made anew rather than mended.

Whatever is in it came from the member, which may write any file, and replace or remove none; the host reads it, and moves it.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import in_memory
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import CONFIG
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic

OLD = 1800.0
"""Seconds after which nobody is writing a file any more, and a lock is of a client that is gone (restic's manual, "unlock")."""
_KEYS, _LOCKS, _SNAPSHOTS = "keys", "locks", "snapshots"
_NAMED_BY_CONTENT = ("index", _SNAPSHOTS, _KEYS)  # all of restic's are; what has data is read by restic when it is copied
_OF_RESTIC = {CONFIG, "data", _LOCKS, *_NAMED_BY_CONTENT}
_HASH = re.compile(r"[0-9a-f]{64}")


class Folder:
    """The inbox ``name`` below ``home``; ``password`` is the host's own of what is in it."""

    def __init__(self, home: Path, name: str, password: str) -> None:
        self.name, self.path, self._password = name, home / name, password
        self._new, self.aside = home / f"{name}.new", home / f"{name}.aside"

    @property
    def is_there(self) -> bool:
        return (self.path / CONFIG).is_file()

    @property
    def snapshots(self) -> int:
        """How many files there are that may be one."""
        return len(_names(self.path / _SNAPSHOTS))

    @contextmanager
    def opened(self) -> Iterator[Restic]:
        """Its repository for a block."""
        with in_memory(self._password) as file:
            yield _restic(self.path, file)

    def make(self, vault: Restic, password: str) -> list[str]:
        """A new, empty one, which cuts data as ``vault`` does, and opens with ``password``, too; its keys.

        Raises StrongholdError, and OSError.
        """
        shutil.rmtree(self._new, ignore_errors=True)
        with in_memory(self._password) as own, in_memory(password) as other:
            restic = _restic(self._new, own)
            restic.make_like(vault)
            restic.add_key(other)
        keys = _names(self._new / _KEYS)
        self._new.rename(self.path)
        return keys

    def set_aside(self) -> None:
        """What is in it, in the place of what was set aside before. Raises OSError."""
        shutil.rmtree(self.aside, ignore_errors=True)
        self.path.rename(self.aside)

    def forget_aside(self) -> None:
        shutil.rmtree(self.aside, ignore_errors=True)

    def tidy(self, keys: Collection[str]) -> None:
        """Remove keys that are not ``keys``, of which restic tries twenty, and locks of clients that are gone."""
        for path in self._entries(_KEYS):
            if path.name not in keys:
                _remove(path)
        for path in self._entries(_LOCKS):
            if _age(path) >= OLD:
                _remove(path)

    def is_in_use(self) -> bool:
        """Whether a client has it locked."""
        return any(_age(path) < OLD for path in self._entries(_LOCKS))

    def is_being_written(self) -> bool:
        """Whether something came a short while ago, which may be there in part only."""
        return any(_age(path) < OLD for name in _NAMED_BY_CONTENT for path in self._entries(name))

    def junk(self) -> str | None:
        """What in it nobody writes who uses restic, as a clause; None where there is no such thing."""
        for path in self._all():
            if path.name not in _OF_RESTIC:
                return f"{path.name!r} is in it"
        for name in _NAMED_BY_CONTENT:
            for path in self._entries(name):
                if _age(path) >= OLD and not _is_named_by_content(path):
                    return f"{name}/{path.name!r} is not what its name says"
        return None

    def _all(self) -> list[Path]:
        return [self.path / name for name in _names(self.path)]

    def _entries(self, folder: str) -> list[Path]:
        return [self.path / folder / name for name in _names(self.path / folder)]


def _restic(path: Path, password_file: str) -> Restic:
    return Restic(platform.node(), Place(str(path), password_file))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _age(path: Path) -> float:
    """Seconds between now and the last change, by this host's clock, which gave its time; 0 of what is gone."""
    try:
        return abs(time.time() - path.lstat().st_mtime)  # of a clock that was ahead, or it would be new until then
    except FileNotFoundError:
        return 0.0


def _is_named_by_content(path: Path) -> bool:
    if not _HASH.fullmatch(path.name) or not stat.S_ISREG(path.lstat().st_mode):
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == path.name


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
