# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running programs, and where the lab keeps things."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("STRONGHOLD_CACHE") or Path.home() / ".cache" / "stronghold-mongodb")


class LabError(Exception):
    """A failure of the lab itself, told in one sentence."""


def progress(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Make ``folder`` and wait until no other process of the lab builds in it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def as_root(*command: str) -> list[str]:
    """The command line with sudo in front where the caller is not root."""
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


def run(*command: str | Path, env: dict[str, str] | None = None, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Run a command to its end and return what it printed; raises LabError with the end of its output."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, env={**os.environ, **(env or {})}, input=stdin, cwd=cwd, text=True, capture_output=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise LabError(f"'{' '.join(words)}' ended with {done.returncode}:\n{tail}")
    return done.stdout
