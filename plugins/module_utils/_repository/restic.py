# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic, which keeps what is backed up: encrypted, once, and whole. Made for 0.14 to 0.18.

A stream that is saved is no backup: restic takes the end of a stream for the end of the data, whatever became of its writer. A
backup is what a manifest names.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.feed import Feed, feed
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import EXITS, Output, Program, run, stream
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError, away, kind_of

QUICK = 120  # seconds for what reads no data, also of a large repository
LONG = 24 * 3600
REACH = 10  # seconds in which a server answers a connection
_BY_SERVER = "rest:"


@dataclass(frozen=True)
class Place:
    """Where a repository is: ``url`` as restic's ``--repo``, with the file of its password, for root alone.

    For a server that knows its clients by certificates, ``ca_file`` is whom it must be signed by, and ``certificate_file`` holds
    certificate and key of this host. ``environment`` is what other stores want, such as the keys of S3.
    """

    url: str
    password_file: str
    cache: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    program: str = "restic"

    def words(self) -> list[str]:
        given = {"--cacert": self.ca_file, "--tls-client-cert": self.certificate_file, "--cache-dir": self.cache}
        files = [word for name, value in given.items() if value is not None for word in (name, value)]
        return ["--repo", self.url, "--password-file", self.password_file, *files, *([] if self.cache else ["--no-cache"])]


@dataclass(frozen=True)
class Snapshot:
    """``id`` is that of restic. All else is what its writer says of it, ``time`` in ISO 8601."""

    id: str
    time: str
    host: str
    tags: tuple[str, ...]
    paths: tuple[str, ...]


class Saving:
    """``write`` gives bytes; ``snapshot`` is the id, and ``added`` the bytes stored, once the block has ended well."""

    snapshot: str
    added: int

    def __init__(self, fed: Feed) -> None:
        self.write = fed.write


class Restic:
    """One repository; ``host`` is this one, in errors. Every method raises RepositoryError."""

    def __init__(self, host: str, place: Place) -> None:
        self.host, self.place = host, place

    def exists(self) -> bool:
        """Whether there is a repository that opens."""
        try:
            self._run("open the repository", "cat", "config", "--no-lock")
        except RepositoryError as error:
            if error.kind is Kind.ABSENT:
                return False
            raise
        return True

    def make(self) -> None:
        """A new one. One that is there is refused by restic."""
        self._run("make the repository", "init")

    def snapshots(self, *tags: str) -> list[Snapshot]:
        """Those that have all of ``tags``, oldest first."""
        words = ["--tag", ",".join(tags)] if tags else []
        listed = json.loads(self._run("list the repository", "snapshots", "--json", "--no-lock", *words).stdout) or []
        found = (
            Snapshot(one["id"], one["time"], one.get("hostname", ""), tuple(one.get("tags") or ()), tuple(one.get("paths") or ()))
            for one in listed
        )
        return sorted(found, key=lambda one: (one.time, one.id))

    @contextmanager
    def save(self, name: str, *tags: str, idle: float = QUICK) -> Iterator[Saving]:
        """Save what the block writes as the file ``name``. Where the block raises, nothing is saved.

        ``idle`` is how long, in seconds, restic may take nothing, or need to end.
        """
        attempt = f"save {name}"
        self._reach(attempt)
        program = self._program("backup", "--stdin", "--stdin-filename", name, *self._about(tags))
        fed: Feed | None = None
        try:
            with feed(program, host=self.host, attempt=attempt, idle=idle) as fed:
                saving = Saving(fed)
                yield saving
            saving.snapshot, saving.added = _summary(fed.output)
        except StrongholdError as error:
            if fed is not None and fed.failed:
                raise RepositoryError.of(fed.output, error) from error
            raise

    def save_folder(self, folder: Path, *tags: str) -> str:
        """Save the files in ``folder``, and tell the snapshot."""
        words = ("backup", str(folder), "--ignore-inode", "--ignore-ctime", *self._about(tags))
        return _summary(self._run(f"save {folder}", *words, timeout=LONG))[0]

    @contextmanager
    def dump(self, snapshot: str, name: str) -> Iterator[Iterator[bytes]]:
        """The content of a file, in chunks, which end when restic found all of it whole; otherwise StrongholdError is raised."""
        attempt = f"read {name} of the snapshot {snapshot[:8]}"
        self._reach(attempt)
        program = self._program("dump", "--no-lock", snapshot, f"/{name}")
        with stream(program, host=self.host, attempt=attempt, timeout=LONG) as chunks:
            yield chunks

    def forget(self, snapshots: Sequence[str]) -> None:
        """Drop them; their data stays until ``prune``."""
        if snapshots:
            self.unlock()
            self._run(f"drop {len(snapshots)} snapshots", "forget", *snapshots)

    def prune(self) -> None:
        """Remove data that no snapshot has."""
        self.unlock()
        self._run("remove what no snapshot has", "prune", timeout=LONG)

    def check(self, part: int = 0, parts: int = 0) -> None:
        """Structure, and with ``parts`` also the data of the ``part``th of so many; both count from 1."""
        data = [f"--read-data-subset={part}/{parts}"] if parts else []
        self._run("check the repository", "check", "--no-lock", *data, timeout=LONG)

    def unlock(self) -> None:
        """Take away locks of processes of this host that are gone, and those older than half an hour."""
        self._run("take away locks that are left", "unlock")

    def _reach(self, attempt: str) -> None:
        """Fail at once where the server of the repository does not answer, which restic tries to for a quarter of an hour."""
        if not self.place.url.startswith(_BY_SERVER):
            return
        server = urlsplit(self.place.url[len(_BY_SERVER) :])
        try:
            socket.create_connection((server.hostname or "", server.port or 8000), REACH).close()
        except OSError as error:
            trouble = away(self.place.url, error.strerror or str(error))
            raise RepositoryError(trouble.kind, self.host, attempt, *trouble.refusal) from error

    def _about(self, tags: Sequence[str]) -> list[str]:
        return ["--json", "--quiet", "--host", self.host, *(word for tag in tags for word in ("--tag", tag))]

    def _program(self, *words: str) -> Program:
        return Program(
            [self.place.program, *self.place.words(), *words],
            self.place.environment,
            explain=lambda output: kind_of(output, self.place.url).refusal,
            missing="install the package restic",
            slow="see whether the repository can be reached, and the load of the host",
        )

    def _run(self, attempt: str, *words: str, timeout: float = QUICK) -> Output:
        self._reach(attempt)
        program = self._program(*words)
        output = run(
            program.words,
            host=self.host,
            attempt=attempt,
            timeout=timeout,
            environment=program.environment,
            accept=EXITS,
            missing=program.missing,
            slow=program.slow,
        )
        if output.code:
            trouble = kind_of(output, self.place.url)
            raise RepositoryError(trouble.kind, self.host, attempt, *trouble.refusal)
        return output


def _summary(output: Output) -> tuple[str, int]:
    """The snapshot that was saved, and the bytes that it added."""
    for line in reversed(output.text.splitlines()):
        told: dict[str, Any] = json.loads(line)
        if told.get("message_type") == "summary":
            return told["snapshot_id"], int(told["data_added"])
    raise ValueError("restic told no summary")
