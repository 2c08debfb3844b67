# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotation of the files that a mongod with ``logRotate: reopen`` appends to, by logrotate(8), so that no line is lost.

logrotate renames a file, and mongod goes on in it until SIGUSR1 makes it open the path again. Until then there is nothing at
the path and so nothing to rotate (``nocreate``), and what was renamed last is not compressed (``delaycompress``): each line is
in one file, whenever either is interrupted. Whether mongod has to be told is read from its open files, which a run that was
killed cannot lose. It is told once it blocks SIGUSR1 for the thread that waits for it: in the first moments after its start the
signal would end it. A second one within a second is ignored.

Sources: logrotate(8), logrotate.conf(5), proc(5); MongoDB manual, "Rotate Log Files"; src/mongo/util/signal_handlers.cpp.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import run
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.identity import Owner, acting_as
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience

ATTEMPT = "rotate the logs of mongod"
STATE = ".rotated"
_ROTATING = 1700  # seconds: a log that grew for years is compressed once
_REOPENING = 20.0  # seconds that mongod has to open its log again
_IGNORED = 2.5  # seconds after which it certainly heeds another signal
_SPECIAL = frozenset("\"'\\*?[]{}\n\r")


@dataclass(frozen=True)
class Log:
    """A file at an absolute ``path`` of about ``max_mb`` MiB, and at most ``keep`` former ones that are at most ``days`` old."""

    path: str
    max_mb: int
    keep: int
    days: int

    def problems(self) -> list[str]:
        """Clauses: what logrotate would take for something else."""
        wrong = (
            [] if self.path.startswith("/") and not set(self.path) & _SPECIAL else ["the path of a log is not absolute and plain"]
        )
        numbers = {"max_mb": self.max_mb, "keep": self.keep, "days": self.days}
        return wrong + [f"{name} of a log is not a number above 0" for name, value in numbers.items() if not _positive(value)]


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def configuration(logs: Sequence[Log]) -> str:
    """For logrotate; pure. A day is the longest that a file is appended to, so that its age tells that of its lines."""
    options = ("daily", "missingok", "notifempty", "nocreate", "nodateext", "compress", "delaycompress")
    return "".join(
        f'"{log.path}" {{\n'
        + "".join(f"    {line}\n" for line in (f"maxsize {log.max_mb}M", f"rotate {log.keep}", f"maxage {log.days}", *options))
        + "}\n"
        for log in logs
    )


def rotate(logs: Sequence[Log], owner: Owner) -> None:
    """Rename, compress and remove what is due, as ``owner``, whose the logs and their folders are. Raises StrongholdError."""
    with NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as scratch:
        scratch.write(configuration(logs))
        scratch.flush()
        os.fchmod(scratch.fileno(), 0o644)
        state = Path(logs[0].path).with_name(STATE)
        run.run(
            ["logrotate", "--state", str(state), scratch.name],
            host=platform.node(),
            attempt=ATTEMPT,
            timeout=_ROTATING,
            missing="apply stronghold.mongodb.mongodb_host, which installs it",
            identity=(owner.uid, owner.gid),
        )


def reopen(logs: Sequence[Log], pid: int, owner: Owner) -> bool:
    """Have the mongod ``pid`` of ``owner`` write to the paths of ``logs`` where it writes to a renamed file; whether it had to.

    Raises StrongholdError where it does not do so in time.
    """
    told = False
    next_time = 0.0
    with acting_as(owner):
        for turn in patience(_REOPENING, pause=0.02, backoff=1.5, longest=0.5):
            former = _former(logs, pid)
            if not former:
                return told
            if time.monotonic() >= next_time and _waits_for_signal(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGUSR1)
                told, next_time = True, time.monotonic() + _IGNORED
            if turn.spent:
                break
    reason = f"it still writes to {former[0]} after {_REOPENING} s in which it was told to open its log again"
    raise StrongholdError(platform.node(), ATTEMPT, reason, "see whether it hangs; the next run tells it again")


def _waits_for_signal(pid: int) -> bool:
    """Whether its main thread leaves SIGUSR1 to another one."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    blocked = next((line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")), "0")
    return bool(int(blocked, 16) >> (signal.SIGUSR1 - 1) & 1)


def _former(logs: Sequence[Log], pid: int) -> list[str]:
    """Of the open files of a process those that were a log. It has none when it has ended."""
    return [path for path in _open_files(pid) for log in logs if path != log.path and path.startswith(log.path)]


def _open_files(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                yield str(descriptor.readlink())
