# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host lacks to carry MongoDB, from a survey of its state. Pure.

Sources: MongoDB manual, "Production Notes", "Operations Checklist", "TCMalloc Performance Optimization for a Self-Managed
Deployment"; SERVER-121912.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.state import HostState
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.modes import LADDERS

Settings = Mapping[str, Any]

SYSTEMS = {"Debian": ("12", "13"), "Ubuntu": ("22.04", "24.04"), "RedHat": ("8", "9")}
MACHINES = ("x86_64", "aarch64")
OLDEST_PYTHON = (3, 9)
THP_ROOT = "/sys/kernel/mm/transparent_hugepage/"
THP_OFF = {"enabled": "never", "defrag": "never"}
THP_ON = {"enabled": "always", "defrag": "defer+madvise", "khugepaged/max_ptes_none": "0"}
THP_ON_SINCE = (8, 0)
AVX_SINCE = (5, 0)
RSEQ_KERNEL = (6, 19)
NEARLY_FULL = 20
"""Per cent of a file system that should be free."""
READ_AHEAD_SECTORS = (8, 32)
LOGIN_DENIED = ("nologin", "false")
MANY_NODES = 2


def problems(platform: Mapping[str, str]) -> list[str]:
    """Why the platform is not supported, as sentences; decided from facts, before the host is surveyed.

    ``platform``: host, os_family, distribution, version (of it), machine, service_manager, python (version).
    """
    system = "RedHat" if platform["os_family"] == "RedHat" else platform["distribution"]
    version = platform["version"] if system == "Ubuntu" else platform["version"].split(".", maxsplit=1)[0]
    found = []
    if version not in SYSTEMS.get(system, ()):
        found.append(
            Refusal(
                f"{platform['distribution']} {platform['version']} is not supported",
                "use Debian 12 or 13, Ubuntu 22.04 or 24.04, or a RHEL 8 or 9",
            )
        )
    if platform["machine"] not in MACHINES:
        found.append(Refusal(f"MongoDB has no packages for {platform['machine']}", f"use one of {' and '.join(MACHINES)}"))
    if platform["service_manager"] != "systemd":
        found.append(Refusal(f"its service manager is {platform['service_manager']}", "use a host that systemd has booted"))
    if tuple(int(part) for part in platform["python"].split(".")[:2]) < OLDEST_PYTHON:
        found.append(Refusal(f"its Python is {platform['python']}", "point ansible_python_interpreter to 3.9 or later"))
    return [str(StrongholdError(platform["host"], "accept this host", *problem)) for problem in found]


def plan(survey: HostState, settings: Settings) -> dict[str, Any]:
    """What to do on a host in the state ``survey``.

    ``settings``: host, kernel, machine, os_family, version (of MongoDB), member, backup, sends_files, takes_files and firewall
    (bool), cluster (its name), cluster_auth, tls_mode, path, user, group, min_free_mb, strict, manage_time, time_package,
    minimums and exact (sysctl name -> number), unmet (Python requirements not yet in the environment), python_sources (URLs),
    thp_unit_enabled (bool).

    Returns

    * errors: sentences that stop the run; findings: sentences worth a look (errors too with strict);
    * packages: system packages to install; time_unit: unit to start, or "";
    * account: None, or the facts {exists} of an account that is missing or differs;
    * sysctl: {values: name -> number, for the file; apply: running values differ};
    * thp: {values: path -> word, for the unit; apply: running values or the unit's link differ};
    * venv: {create, install}.
    """
    member = bool(settings["member"])
    sysctl, sysctl_findings = _sysctl(survey, settings) if member else ({"values": {}, "apply": False}, [])
    thp, thp_findings = _thp(survey, settings) if member else ({"values": {}, "apply": False}, [])
    findings = [*_clock_findings(survey), *_source_findings(settings)]
    stops = _time_problems(survey, settings)
    if member:
        findings += [*_storage_findings(survey, settings), *sysctl_findings, *thp_findings]
        stops += _member_problems(survey, settings)
    if settings["strict"]:
        stops += [Refusal(text, "mend this or unset mongodb_host_strict") for text in findings]
    venv = _venv(survey, settings)
    time_unit = _time_unit(survey, settings)
    return {
        "errors": [str(StrongholdError(settings["host"], "accept this host", *stop)) for stop in stops],
        "findings": findings,
        "packages": _packages(survey, settings, venv, time_unit),
        "time_unit": time_unit,
        "account": _account(survey, settings) if member else None,
        "sysctl": sysctl,
        "thp": thp,
        "venv": venv,
    }


def _series(version: str) -> tuple[int, int]:
    major, minor = str(version).split(".")[:2]
    return int(major), int(minor)


def _member_problems(survey: HostState, settings: Settings) -> list[Refusal]:
    series = _series(settings["version"])
    kernel = re.match(r"(\d+)\.(\d+)", settings["kernel"])
    problems = []
    if series >= THP_ON_SINCE and kernel and (int(kernel[1]), int(kernel[2])) >= RSEQ_KERNEL:
        problems.append(
            Refusal(
                f"mongod {settings['version']} crashes on Linux {settings['kernel']} (SERVER-121912)",
                "boot a kernel older than 6.19 or choose MongoDB 7.0",
            )
        )
    if series >= AVX_SINCE and settings["machine"] == "x86_64" and not survey["cpu"]["avx"]:
        problems.append(
            Refusal(f"MongoDB {settings['version']} needs a processor with AVX", "let the hypervisor pass AVX through")
        )
    if series >= AVX_SINCE and settings["machine"] == "aarch64" and not survey["cpu"]["atomics"]:
        problems.append(Refusal(f"MongoDB {settings['version']} needs a processor with ARMv8.2-A", "choose another machine"))
    if survey["set_name"] not in (None, settings["cluster"]):
        problems.append(
            Refusal(
                f"it is a member of the replica set '{survey['set_name']}' and not of '{settings['cluster']}'",
                "set mongodb_cluster_name to the name of the set, which cannot be changed, or use another host",
            )
        )
    if survey["has_data"]:
        present = {"cluster_auth": survey["cluster_auth"], "tls_mode": survey["tls_mode"]}
        refusals = (ladder.refusal(present[name], settings[name]) for name, ladder in LADDERS.items())
        problems += [refusal for refusal in refusals if refusal]
    lack = _lack_of_space(survey, settings)
    if lack and not survey["has_data"]:
        problems.append(Refusal(lack, "free space or lower mongodb_host_min_free_mb"))
    if survey["user"] and survey["user"]["uid"] == 0:
        problems.append(
            Refusal(f"the service account {settings['user']} has uid 0", "choose another mongodb_cluster_service_user")
        )
    return problems


def _lack_of_space(survey: HostState, settings: Settings) -> str:
    free, wanted = survey["mount"]["free_mb"], int(settings["min_free_mb"])
    return f"only {free} MiB are free for {settings['path']}, {wanted} are wanted" if free < wanted else ""


def _nearly_full(survey: HostState, settings: Settings) -> list[str]:
    """Of the other file systems, which may be small, those with too little room by their size and by what is declared."""
    return [
        f"only {room['free_mb']} of {room['size_mb']} MiB are free for {room['path']}, and mongod ends when that is full"
        for room in survey["rooms"]
        if room["path"] != settings["path"]
        and room["free_mb"] < min(int(settings["min_free_mb"]), room["size_mb"] * NEARLY_FULL // 100)
    ]


def _storage_findings(survey: HostState, settings: Settings) -> list[str]:
    mount, path = survey["mount"], settings["path"]
    low, high = READ_AHEAD_SECTORS
    ahead = mount["read_ahead_sectors"]
    lack = _lack_of_space(survey, settings)
    findings = [lack] if lack and survey["has_data"] else []
    if settings["member"]:
        findings += _nearly_full(survey, settings)
    if mount["fstype"] != "xfs":
        findings.append(f"{path} is on {mount['fstype']}, XFS is recommended")
    if "noatime" not in mount["options"]:
        findings.append(f"{path} is mounted without noatime")
    if ahead is not None and not low <= ahead <= high:
        findings.append(f"the read-ahead below {path} is {ahead} sectors, {low} to {high} are recommended")
    if survey["swap_mb"]:
        findings.append(f"{survey['swap_mb']} MiB of swap are on: memory of mongod may be written there, so keep it encrypted")
    if survey["tuned"]:
        findings.append(f"tuned runs with the profile {survey['tuned']}, which may set huge pages and read-ahead otherwise")
    if settings["os_family"] == "RedHat" and survey["selinux"] != "enforcing":
        findings.append(f"SELinux is {survey['selinux']}")
    return findings


def _clock_findings(survey: HostState) -> list[str]:
    whose = "of the machine that carries this container " if survey["container"] else ""
    return [] if survey["clock_synchronised"] else [f"the clock {whose}is not synchronised"]


def _source_findings(settings: Settings) -> list[str]:
    plain = [url for url in settings["python_sources"] if url.startswith("http://")]
    return ["Python packages come over plain HTTP, where nobody proves their origin"] if plain else []


def _time_problems(survey: HostState, settings: Settings) -> list[Refusal]:
    if survey["container"] or survey["time_services"] or settings["manage_time"]:
        return []
    return [Refusal("no time service runs", "start chrony or another one, or set mongodb_host_manage_time")]


def _time_unit(survey: HostState, settings: Settings) -> str:
    if survey["container"] or survey["time_services"]:
        return ""
    package = str(settings["time_package"])
    return "chronyd" if package == "chrony" and settings["os_family"] == "RedHat" else package


def _packages(survey: HostState, settings: Settings, venv: Mapping[str, bool], time_unit: str) -> list[str]:
    wanted = {
        str(settings["time_package"]): bool(time_unit),
        "python3-pip-wheel" if settings["os_family"] == "RedHat" else "python3-pip-whl": venv["install"]
        and not survey["pip_wheel"],
        "nftables": settings["member"] and settings["firewall"] and not survey["nft"],
        "restic": (settings["backup"] or settings["sends_files"]) and not survey["restic"],
        "rclone": settings["takes_files"] and not survey["rclone"],
        "logrotate": settings["member"] and not survey["logrotate"],
    }
    return [name for name, missing in wanted.items() if missing]


def _account(survey: HostState, settings: Settings) -> dict[str, Any] | None:
    user = survey["user"]
    if user and survey["group"] and user["group"] == settings["group"] and user["shell"].endswith(LOGIN_DENIED):
        return None
    return {"exists": user is not None}


def _sysctl(survey: HostState, settings: Settings) -> tuple[dict[str, Any], list[str]]:
    """Minimums are raised and never lowered; a name that already stands in the file stays there, or a reboot would lower it."""
    exact = dict(settings["exact"])
    if survey["numa_nodes"] >= MANY_NODES:
        exact["vm.zone_reclaim_mode"] = 0
    if _series(settings["version"]) >= THP_ON_SINCE:
        exact["vm.overcommit_memory"] = 1
    values: dict[str, int] = {}
    left: list[str] = []
    apply = False
    for name, wanted, raised in [
        *((name, int(value), True) for name, value in settings["minimums"].items()),
        *((name, int(value), False) for name, value in exact.items()),
    ]:
        state = survey["sysctls"].get(name)
        now = int(state["value"]) if state else None
        if state is None or now is None or not state["writable"]:
            if now is None or (now < wanted if raised else now != wanted):
                left.append(f"{name} (is {'missing' if now is None else now}, wants {wanted})")
            continue
        if raised and now >= wanted and name not in settings["sysctl_file"]:
            continue
        values[name] = max(now, wanted) if raised else wanted
        apply = apply or now != values[name]
    findings = [f"this kernel does not let these be set: {', '.join(left)}"] if left else []
    return {"values": values, "apply": apply}, findings


def _thp(survey: HostState, settings: Settings) -> tuple[dict[str, Any], list[str]]:
    on = _series(settings["version"]) >= THP_ON_SINCE
    wanted = THP_ON if on else THP_OFF
    states = [(name, word, survey["thp"].get(name)) for name, word in wanted.items()]
    present = [(name, word, state) for name, word, state in states if state]
    settable = [(name, word, state) for name, word, state in present if state["writable"]]
    stuck = [
        f"{name} (is {state['value']}, wants {word})"
        for name, word, state in present
        if not state["writable"] and state["value"] != word
    ]
    differs = any(state["value"] != word for _name, word, state in settable)
    findings = [f"transparent huge pages cannot be set here: {', '.join(stuck)}"] if stuck else []
    return {
        "values": {THP_ROOT + name: word for name, word, _state in settable},
        "apply": bool(settable) and (differs or not settings["thp_unit_enabled"]),
    }, findings


def _venv(survey: HostState, settings: Settings) -> dict[str, bool]:
    venv = survey["venv"]
    create = venv["distributions"] is None or not venv["private"]
    return {"create": create, "install": create or bool(settings["unmet"])}


def unmet(requirements: Sequence[str], distributions: Mapping[str, str] | None) -> list[str]:
    """The requirements (PEP 508, without extras and markers) that ``distributions`` (lower-case name -> version) do not meet."""
    from packaging.requirements import Requirement  # noqa: PLC0415  part of ansible-core, and this runs on the controller only

    installed = distributions or {}
    return [
        text
        for text, wanted in ((text, Requirement(text)) for text in requirements)
        if not wanted.specifier.contains(installed.get(wanted.name.lower(), "0.dev0"), prereleases=True)
        or wanted.name.lower() not in installed
    ]
