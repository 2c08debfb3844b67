# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running server was started with, by the digests that its unit wrote then, and what changed since.

PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError

# One line of sha256sum: digest, a blank, a blank or a star, the path.
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_CHUNK = 1 << 20


def parse_record(text: str) -> dict[str, str]:
    """Digest by path from the output of sha256sum; other lines are skipped."""
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}


def drift(recorded: Mapping[str, str], present: Mapping[str, str | None]) -> dict[str, str]:
    """Path -> what happened to it since the server started; ``present`` holds None for a file that is gone."""
    return {
        path: "is gone" if present.get(path) is None else "changed"
        for path, digest in recorded.items()
        if present.get(path) != digest
    }


def reasons(record: Path | None) -> list[str]:
    """Why a running server is not what the files on this host ask for: sentences without final stop."""
    if record is None:
        return []
    happened = since_start(record)
    if happened is None:
        return [f"{record} does not tell what the server was started with"]
    return [f"{path} {what} since the server started" for path, what in happened.items()]


def since_start(record: Path) -> dict[str, str] | None:
    """Path -> what happened to it since the server started; None where the record does not tell what it was started with."""
    try:
        recorded = parse_record(record.read_text(encoding="utf-8", errors="surrogateescape")) if record.exists() else {}
        return drift(recorded, digests(recorded)) if recorded else None
    except OSError as error:
        reason = f"{error.filename} cannot be read ({error.strerror})"
        raise StrongholdError(platform.node(), "compare files with those of the server's start", reason, "run as root") from error


def renewed(text: str, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> str:
    """The record ``text`` with the digests of files that a server took up between ``before`` and ``after``.

    A file that changed meanwhile keeps its old digest, so that the next run sees to it; so does what is not recorded.
    """
    kept = {path: digest for path, digest in after.items() if path in before and before[path] == digest}
    return "".join(_renewed(line, kept) for line in text.splitlines(keepends=True))


def _renewed(line: str, digests: Mapping[str, str | None]) -> str:
    match = _LINE.fullmatch(line.splitlines()[0])
    return line if match is None or match[2] not in digests else f"{digests[match[2]]}{line[match.end(1) :]}"


def renew(record: Path, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
    """Have the file tell that the server runs with what was the same in ``before`` and ``after``, digests by path."""
    with locks.held(locks.FILES, platform.node(), f"note in {record} what the server took up"):
        text = record.read_text(encoding="utf-8", errors="surrogateescape")
        data = renewed(text, before, after).encode("utf-8", errors="surrogateescape")
        files.write(record, data, files.mode(record))


def digests(paths: Iterable[str]) -> dict[str, str | None]:
    """SHA-256 of each file, None where there is none."""
    return {path: _digest(Path(path)) for path in paths}


def _digest(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
