# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One at a time on a host: a lock per purpose, which the kernel takes from a process that ends (``flock``).

What a lock guards, and who takes it:

==================  =======================================================================================================
``firewall``        The packet filter and its records: ``mongodb_allowlist``, ``stronghold allowlist``, the end of a trial.
``certificates``    Certificates, trusted authorities, revocation lists: ``mongodb_tls``, ``stronghold certificates``.
``backup``          A base backup of this host's server.
``physical``        A backup of the files of this host's server: ``stronghold physical``, which takes ``restart-UNIT``, too.
``oplog``           The archive of the oplog; the archiver holds it as long as it runs.
``offsite``         Copies of backups elsewhere: ``stronghold offsite``.
``intake``          What members sent, taken into the vault: ``stronghold intake``.
``restore``         Data that are put back.
``restart-UNIT``    A restart of the server that is the unit UNIT: ``mongodb_restart``.
``drill``    A restore drill: ``stronghold drill``.
``private-DIGEST``  A mongod for one run alone, on one folder of data: ``mongodb_bootstrap``, ``stronghold drill``.
``files``           One write of one file: configuration, program, units, metrics, the record of the server's start.
==================  =======================================================================================================

Two runs with the same name exclude each other, those with different names do not. What must not happen beside something else
takes both locks: a restore takes ``backup``, ``oplog``, ``restore`` and ``restart-UNIT``; a base backup takes ``backup`` and,
where it needs the server to stay up, ``restart-UNIT``. Whoever takes several takes them in the order of the table, so that no two
wait for each other; ``files`` comes last and is given back at once.

The folder is for root alone: on a file that others can open they could hold the lock.

PRIVATE to the collection.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience

FIREWALL = "firewall"
CERTIFICATES = "certificates"
BACKUP = "backup"
PHYSICAL = "physical"
OPLOG = "oplog"
OFFSITE = "offsite"
INTAKE = "intake"
RESTORE = "restore"
DRILL = "drill"
FILES = "files"
TIMEOUT = 15.0  # seconds; less than systemd gives a run of a timer
MODULE_TIMEOUT = 120.0  # of a run that a person waits for
_ROOTS = Path("/run/stronghold/locks")
_HOLDER = re.compile(r"(\d+) (\d+) (.+)\n?")
_WORD = re.compile(r"[a-z][a-z_-]*")


def folder() -> Path:
    """Where the locks are: under /run for root, else in a folder of the account's own, for what needs no root."""
    if os.geteuid() == 0:
        return _ROOTS
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir(), f"stronghold-{os.geteuid()}", "locks")


def restart(unit: str) -> str:
    """The name of the lock for restarts of a server, of which a host may have several."""
    return f"restart-{unit.replace('/', '-')}"


def private(digest: str) -> str:
    """The name of the lock for a mongod of one run, by a digest of the path of its data."""
    return f"private-{digest}"


def path(name: str) -> Path:
    """The file of a lock, for flock(1)."""
    return folder() / name


@contextmanager
def held(name: str, host: str, attempt: str, timeout: float = TIMEOUT) -> Iterator[None]:
    """Hold the lock ``name``, for which another run is waited for up to ``timeout`` seconds.

    Raises StrongholdError, with ``host`` and ``attempt``, where that run still has it then, which is named, and where the
    locks' folder cannot be had or belongs to somebody else. A process that holds a lock must not ask for the same one.
    """
    descriptor = _opened(name, host, attempt)
    try:
        _wait(descriptor, name, host, attempt, timeout)
        _write(descriptor, f"{os.getpid()} {int(time.time())} {_command()}\n")
        try:
            yield
        finally:
            _write(descriptor, "")
    finally:
        os.close(descriptor)


def _wait(descriptor: int, name: str, host: str, attempt: str, timeout: float) -> None:
    for turn in patience(timeout, pause=0.01, backoff=1.5, longest=0.2):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if turn.spent:
                reason = f"{_holder(descriptor)} and did not end within {timeout:g} s"
                raise StrongholdError(
                    host, attempt, reason, f"wait for its end, or end it, and run again ({path(name)})"
                ) from None
        else:
            return


def _holder(descriptor: int) -> str:
    found = _HOLDER.fullmatch(os.pread(descriptor, 4096, 0).decode(errors="replace"))
    if not found:
        return "another run is at it"
    since = datetime.fromtimestamp(int(found[2]), timezone.utc)
    return f"the run {found[1]} ({found[3]}) is at it since {since:%Y-%m-%d %H:%M:%S} UTC"


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _command() -> str:
    """What runs, without what might be secret: the program's name, and its first argument where it is a plain word."""
    program, *arguments = (Path(sys.argv[0]).stem or "python", *sys.argv[1:2])
    return " ".join([program, *(word for word in arguments if _WORD.fullmatch(word))])


def _opened(name: str, host: str, attempt: str) -> int:
    place = folder()
    try:
        _have(place.parent, 0o755)
        _have(place, 0o700)
        # A name that is a link, or a file that others made, cannot be there: the folder is for its owner alone.
        return os.open(place / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except PermissionError:
        reason, remedy = f"the locks in {place} are not to be had", "run the task with become: true"
        raise StrongholdError(host, attempt, reason, remedy) from None
    except _ForeignError as error:
        raise StrongholdError(host, attempt, str(error), "remove it, and find out who made it") from None
    except OSError as error:
        reason = f"the lock {place / name} cannot be opened ({error.strerror})"
        raise StrongholdError(host, attempt, reason, f"see the free space and the kind of {place}") from error


class _ForeignError(Exception):
    """Somebody else could hold, or replace, what is below."""


def _have(place: Path, mode: int) -> None:
    """Have a folder of this account's own into which nobody else can write. Raises OSError and _ForeignError."""
    try:
        place.mkdir(mode=mode)
        place.chmod(mode)  # whatever the umask
    except FileExistsError:
        pass
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        return _have(place, mode)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise _ForeignError(f"{place} is {'a link' if stat.S_ISLNK(found.st_mode) else 'no folder'}")
    if found.st_uid != os.geteuid():
        raise _ForeignError(f"{place} belongs to the user {found.st_uid}")
    if found.st_mode & 0o777 & ~mode:
        place.chmod(found.st_mode & mode)
    return None
