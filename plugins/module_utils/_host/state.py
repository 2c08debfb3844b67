# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a survey tells of a host (see ``survey.py``), and what follows of a single file or unit. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from typing import TypedDict


class KernelFile(TypedDict):
    """``value`` is the chosen word where the file offers several."""

    value: str
    writable: bool


class ManagedFile(TypedDict):
    content: str
    mode: str
    uid: int


class DigestedFile(TypedDict):
    """A file whose content does not leave the host."""

    sha256: str
    mode: str
    uid: int


class Mount(TypedDict):
    """The file system under a path that need not exist yet; ``read_ahead_sectors`` are of 512 bytes, None without a device."""

    point: str
    fstype: str
    options: list[str]
    free_mb: int
    read_ahead_sectors: int | None
    logical_volume: bool


class FileSystem(TypedDict):
    """One that the server writes to, by the path at which it does."""

    path: str
    free_mb: int
    size_mb: int


class Account(TypedDict):
    uid: int
    shell: str
    group: str


class Package(TypedDict):
    version: str
    held: bool
    complete: bool


class Environment(TypedDict):
    """``private``: root alone can write to it. ``distributions``: versions by lower-case name, None where it does not work."""

    private: bool
    distributions: dict[str, str] | None


class HostState(TypedDict):
    taken_at: str
    """In UTC, with microseconds: no two surveys of a host have the same."""
    container: bool
    systemd: bool
    python: str
    """Real path of the system's interpreter."""
    pip_wheel: str
    """A pip that runs without being installed, or an empty string."""
    nft: bool
    restic: bool
    rclone: bool
    logrotate: bool
    cpu: dict[str, bool]
    """avx and atomics."""
    numa_nodes: int
    swap_mb: int
    mount: Mount
    rooms: list[FileSystem]
    """The data path's, and those of other paths where they are others."""
    thp: dict[str, KernelFile | None]
    """enabled, defrag, khugepaged/max_ptes_none."""
    thp_unit_enabled: bool
    sysctls: dict[str, KernelFile | None]
    files: dict[str, ManagedFile]
    """Path -> what is there, of the files that the collection manages and whose content is no secret."""
    program: DigestedFile | None
    settings: dict[str, DigestedFile | None]
    """Command of the program -> its settings."""
    units: dict[str, dict[str, str]]
    """Unit -> ActiveState, UnitFileState, NeedDaemonReload; of mongod and firewalld also where there is none."""
    packages: dict[str, Package]
    packages_interrupted: bool
    time_services: list[str]
    """Those that run."""
    clock_synchronised: bool
    tuned: str | None
    """Its profile, where it runs."""
    selinux: str
    """enforcing, permissive or disabled."""
    user: Account | None
    group: bool
    venv: Environment
    has_data: bool
    set_name: str | None
    cluster_auth: str | None
    tls_mode: str | None
    """These three as in mongod.conf."""
    as_started: bool
    """Whether the server's program and files are certainly those that it was started with."""


RUNNING = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


def file_differs(survey: HostState, path: str, content: str) -> bool:
    """Whether ``path`` is not a file of root's with that content, which all may read and nobody else may write."""
    return survey["files"].get(path) != {"content": content, "mode": "0644", "uid": 0}


def unit_runs(survey: HostState, unit: str) -> bool:
    """Whether the unit runs, also after the next boot, and as its file on disk says."""
    return survey["units"].get(unit) == RUNNING
