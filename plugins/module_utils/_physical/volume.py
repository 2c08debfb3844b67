# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The logical volume that holds a server's files, and whether a snapshot of it can be taken (lvmthin(7), lvs(8)).

PRIVATE to the collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import run

ATTEMPT = "look at the logical volumes"
FULLEST = 80.0
"""Percent of a thin pool, in data or metadata, from which on no snapshot is begun."""
_LEAST = 0.1  # of the volume, that a snapshot of its own room needs
_BLOCKS = Path("/sys/dev/block")
_MOUNTS = Path("/proc/self/mountinfo")
_OF_LVM = "LVM-"
_UUID = 32  # characters of that of a group, and of that of a volume
_OPTIONS: Mapping[str, str] = {"xfs": "ro,nouuid", "ext4": "ro"}
_TIMEOUT = 60.0
_FIELDS = (
    *("vg_name", "lv_name", "lv_uuid", "lv_path", "lv_attr", "lv_tags", "lv_size", "vg_free"),
    *("origin", "snap_percent", "pool_lv", "data_percent", "metadata_percent"),
)


@dataclass(frozen=True)
class Volume:
    """``name`` is GROUP/VOLUME; ``size``, and what is ``free`` in its group, are in bytes; ``tags`` are those of LVM.

    ``used`` is how full the pool of a thin one is, in percent of data and of metadata; of a snapshot with room of its own, how
    full that is, 100 where it is void; None of any other. ``origin`` is of which it is a snapshot, empty for none.
    """

    name: str
    uuid: str
    size: int
    free: int
    path: str
    origin: str
    tags: tuple[str, ...]
    thin: bool
    used: float | None

    @property
    def room(self) -> int:
        """Bytes for a snapshot that needs room of its own: as many as the volume has, of which no write is too much, or fewer."""
        return min(self.size, self.free)


@dataclass(frozen=True)
class Place:
    """Where a folder lies: on the volume with ``uuid``, in a file system of ``kind``, below whose root it is at ``inside``."""

    uuid: str
    kind: str
    inside: PurePath

    @property
    def options(self) -> str:
        """With which a snapshot of it is mounted: what the journal has is replayed, into the snapshot."""
        return _OPTIONS[self.kind]


def place_of(folder: Path) -> Place | None:
    """None where it lies on no logical volume, or in a file system of which no snapshot is taken."""
    try:
        number = folder.stat().st_dev
        device = f"{os.major(number)}:{os.minor(number)}"
        uuid = (_BLOCKS / device / "dm/uuid").read_text(encoding="ascii").strip()
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    return located(folder, device, uuid, mounts)


def located(folder: Path, device: str, uuid: str, mounts: str) -> Place | None:
    """Of the ``uuid`` that device-mapper has of a device, and the text of mountinfo (proc(5)). Pure."""
    if not uuid.startswith(_OF_LVM) or len(uuid) != len(_OF_LVM) + 2 * _UUID:
        return None
    found: tuple[PurePath, PurePath, str] | None = None
    for line in mounts.splitlines():
        left, right = line.split(" - ", 1)
        words = left.split()
        root, point = (PurePath(word.replace("\\040", " ")) for word in words[3:5])
        is_below = point == folder or point in folder.parents
        if words[2] == device and is_below and (found is None or len(point.parts) >= len(found[1].parts)):
            found = root, point, right.split()[0]
    if found is None or found[2] not in _OPTIONS:
        return None
    return Place(uuid[len(_OF_LVM) + _UUID :], found[2], found[0].relative_to("/") / folder.relative_to(found[1]))


def volumes(host: str) -> list[Volume]:
    """All of this host. Raises StrongholdError."""
    words = ("lvs", "--all", "--reportformat", "json", "--units", "b", "--nosuffix", "--options", ",".join(_FIELDS))
    said = run(words, host=host, attempt=ATTEMPT, timeout=_TIMEOUT, missing="install the package lvm2", environment=QUIET)
    return [*reported(json.loads(said.stdout))]


QUIET: Mapping[str, str] = {"LVM_SUPPRESS_FD_WARNINGS": "1"}
"""Environment of programs of LVM."""


def reported(report: Mapping[str, Any]) -> Iterator[Volume]:
    """Of the JSON of lvs. Pure."""
    rows: Sequence[Mapping[str, str]] = [row for part in report["report"] for row in part["lv"]]
    by_name = {(row["vg_name"], _plain(row["lv_name"])): row for row in rows}
    for row in rows:
        pool = by_name.get((row["vg_name"], _plain(row["pool_lv"]))) if row["pool_lv"] else None
        yield Volume(
            name=f"{row['vg_name']}/{_plain(row['lv_name'])}",
            uuid=row["lv_uuid"].replace("-", ""),
            size=int(row["lv_size"]),
            free=int(row["vg_free"]),
            path=row["lv_path"],
            origin=_plain(row["origin"]),
            tags=tuple(filter(None, row["lv_tags"].split(","))),
            thin=pool is not None,
            used=_used(row, pool),
        )


def _used(row: Mapping[str, str], pool: Mapping[str, str] | None) -> float | None:
    if pool is not None:
        return max(_percent(pool["data_percent"]), _percent(pool["metadata_percent"]))
    if not row["origin"]:
        return None
    return 100.0 if row["lv_attr"][4] in "IS" else _percent(row["snap_percent"])


def _percent(text: str) -> float:
    """100 where LVM tells none, as of a pool that it cannot read."""
    return float(text) if text else 100.0


def _plain(name: str) -> str:
    """Without the brackets that lvs puts around hidden ones."""
    return name.strip("[]")


def hindrance(volume: Volume) -> str:
    """Why no snapshot of it can be taken now, as a clause; empty where it can. Pure."""
    if volume.thin:
        return f"the pool of {volume.name} is full to {volume.used:g} %" if (volume.used or 0) > FULLEST else ""
    if volume.room < volume.size * _LEAST:
        return (
            f"a snapshot of {volume.name} needs {volume.size * _LEAST:.0f} bytes, and {volume.free} are free in its volume group"
        )
    return ""
