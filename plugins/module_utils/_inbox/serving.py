# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has a server for each inbox while it may be open: one that takes additions from one member, and nothing else.

The server is ``rclone serve restic --append-only`` (rclone's manual, "rclone serve restic"): it admits who has a certificate of
the authority in ``ca_file`` and the name and password of the inbox, so that no member reaches the inbox of another one.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import memory, moments
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.quota import Use, measured
from ansible_collections.stronghold.mongodb.plugins.module_utils._inbox.settings import CONFIG, Inbox, InboxSettings

STATE = ".state.json"
"""In the folder of the inboxes, where none of them can have that name."""
FRESH = 60.0  # seconds after which nobody tends the inboxes any more
_EACH = 1.0  # seconds between two looks at the free room
_MEASURED = 30.0  # seconds between two looks at all files
_RETRY = 5.0  # seconds
_ENDS = 10.0  # seconds
_NOT_MADE = "there is no repository in it yet"
Tell = Callable[[str], object]


class Door:
    """The server of one inbox."""

    def __init__(self, settings: InboxSettings, inbox: Inbox, program: str, tell: Tell) -> None:
        self._settings, self._inbox, self._program, self._tell = settings, inbox, program, tell
        self._folder = settings.home / inbox.name
        self._process: subprocess.Popen[bytes] | None = None
        self._served: tuple[tuple[int, int], ...] = ()
        self._again = self._measured = 0.0
        self._taken = 0
        self.hindrance = ""

    def look(self) -> None:
        """Open or close it, as may be now, and tell where that has changed."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._tell(f"the server of the inbox {self._inbox.name} ended (exit code {self._process.returncode})")
            self._process, self._again = None, now + _RETRY
        hindrance = self._found(now)
        if hindrance != self.hindrance:
            self._tell(f"the inbox {self._inbox.name} is {f'closed: {hindrance}' if hindrance else 'open'}")
            self.hindrance = hindrance
        if hindrance or (self._process is not None and self._served != self._serves()):
            self.close()
        if not hindrance and self._process is None and now >= self._again:
            self._open()

    def close(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_ENDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _found(self, now: float) -> str:
        """Why it may not be open, as a clause; empty where it may."""
        if not (self._folder / CONFIG).is_file():
            self._measured = 0.0
            return _NOT_MADE
        if not self._measured or now - self._measured >= _MEASURED:
            self._taken, self._measured = measured(self._folder), now
        use = Use(self._taken, shutil.disk_usage(self._folder).free)
        return use.refusal(self._inbox.quota, self._settings.reserve, closed=self._process is None and bool(self.hindrance)) or ""

    def _serves(self) -> tuple[tuple[int, int], ...]:
        """What it serves, and with which certificates: where that is another one, it is started anew."""
        files = (self._folder / CONFIG, Path(self._settings.certificate_file), Path(self._settings.ca_file))
        return tuple((one.st_ino, one.st_mtime_ns) for one in (path.stat() for path in files))

    def _open(self) -> None:
        settings, inbox = self._settings, self._inbox
        host = f"[{settings.address}]" if ":" in settings.address else settings.address
        words = [self._program, "serve", "restic", "--append-only", "--addr", f"{host}:{inbox.port}"]
        words += ["--cert", settings.certificate_file, "--key", settings.certificate_file, "--client-ca", settings.ca_file]
        words += ["--min-tls-version", "tls1.2", "--cache-objects=false", str(self._folder)]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "RCLONE_CONFIG": str(settings.home / ".none"),
            "RCLONE_USER": inbox.name,
            "RCLONE_PASS": inbox.password,
        }
        self._served = self._serves()
        self._process = subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function,consider-using-with  # fixed words
            words, env=environment, stdin=subprocess.DEVNULL, cwd="/"
        )


def serve(settings: InboxSettings, tell: Tell) -> NoReturn:
    """Without end. Raises StrongholdError where it cannot begin."""
    program = shutil.which("rclone")
    if program is None:
        raise StrongholdError(platform.node(), "open the inboxes", "there is no program rclone", "install the package rclone")
    doors = {inbox.name: Door(settings, inbox, program, tell) for inbox in settings.inboxes}
    told: Mapping[str, str] | None = None
    left = 0.0
    try:
        while True:
            for name, door in doors.items():
                try:
                    door.look()
                except OSError as error:  # a file that is being replaced
                    tell(f"the inbox {name}: {error}")
            now, found = time.monotonic(), {name: door.hindrance for name, door in doors.items()}
            if found != told or now - left >= FRESH / 4:
                told, left = found, now
                with suppress(OSError, StrongholdError):  # who reads it sees that it is old
                    memory.write(settings.home / STATE, {"told": moments.text(time.time()), "closed": found})
            time.sleep(_EACH)
    finally:
        for door in doors.values():
            door.close()


def closed(home: Path) -> Mapping[str, str] | None:
    """Why inboxes below ``home`` are closed, by name, empty for one that is open; None where nobody tends them now."""
    try:
        found = json.loads((home / STATE).read_bytes())
        age = time.time() - moments.parse(found["told"]).timestamp()
        return {str(name): str(reason) for name, reason in found["closed"].items()} if age < FRESH else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
