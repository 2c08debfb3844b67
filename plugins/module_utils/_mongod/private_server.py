# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mongod for this process alone: on a data directory, behind a Unix socket, gone when this process is gone.

It has no TCP port and no access control. Its socket lies in a directory that only root and the service user can enter,
and these two own the data files anyway, so it opens nothing to anyone.

PRIVATE to the collection.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.patience import patience
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.log import complaint

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_SECONDS = 0.05


def is_empty(db_path: Path) -> bool:
    """Whether no mongod has ever kept data there; true also where there is no such directory."""
    return not any((db_path / name).exists() for name in ("WiredTiger", "WiredTiger.wt", "storage.bson"))


def data_in_use(db_path: Path) -> bool:
    """Whether a mongod that is not a private one holds the data directory's lock."""
    return _locked(db_path) and not _orphaned(db_path)


@dataclass(frozen=True)
class PrivateServer:
    """How to run mongod on ``db_path``.

    ``binary`` is the program's name or path, ``user`` the account to run it as, ``storage`` the section of that name of
    mongod.conf, so that the files are opened as the service opens them. ``timeout`` (s) bounds each of: waiting for
    another holder of the data, starting, stopping. ``home`` is a folder for its socket, its configuration and its log, which is
    made anew, and removed; else there is one below /run, or below that for temporary files.
    ``parameters`` are set besides its own.
    """

    binary: str
    db_path: Path
    storage: Mapping[str, Any]
    user: str
    timeout: int
    home: Path | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return platform.node()

    @contextlib.contextmanager
    def running(self, replica_set: str | None = None) -> Iterator[Path]:
        """Yield the socket of the running server; stop it cleanly afterwards. Raises StrongholdError.

        With ``replica_set`` it starts as a member of a set of that name.
        """
        program, account = self._requirements()
        with self._alone():
            home = self.home or _home(self.db_path)
            try:
                endpoint = _make_home(home, account)
                config = home / "mongod.conf"
                config.write_text(json.dumps(self._config(endpoint, replica_set)))
                config.chmod(0o644)
                output = home / "log"
                with output.open("wb") as log:
                    process = _spawn([program, "--config", str(config)], log, account)
                try:
                    self._await_listening(process, endpoint, output)
                    yield endpoint
                finally:
                    _stop(process, self.timeout)
            finally:
                shutil.rmtree(home, ignore_errors=True)

    def _requirements(self) -> tuple[str, pwd.struct_passwd]:
        attempt, remedy = "start a private mongod", "install mongod first"
        program = shutil.which(self.binary)
        if program is None:
            raise StrongholdError(self.host, attempt, f"there is no program {self.binary}", remedy)
        try:
            account = pwd.getpwnam(self.user)
        except KeyError:
            raise StrongholdError(self.host, attempt, f"there is no user {self.user}", remedy) from None
        if not self.db_path.is_dir():
            raise StrongholdError(self.host, attempt, f"{self.db_path} is not a directory", f"make it for the user {self.user}")
        return program, account

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other private servers away, and wait until no mongod has the data, nor one that starts and is about to end."""
        attempt = "start a private mongod"
        with locks.held(locks.private(_digest(self.db_path)), self.host, attempt, self.timeout):
            for turn in patience(self.timeout, POLL_SECONDS):
                if not _locked(self.db_path) and not _orphaned(self.db_path):
                    break
                if turn.spent:
                    reason, remedy = f"another process still uses {self.db_path}", "stop the mongod that has it, then run again"
                    raise StrongholdError(self.host, attempt, reason, remedy)
            yield

    def _config(self, endpoint: Path, replica_set: str | None) -> dict[str, Any]:
        config: dict[str, Any] = {
            "net": {"bindIp": str(endpoint), "unixDomainSocket": {"enabled": False}},
            "storage": {**self.storage, "dbPath": str(self.db_path)},
            "setParameter": {"diagnosticDataCollectionEnabled": False, "ttlMonitorEnabled": False, **self.parameters},
        }
        if replica_set is not None:
            config["replication"] = {"replSetName": replica_set}
        return config

    def _await_listening(self, process: subprocess.Popen[bytes], endpoint: Path, output: Path) -> None:
        attempt = f"start a private mongod on {self.db_path}"
        for turn in patience(self.timeout, POLL_SECONDS):
            if process.poll() is not None:
                said = complaint(output.read_text(errors="replace")) or "it said nothing"
                reason = f"it ended with {process.returncode} ({said})"
                raise StrongholdError(self.host, attempt, reason, "mend what it names, or correct the option storage")
            with socket.socket(socket.AF_UNIX) as probe:
                if not probe.connect_ex(str(endpoint)):
                    return
            if turn.spent:
                reason = f"it does not answer after {self.timeout} s"
                raise StrongholdError(self.host, attempt, reason, "raise timeout, or see whether the disk is overloaded")


def _locked(db_path: Path) -> bool:
    """Whether a living mongod has the data: it holds an flock on mongod.lock as long as it runs."""
    try:
        descriptor = os.open(db_path / "mongod.lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _orphaned(db_path: Path) -> bool:
    """Whether a private mongod is there, about to end because its parent has ended.

    The pid in mongod.lock would not tell: it is written after the lock is taken and removed before it is given back.
    """
    mark = str(_home(db_path) / "mongod.conf").encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                return True
    return False


def _home(db_path: Path) -> Path:
    """One directory per data directory, so that what a killed process left is found; short, as a socket's path has to be."""
    base = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path(tempfile.gettempdir())
    return base / f"stronghold-{_digest(db_path)}"


def _digest(db_path: Path) -> str:
    return hashlib.sha256(str(db_path.resolve()).encode()).hexdigest()[:12]


def _make_home(home: Path, account: pwd.struct_passwd) -> Path:
    """Make it anew, for ``account`` only; the path of the socket to be."""
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(mode=0o700)
    if os.geteuid() == 0 and account.pw_uid != 0:
        os.chown(home, account.pw_uid, account.pw_gid)
    return home / "mongod.sock"


def _spawn(words: list[str], log: IO[bytes], account: pwd.struct_passwd) -> subprocess.Popen[bytes]:
    """Start a program that ends when this process ends: by SIGTERM from the kernel, so cleanly, however we end."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()
    identity: dict[str, Any] = {}
    if os.geteuid() == 0 and account.pw_uid != 0:
        groups = os.getgrouplist(account.pw_name, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}

    def bind_to_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    # The words are ours, the program is the service's own; run_command cannot leave one running.
    return subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function
        words,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        umask=0o077,
        preexec_fn=bind_to_parent,  # noqa: PLW1509 (two system calls, no lock taken)
        **identity,
    )


def _stop(process: subprocess.Popen[bytes], timeout: int) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
