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
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.feed import Feed, feed
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import EXITS, Output, Program, Watch, run, stream
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.trouble import Kind, RepositoryError, away, kind_of

QUICK = 120  # seconds for what reads no data, also of a large repository
LONG = 24 * 3600
REACH = 10  # seconds in which a server answers a connection
_BY_SERVER = "rest:"


@dataclass(frozen=True)
class Place:
    """Where a repository is: ``url`` as restic's ``RESTIC_REPOSITORY``, with the file of its password, for root alone.

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
        return ["--password-file", self.password_file, *files, *([] if self.cache else ["--no-cache"])]

    def variables(self, source: Place | None = None) -> dict[str, str]:
        """The environment, with the URL, which may hold a password, and with that of ``source``, of which is copied."""
        copied = {"RESTIC_FROM_REPOSITORY": source.url} if source else {}
        return {**self.environment, "RESTIC_REPOSITORY": self.url, **copied}

    def as_source(self) -> list[str]:
        """Words for a copy from here to another repository, which has the same environment and certificates."""
        return ["--from-password-file", self.password_file]


@dataclass(frozen=True)
class Snapshot:
    """``id`` is that of restic. All else is what its writer says of it, ``time`` in ISO 8601.

    ``original`` is the id of which it is a copy from another repository, empty for none. ``tree`` is restic's hash of all that it
    has, the same for a copy.
    """

    id: str
    time: str
    host: str
    tags: tuple[str, ...]
    paths: tuple[str, ...]
    original: str = ""
    tree: str = ""


class Saving:
    """``write`` gives bytes; ``snapshot`` is the id, and ``added`` the bytes stored, once the block has ended well."""

    snapshot: str
    added: int

    def __init__(self, fed: Feed) -> None:
        self.write = fed.write


class Restic:
    """One repository; ``host`` is this one, in errors. Every method raises RepositoryError.

    A snapshot that was copied from another repository may be named by the id that it has there, once all were listed.
    """

    def __init__(self, host: str, place: Place) -> None:
        self.host, self.place = host, place
        self._listed: dict[str, Snapshot] = {}

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

    def make_like(self, source: Restic) -> None:
        """A new one that cuts data as ``source`` does, so that what is copied from there is stored once."""
        self._run("make the repository", "init", "--copy-chunker-params", *source.place.as_source(), source=source.place)

    def add_key(self, password_file: str) -> None:
        """Have the repository open with another password, too, that is in a file."""
        self._run("add a key", "key", "add", "--new-password-file", password_file)

    def copy(self, source: Restic, snapshots: Sequence[str]) -> None:
        """Have copies of ``snapshots`` of another repository, which is not locked; those that are here already are left out."""
        if snapshots:
            words = (*source.place.as_source(), *snapshots)
            self._run(f"copy {len(snapshots)} snapshots", "copy", "--no-lock", *words, timeout=LONG, source=source.place)

    def snapshots(self, *tags: str) -> list[Snapshot]:
        """Those that have all of ``tags``, oldest first."""
        words = ["--tag", ",".join(tags)] if tags else []
        listed = json.loads(self._run("list the repository", "snapshots", "--json", "--no-lock", *words).stdout) or []
        found = (
            Snapshot(
                one["id"],
                one["time"],
                one.get("hostname", ""),
                tuple(one.get("tags") or ()),
                tuple(one.get("paths") or ()),
                one.get("original") or "",
                one["tree"],
            )
            for one in listed
        )
        made = sorted(found, key=lambda one: (one.time, one.id))
        self._listed.update({one.id: one for one in made})
        return made

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
        return self._save_files(folder, str(folder), tags)

    def save_content(self, folder: Path, *tags: str, without: Sequence[str] = (), watch: Watch | None = None) -> Snapshot:
        """Save what is in ``folder``, so that this is the root of the snapshot; ``without`` are paths of it that are left out.

        In ``without`` a star stands for any part of a name. What ``watch`` raises ends it.
        """
        saved = self._save_files(folder, ".", tags, [f"{_literally(str(folder))}/{path}" for path in without], watch)
        return next(one for one in self.snapshots(*tags) if one.id.startswith(saved))

    def _save_files(
        self, folder: Path, path: str, tags: Sequence[str], without: Sequence[str] = (), watch: Watch | None = None
    ) -> str:
        excluded = (word for pattern in without for word in ("--exclude", pattern))
        words = ("backup", path, "--ignore-inode", "--ignore-ctime", *excluded, *self._about(tags))
        return _summary(self._run(f"save {folder}", *words, timeout=LONG, folder=folder, watch=watch))[0]

    def restore(self, snapshot: str, folder: Path) -> None:
        """Put all files of it into ``folder``, with the owners that they had where this process may give files away."""
        words = ("restore", self._here(snapshot), "--target", str(folder), "--no-lock")
        self._run(f"restore the snapshot {snapshot[:8]}", *words, timeout=LONG)

    @contextmanager
    def dump(self, snapshot: str, name: str) -> Iterator[Iterator[bytes]]:
        """The content of a file, in chunks, which end when restic found all of it whole; otherwise StrongholdError is raised."""
        attempt = f"read {name} of the snapshot {snapshot[:8]}"
        self._reach(attempt)
        program = self._program("dump", "--no-lock", self._here(snapshot), f"/{name}")
        with stream(program, host=self.host, attempt=attempt, timeout=LONG) as chunks:
            yield chunks

    def read(self, snapshot: str, name: str) -> bytes:
        """The content of a small file. Unlike with ``dump``, what is the matter can be told apart by its kind."""
        return self._run(
            f"read {name} of the snapshot {snapshot[:8]}", "dump", "--no-lock", self._here(snapshot), f"/{name}"
        ).stdout

    def files(self, snapshot: str) -> dict[str, int]:
        """The paths of all files in it, with their bytes."""
        listed = self._run(
            f"list the snapshot {snapshot[:8]}", "ls", "--json", "--no-lock", self._here(snapshot)
        ).text.splitlines()
        nodes: list[dict[str, Any]] = [json.loads(line) for line in listed]
        return {node["path"]: node.get("size", 0) for node in nodes if node.get("type") == "file"}

    def forget(self, snapshots: Sequence[str]) -> None:
        """Drop them; their data stays until ``prune``."""
        if snapshots:
            self.unlock()
            self._run(f"drop {len(snapshots)} snapshots", "forget", *map(self._here, snapshots))

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

    def _here(self, snapshot: str) -> str:
        """Its id here; restic before 0.17 tells the first eight digits of one that it has saved."""
        if any(one.startswith(snapshot) for one in self._listed):
            return snapshot
        return next((one.id for one in self._listed.values() if one.original.startswith(snapshot)), snapshot)

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

    def _program(self, *words: str, source: Place | None = None) -> Program:
        return Program(
            [self.place.program, *self.place.words(), *words],
            self.place.variables(source),
            explain=lambda output: kind_of(output, self.place.url).refusal,
            missing="install the package restic",
            slow="see whether the repository can be reached, and the load of the host",
        )

    def _run(
        self,
        attempt: str,
        *words: str,
        timeout: float = QUICK,
        source: Place | None = None,
        folder: Path | None = None,
        watch: Watch | None = None,
    ) -> Output:
        self._reach(attempt)
        program = self._program(*words, source=source)
        output = run(
            program.words,
            host=self.host,
            attempt=attempt,
            timeout=timeout,
            environment=program.environment,
            folder=folder,
            watch=watch,
            accept=EXITS,
            missing=program.missing,
            slow=program.slow,
        )
        if output.code:
            trouble = kind_of(output, self.place.url)
            raise RepositoryError(trouble.kind, self.host, attempt, *trouble.refusal)
        return output


def _literally(path: str) -> str:
    """As a pattern that fits nothing else (Go's filepath.Match)."""
    return re.sub(r"([\\*?\[])", r"\\\1", path)


def _summary(output: Output) -> tuple[str, int]:
    """The snapshot that was saved, and the bytes that it added."""
    for line in reversed(output.text.splitlines()):
        told: dict[str, Any] = json.loads(line)
        if told.get("message_type") == "summary":
            return told["snapshot_id"], int(told["data_added"])
    raise ValueError("restic told no summary")
