# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what of this host matters to MongoDB; changes nothing.

Everything that any role asks is read at once, so that a host with nothing to do costs one visit. It runs before the managed
Python environment exists, and so needs nothing but Python's own library.

PRIVATE to the collection.
"""

from __future__ import annotations

import ctypes
import grp
import hashlib
import importlib.util
import json
import os
import platform
import pwd
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TypedDict

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import run
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.room import rooms
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.state import (
    Account,
    DigestedFile,
    Environment,
    HostState,
    KernelFile,
    ManagedFile,
    Mount,
    Package,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import conf

ATTEMPT = "read the state of the host"
TIMEOUT = 30.0
"""Seconds that each program has."""
THP = "/sys/kernel/mm/transparent_hugepage/"
THP_LINK = "/etc/systemd/system/basic.target.wants/stronghold-mongodb-thp.service"
TIME_UNITS = ("chrony", "chronyd", "systemd-timesyncd", "ntpd", "ntp", "ntpsec", "openntpd")
TUNED = "tuned"
UNITS = ("mongod.service", "firewalld.service")
OWN_UNITS = ("stronghold-*.service", "stronghold-*.timer")
SYSTEMD = Path("/etc/systemd/system")
MANAGED_FILES = (
    "etc/hosts",
    "etc/sysctl.d/60-stronghold-*.conf",
    *(f"etc/systemd/system/{unit}" for unit in OWN_UNITS),
    "etc/systemd/system/mongod.service.d/*.conf",
    "etc/apt/keyrings/mongodb-org-*.asc",
    "etc/apt/sources.list.d/mongodb-org-*.sources",
    "etc/pki/rpm-gpg/RPM-GPG-KEY-mongodb-org-*",
    "etc/yum.repos.d/mongodb-org-*.repo",
)
PROGRAM = "/opt/stronghold/bin/stronghold"
SETTINGS = Path("/etc/stronghold")
CONFIGURATION = "/etc/mongod.conf"
STARTED_WITH = "/run/stronghold/mongod-started-with"
DPKG_STATUS = Path("/var/lib/dpkg/status")
DPKG = ("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\n", "mongodb-*")
DPKG_FOUND_LESS = 1  # exit code where a pattern matches no package
RPM = ("rpm", "-qa", "--qf", "%{NAME}\t%{VERSION}-%{RELEASE}\tinstall\tinstalled\n", "mongodb-*")
ABSENT = ("not-installed", "config-files")
FIELDS = 4
CLOCK_UNSYNCHRONISED = 5  # TIME_ERROR, the return value of adjtimex(2)
MIB = 1024 * 1024
WHEELS = "/usr/share/python-wheels"  # of python3-pip-whl on the Debian family, python3-pip-wheel on the RHEL family
# A kill leaves a distribution without RECORD, which pip writes last, or one that it had moved away as "~NAME".
INSTALLED = """
import importlib.metadata, json, pathlib, sys, sysconfig
site = pathlib.Path(sysconfig.get_path("purelib"))
found = list(importlib.metadata.distributions())
own = sys.prefix != sys.base_prefix and site.is_dir()
whole = own and not list(site.glob("~*")) and all(item.read_text("RECORD") for item in found)
print(json.dumps({item.metadata["Name"].lower(): item.version for item in found} if whole else None))
"""


class Request(TypedDict):
    """``packages`` are names besides MongoDB's own, ``writes`` are paths besides ``db_path``."""

    db_path: str
    writes: Sequence[str]
    user: str
    group: str
    venv: str
    sysctls: Sequence[str]
    packages: Sequence[str]


def survey(request: Request) -> HostState:
    """Raises StrongholdError where a program of the system does not answer in time, or not at all."""
    units = _units((*UNITS, *own_units(), *(f"{unit}.service" for unit in (*TIME_UNITS, TUNED))))
    active = {name for name, state in units.items() if state["ActiveState"] == "active"}
    configuration = read(CONFIGURATION) or ""
    flags = set((read("/proc/cpuinfo") or "").split())
    return {
        "taken_at": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        "container": in_container(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "python": os.path.realpath(sys.executable),
        "pip_wheel": pip_wheel(),
        "nft": os.access("/usr/sbin/nft", os.X_OK),
        "restic": shutil.which("restic") is not None,
        "rclone": shutil.which("rclone") is not None,
        "logrotate": os.access("/usr/sbin/logrotate", os.X_OK),
        "cpu": {flag: flag in flags for flag in ("avx", "atomics")},
        "numa_nodes": len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))),
        "swap_mb": sum(int(line.split()[2]) for line in (read("/proc/swaps") or "").splitlines()[1:]) // 1024,
        "mount": mount(request["db_path"]),
        "rooms": [
            {"path": room.path, "free_mb": room.free // MIB, "size_mb": room.size // MIB}
            for room in rooms([request["db_path"], *request["writes"]])
        ],
        "thp": {name: kernel_file(THP + name) for name in ("enabled", "defrag", "khugepaged/max_ptes_none")},
        "thp_unit_enabled": Path(THP_LINK).is_symlink(),
        "sysctls": {name: kernel_file("/proc/sys/" + name.replace(".", "/")) for name in request["sysctls"]},
        "files": managed_files(),
        "program": digested(PROGRAM),
        "settings": {path.stem: digested(path) for path in SETTINGS.glob("*.json")},
        "units": {name: state for name, state in units.items() if name in UNITS or name.startswith("stronghold-")},
        "packages": packages(request["packages"]),
        "packages_interrupted": any(Path("/var/lib/dpkg/updates").glob("[0-9]*")),
        "time_services": [unit for unit in TIME_UNITS if f"{unit}.service" in active],
        "clock_synchronised": ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != CLOCK_UNSYNCHRONISED,
        "tuned": read("/etc/tuned/active_profile") if f"{TUNED}.service" in active else None,
        "selinux": {"1": "enforcing", "0": "permissive"}.get(read("/sys/fs/selinux/enforce") or "", "disabled"),
        "user": account(request["user"]),
        "group": any(group.gr_name == request["group"] for group in grp.getgrall()),
        "venv": environment(request["venv"]),
        "has_data": Path(request["db_path"], "WiredTiger").exists(),
        "set_name": conf.option(configuration, "replication.replSetName"),
        "cluster_auth": conf.option(configuration, "security.clusterAuthMode"),
        "tls_mode": conf.option(configuration, "net.tls.mode"),
        "as_started": as_started(),
    }


def read(path: str | Path) -> str | None:
    """The file's text without surrounding blanks, or None."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def kernel_file(path: str) -> KernelFile | None:
    text = read(path)
    if text is None:
        return None
    chosen = text[text.index("[") + 1 : text.index("]")] if "[" in text else " ".join(text.split())
    return {"value": chosen, "writable": os.access(path, os.W_OK)}


def managed_files() -> dict[str, ManagedFile]:
    found: dict[str, ManagedFile] = {}
    for path in (path for pattern in MANAGED_FILES for path in Path("/").glob(pattern)):
        state = path.stat()
        content = path.read_text(encoding="utf-8", errors="replace")
        found[str(path)] = {"content": content, "mode": format(state.st_mode & 0o7777, "04o"), "uid": state.st_uid}
    return found


def digested(path: str | Path) -> DigestedFile | None:
    try:
        state = Path(path).stat()
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None
    return {"sha256": digest, "mode": format(state.st_mode & 0o7777, "04o"), "uid": state.st_uid}


def as_started() -> bool:
    recorded = [line.split(None, 1) for line in (read(STARTED_WITH) or "").splitlines()]
    present = [(digest, digested(path)) for digest, path in recorded]
    whole = present and all(found and found["sha256"] == digest for digest, found in present)
    return bool(whole) and not any(_link(path / "exe").endswith("/mongod (deleted)") for path in Path("/proc").glob("[0-9]*"))


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def mount(path: str) -> Mount:
    there = Path(path)
    while not there.exists():
        there = there.parent
    there = there.resolve()
    best: tuple[str, str, list[str]] = "", "", []
    for line in (read("/proc/self/mountinfo") or "").splitlines():
        left, right = line.split(" - ", 1)
        point = left.split()[4].replace("\\040", " ")
        if f"{there}/".startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = point, right.split()[0], left.split()[5].split(",")
    room = os.statvfs(there)
    device = there.stat().st_dev
    block = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    ahead = read(block + "/queue/read_ahead_kb") or read(block + "/../queue/read_ahead_kb")
    return {
        "point": best[0],
        "fstype": best[1],
        "options": best[2],
        "free_mb": room.f_bavail * room.f_frsize // MIB,
        "read_ahead_sectors": int(ahead) * 2 if ahead else None,
        "logical_volume": (read(block + "/dm/uuid") or "").startswith("LVM-"),
    }


def in_container() -> bool:
    surroundings = read("/proc/1/environ") or ""
    return bool(read("/run/systemd/container") or Path("/run/.containerenv").exists() or "container=" in surroundings)


def account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = [group.gr_name for group in grp.getgrall() if group.gr_gid == entry.pw_gid]
    return {"uid": entry.pw_uid, "shell": entry.pw_shell, "group": groups[0] if groups else ""}


def pip_wheel() -> str:
    """pip as a wheel, which runs without being installed: the one of this Python, or that of the distribution; else ""."""
    own = importlib.util.find_spec("ensurepip")
    folders = [Path(own.origin).parent / "_bundled"] if own and own.origin else []
    folders += [Path(name) for name in (sysconfig.get_config_var("WHEEL_PKG_DIR"), WHEELS) if name]
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    return str(wheels[0]) if wheels else ""


def own_units() -> list[str]:
    """The units of the collection that are on the host."""
    return sorted(path.name for pattern in OWN_UNITS for path in SYSTEMD.glob(pattern))


def _units(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Properties by name, of units that do not exist too."""
    words = ("systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload", *names)
    text = run.run(words, host=platform.node(), attempt=ATTEMPT, timeout=TIMEOUT).text
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return {block.pop("Id"): block for block in blocks if block}


def packages(names: Iterable[str]) -> dict[str, Package]:
    """By name, without those that are not installed."""
    words, accept = (DPKG, (0, DPKG_FOUND_LESS)) if DPKG_STATUS.exists() else (RPM, (0,))
    text = run.run((*words, *names), host=platform.node(), attempt=ATTEMPT, timeout=TIMEOUT, accept=accept).text
    rows = [line.split("\t") for line in text.splitlines()]
    return {
        row[0]: {"version": row[1], "held": row[2] == "hold", "complete": row[3] == "installed"}
        for row in rows
        if len(row) == FIELDS and row[3] not in ABSENT
    }


def environment(folder: str) -> Environment:
    private = _only_root_writes(Path(folder).parent) and _only_root_writes(Path(folder))
    return {"private": private, "distributions": distributions(folder)}


def distributions(folder: str) -> dict[str, str] | None:
    """What the environment holds; None where it does not work or a kill left it half-made."""
    python = Path(folder, "bin", "python")
    if not os.access(python, os.X_OK):
        return None
    words = (str(python), "-I", "-c", INSTALLED)
    told = run.run(words, host=platform.node(), attempt=ATTEMPT, timeout=TIMEOUT, accept=run.EXITS)
    found: dict[str, str] | None = json.loads(told.text) if told.text and told.code == 0 else None
    return found


def _only_root_writes(path: Path) -> bool:
    try:
        state = path.stat()
    except OSError:
        return False
    return state.st_uid == 0 and not state.st_mode & 0o022
