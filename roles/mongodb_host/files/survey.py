# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what of this host matters to MongoDB and prints it as JSON; changes nothing.

Sent to the host's Python on standard input, with one argument: a JSON object with ``path`` (the database path), ``user``,
``group``, ``venv``, ``sysctls`` and ``packages`` (names, besides MongoDB's own). Everything that any role asks is read in one
call, so that a host with nothing to do costs one round trip.
"""

from __future__ import annotations

import ctypes
import grp
import hashlib
import importlib.util
import json
import os
import pwd
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

THP = "/sys/kernel/mm/transparent_hugepage/"
TIME_UNITS = ("chrony", "chronyd", "systemd-timesyncd", "ntpd", "ntp", "ntpsec", "openntpd")
SHOWN_UNITS = (
    "stronghold-firewall.service",
    "stronghold-allowlist.timer",
    "stronghold-certificates.timer",
    "stronghold-expiry.timer",
    "firewalld.service",
    "mongod.service",
)
MANAGED_FILES = (
    "etc/hosts",
    "etc/sysctl.d/60-stronghold-mongodb.conf",
    "etc/systemd/system/stronghold-*.service",
    "etc/systemd/system/stronghold-*.timer",
    "etc/systemd/system/mongod.service.d/*.conf",
    "etc/apt/keyrings/mongodb-org-*.asc",
    "etc/apt/sources.list.d/mongodb-org-*.sources",
    "etc/pki/rpm-gpg/RPM-GPG-KEY-mongodb-org-*",
    "etc/yum.repos.d/mongodb-org-*.repo",
)
STARTED_WITH = "/run/stronghold/mongod-started-with"
PROGRAM = Path("/opt/stronghold/bin/stronghold")
THP_LINK = "/etc/systemd/system/basic.target.wants/stronghold-mongodb-thp.service"
SHOW = ("systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload")
DPKG = ("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${db:Status-Want}\t${db:Status-Status}\n", "mongodb-*")
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


def read(path):
    """The file's text without surrounding blanks, or None."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def start(*command):
    try:
        return subprocess.Popen(  # noqa: S603  fixed commands
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return None


def kernel_file(path):
    """Value (the bracketed word where there is a choice) and whether it can be written; None without such a file."""
    text = read(path)
    if text is None:
        return None
    chosen = text[text.index("[") + 1 : text.index("]")] if "[" in text else " ".join(text.split())
    return {"value": chosen, "writable": os.access(path, os.W_OK)}


def managed_files():
    """path -> content, mode and owner, of the files that exist."""
    found = {}
    for path in (path for pattern in MANAGED_FILES for path in Path("/").glob(pattern)):
        state = path.stat()
        content = path.read_text(encoding="utf-8", errors="replace")
        found[str(path)] = {"content": content, "mode": format(state.st_mode & 0o7777, "04o"), "uid": state.st_uid}
    return found


def digested(path):
    """SHA-256, mode and owner of a file, or None."""
    try:
        state = Path(path).stat()
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None
    return {"sha256": digest, "mode": format(state.st_mode & 0o7777, "04o"), "uid": state.st_uid}


def as_started():
    """Whether the server's program and files are certainly those that it was started with."""
    recorded = [line.split(None, 1) for line in (read(STARTED_WITH) or "").splitlines()]
    whole = recorded and all((digested(path) or {}).get("sha256") == digest for digest, path in recorded)
    return bool(whole) and not any(link(path / "exe").endswith("/mongod (deleted)") for path in Path("/proc").glob("[0-9]*"))


def link(path):
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def existing(path):
    path = Path(path)
    while not path.exists():
        path = path.parent
    return str(path.resolve())


def mount(path):
    """File system under ``path`` (which need not exist yet): type, options, MiB free, read-ahead in 512-byte sectors."""
    path = existing(path)
    best = {"point": "", "fstype": "", "options": []}
    for line in (read("/proc/self/mountinfo") or "").splitlines():
        left, right = line.split(" - ", 1)
        point = left.split()[4].replace("\\040", " ")
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best["point"]):
            best = {"point": point, "fstype": right.split()[0], "options": left.split()[5].split(",")}
    room = os.statvfs(path)
    device = Path(path).stat().st_dev
    block = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    ahead = read(block + "/queue/read_ahead_kb") or read(block + "/../queue/read_ahead_kb")
    return dict(best, free_mb=room.f_bavail * room.f_frsize // MIB, read_ahead_sectors=int(ahead) * 2 if ahead else None)


def configured(wanted):
    """What the server of this host is configured with at a path such as net.tls.mode, or None."""
    above = []
    for line in (read("/etc/mongod.conf") or "").splitlines():
        match = re.match(r"( *)([\w.]+):\s*[\"']?([^\"'\s#]*)", line)
        if match:
            above = [(depth, name) for depth, name in above if depth < len(match[1])] + [(len(match[1]), match[2])]
            if ".".join(name for _depth, name in above) == wanted:
                return match[3] or None
    return None


def in_container():
    environment = read("/proc/1/environ") or ""
    return bool(read("/run/systemd/container") or Path("/run/.containerenv").exists() or "container=" in environment)


def account(name):
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = [group.gr_name for group in grp.getgrall() if group.gr_gid == entry.pw_gid]
    return {"uid": entry.pw_uid, "shell": entry.pw_shell, "group": groups[0] if groups else ""}


def group_exists(name):
    return any(group.gr_name == name for group in grp.getgrall())


def only_root_writes(path):
    try:
        state = Path(path).stat()
    except OSError:
        return False
    return state.st_uid == 0 and not state.st_mode & 0o022


def pip_wheel():
    """pip as a wheel, which runs without being installed: the one of this Python, or that of the distribution; else ""."""
    own = importlib.util.find_spec("ensurepip")
    folders = [Path(own.origin).parent / "_bundled"] if own else []
    folders += [Path(name) for name in (sysconfig.get_config_var("WHEEL_PKG_DIR"), WHEELS) if name]
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    return str(wheels[0]) if wheels else ""


def output(process):
    return process.communicate()[0] if process else ""


def shown_units(process):
    """name -> properties, of units that do not exist too."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in output(process).strip().split("\n\n")]
    return {block.pop("Id"): block for block in blocks if block}


def installed(process):
    """name -> version, held, complete; without those that are not installed."""
    rows = [line.split("\t") for line in output(process).splitlines()]
    return {
        row[0]: {"version": row[1], "held": row[2] == "hold", "complete": row[3] == "installed"}
        for row in rows
        if len(row) == FIELDS and row[3] not in ABSENT
    }


def distributions(process):
    """What the environment holds, name -> version; None where it does not work or a kill left it half-made."""
    told = output(process)
    return json.loads(told) if told and process.returncode == 0 else None


def survey(wanted):
    venv = wanted["venv"]
    units = (*TIME_UNITS, "tuned")
    states = start("systemctl", "is-active", *units)
    shown = start(*SHOW, *SHOWN_UNITS)
    libraries = start(venv + "/bin/python", "-I", "-c", INSTALLED)
    packages = start(*(DPKG if Path("/var/lib/dpkg/status").exists() else RPM), *wanted["packages"])
    active = [unit for unit, state in zip(units, output(states).split()) if state == "active"]
    flags = set((read("/proc/cpuinfo") or "").split())
    swaps = (read("/proc/swaps") or "").splitlines()[1:]
    return {
        "container": in_container(),
        "set_name": configured("replication.replSetName"),
        "cluster_auth": configured("security.clusterAuthMode"),
        "tls_mode": configured("net.tls.mode"),
        "has_data": Path(wanted["path"], "WiredTiger").exists(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "python": os.path.realpath(sys.executable),
        "pip_wheel": pip_wheel(),
        "nft": os.access("/usr/sbin/nft", os.X_OK),
        "cpu": {flag: flag in flags for flag in ("avx", "atomics")},
        "numa_nodes": len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))),
        "swap_mb": sum(int(line.split()[2]) for line in swaps) // 1024,
        "mount": mount(wanted["path"]),
        "thp": {name: kernel_file(THP + name) for name in ("enabled", "defrag", "khugepaged/max_ptes_none")},
        "sysctls": {name: kernel_file("/proc/sys/" + name.replace(".", "/")) for name in wanted["sysctls"]},
        "files": managed_files(),
        "program": digested(PROGRAM),
        "settings": {path.stem: digested(path) for path in Path("/etc/stronghold").glob("*.json")},
        "as_started": as_started(),
        "thp_unit_enabled": Path(THP_LINK).is_symlink(),
        "units": shown_units(shown),
        "packages": installed(packages),
        "time_services": [unit for unit in active if unit in TIME_UNITS],
        "clock_synchronised": ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != CLOCK_UNSYNCHRONISED,
        "tuned": read("/etc/tuned/active_profile") if "tuned" in active else None,
        "selinux": {"1": "enforcing", "0": "permissive"}.get(read("/sys/fs/selinux/enforce"), "disabled"),
        "user": account(wanted["user"]),
        "group": group_exists(wanted["group"]),
        "venv": {
            "private": only_root_writes(Path(venv).parent) and only_root_writes(venv),
            "distributions": distributions(libraries),
        },
        "packages_interrupted": any(Path("/var/lib/dpkg/updates").glob("[0-9]*")),
    }


if __name__ == "__main__":
    print(json.dumps(survey(json.loads(sys.argv[1]))))
