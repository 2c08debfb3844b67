# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what a member announces as a backup is one of its own: who writes it may be anybody who has taken that member over.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import FILES, NAME, OF_FILES, TAG, Manifest
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Snapshot

LARGEST = 16 << 20
"""Bytes of a manifest."""
MOST = 16
"""Manifests that are read in one run."""
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_SNAPSHOT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Sender:
    """A member of a set, by its host name there."""

    host: str
    replica_set: str


def manifests(listed: Sequence[Snapshot], known: Collection[str]) -> list[Snapshot]:
    """Those of ``listed`` that are called manifests, and are not ``known``; the oldest first, as they say."""
    return [one for one in listed if TAG in one.tags and one.id not in known]


def strange(announced: Snapshot, files: Mapping[str, int]) -> str | None:
    """Why that snapshot, with these files and their bytes, is no manifest to be read, as a clause; None where it is one."""
    if announced.original or not _SNAPSHOT.fullmatch(announced.id):
        return "it says that it is a copy of another one"
    if set(files) != {f"/{NAME}"}:
        return "it has other files than a manifest"
    if files[f"/{NAME}"] > LARGEST:
        return f"its manifest has {files[f'/{NAME}']} bytes"
    return None


def refusal(manifest: Manifest, listed: Sequence[Snapshot], sender: Sender, known: Collection[str]) -> str | None:
    """Why a backup is not taken in, as a clause; None where it is. ``known`` are ids of backups that are there."""
    streams = {stream.name: stream for stream in manifest.streams}
    files = streams.get(FILES)
    named = next((one for one in listed if files and one.id == files.snapshot), None)
    reasons = {
        "its id is none": not _ID.fullmatch(manifest.id),
        "there is one of that id": manifest.id in known,
        "it is said to be of another member": (manifest.member.rpartition(":")[0], manifest.replica_set)
        != (sender.host, sender.replica_set),
        "it is no copy of all files": manifest.method not in OF_FILES
        or manifest.partial
        or bool(manifest.items)
        or len(manifest.streams) != 1
        or files is None,
        "the files that it names are not there": named is None or bool(named.original) or TAG in named.tags,
        "the files that it names are other ones": bool(named and files and named.tree != files.sha256),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
