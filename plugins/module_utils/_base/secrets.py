# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one store for secrets on the controller: a file each, made once, in folders that no repository takes in.

A file is whole or not there, has mode 0600 and is no link; folders that are made have mode 0700. A folder for its owner alone,
made here or found, holds a ``.gitignore`` over all in it, except where it is a home or the top of a repository, or has one of its
own. What a run that was killed has begun the next one finishes.

A secret that is lost must not be replaced silently where something exists already that it protects. What that is, callers know:

* What a key encrypts (the authority's key, a backup, a disk) nobody can read with a fresh one. Where it exists, the caller calls
  ``read`` and refuses None, with "put it back from your backup"; it calls ``kept`` only for what it is about to make.
* A password that servers know (the administrator's): they refuse a fresh one at the login, before anything is changed, so the
  caller simply calls ``kept``.
* A password that an administrator gives an account in the same run (the timer's own): nothing is lost, the account gets the fresh
  one.
* What members share (the key file): a member that is restarted with a fresh one is not accepted by the others, so the rolling
  restart stops at the first; put it back from your backup.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROLLER = "the controller"
IGNORE_ALL = b"*\n"
_OTHERS = 0o077


def kept(path: Path, fresh: str, *, check: bool = False) -> str:
    """The secret in ``path``, which is ``fresh`` where nobody made the file before; in check mode that is not written.

    Any number of processes may ask at once and agree. Raises StrongholdError.
    """
    present = read(path)
    if check:
        return fresh if present is None else present
    with _explained(path):
        hold(path.parent)
        if present is not None:
            return present
        with files.locked(path.parent, CONTROLLER, f"keep {path}"):
            present = read(path)
            if present is None:
                files.write(path, f"{fresh}\n".encode(), 0o600)
    return fresh if present is None else present


def read(path: Path) -> str | None:
    """The secret in ``path`` without the end of its line, or None where there is no file.

    Raises StrongholdError for a link, a file that is empty or that others can read.
    """
    with _explained(path):
        data = files.read(path)
        open_to_others = data is not None and files.mode(path) & _OTHERS
    if data is None:
        return None
    if open_to_others:
        raise _failure(path, "others can read it", "set its mode to 0600, and change it where somebody may have read it")
    secret = data.decode(errors="replace").rstrip("\r\n")
    if not secret:
        raise _failure(path, "it is empty", "put it back from your backup")
    return secret


def hold(folder: Path) -> None:
    """Make ``folder`` and those above it that are missing, for their owner alone, and ``guard`` them. Raises OSError."""
    for missing in [parent for parent in reversed([folder, *folder.parents]) if not parent.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)
        guard(missing)
    guard(folder)


def guard(folder: Path) -> None:
    """Have a ``.gitignore`` in a folder that holds secrets, if it is there. Raises OSError.

    One without content is what a run of an earlier version left that was killed.
    """
    if not folder.exists() or files.mode(folder) & _OTHERS or not os.access(folder, os.W_OK):
        return
    if (folder / ".git").exists() or folder == Path("~").expanduser():
        return
    ignore = folder / ".gitignore"
    if ignore.exists() and ignore.stat().st_size:
        return
    with files.locked(folder, CONTROLLER, f"guard {folder}"):
        files.write(ignore, IGNORE_ALL, 0o600)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise _failure(path, f"of the error '{error}'", "correct the file, its folder or their owner") from error


def _failure(path: Path, reason: str, remedy: str) -> StrongholdError:
    return StrongholdError(CONTROLLER, f"keep the secret {path}", reason, remedy)
