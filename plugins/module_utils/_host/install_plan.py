# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where MongoDB's packages come from, and what is to be installed, from a survey of the host. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._host import pgp
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.state import HostState, ManagedFile

Settings = Mapping[str, Any]

VENDOR = "https://repo.mongodb.org"
VENDOR_KEYS = "https://pgp.mongodb.com"
# The vendor signs all minor series of a major one with one key from 8.0 on.
FINGERPRINTS = {
    "5.0": "F5679A222C647C87527C2F8CB00A0BD1E2C63C11",
    "6.0": "39BD841E4BE5FB195A65400E6A26B1AE64C3C388",
    "7.0": "E58830201F7DD82CD808AA84160D26BB1785BA38",
    "8.0": "4B0752C1BCA238C0B4EE14DC41DE058A4E7DCA05",
}
KEY_SERIES = {"8.2": "8.0"}
CODENAMES = {"Debian": {"12": "bookworm", "13": "trixie"}, "Ubuntu": {"22.04": "jammy", "24.04": "noble"}}
VENDOR_COMPONENTS = {"Debian": "main", "Ubuntu": "multiverse"}
NOT_AT_VENDOR = ("trixie",)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
VERSIONED = "mongodb-org"
RELEASE = re.compile(r"(?:\d+:)?(\d+)\.(\d+)\.(\d+)")


def source(settings: Settings) -> dict[str, Any]:
    """The package source of a host.

    ``settings``: host, distribution (Debian, Ubuntu or RedHat for the whole family), release, machine, version, mirror, suite,
    component, key, key_url, fingerprint; empty strings where nothing was set.

    Returns url, suite, component, architecture, name (of the repository), series, key (literal or ""), key_url, fingerprint,
    key_path, path (of the repository file), and errors (sentences).
    """
    apt = settings["distribution"] in CODENAMES
    series = _series(settings["version"])
    signed = KEY_SERIES.get(series, series)
    mirror = str(settings["mirror"]).rstrip("/")
    name = f"mongodb-org-{series}"
    folder = f"apt/{settings['distribution'].lower()}" if apt else "yum/redhat"
    codename = CODENAMES[settings["distribution"]].get(settings["release"], "") if apt else settings["release"]
    suite = settings["suite"] or f"{codename}/mongodb-org/{series}"
    component = settings["component"] or VENDOR_COMPONENTS.get(settings["distribution"], "")
    result = {
        "url": mirror or f"{VENDOR}/{folder}",
        "suite": suite,
        "component": "" if suite.endswith("/") else component,
        "architecture": ARCHITECTURES[settings["machine"]],
        "name": name,
        "series": series,
        "key": settings["key"],
        "key_url": settings["key_url"] or f"{mirror or VENDOR_KEYS}/server-{signed}.asc",
        "fingerprint": re.sub(r"\s|^0x", "", str(settings["fingerprint"])).upper() or FINGERPRINTS.get(signed, ""),
        "key_path": f"/etc/apt/keyrings/{name}.asc" if apt else f"/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}",
        "path": f"/etc/apt/sources.list.d/{name}.sources" if apt else f"/etc/yum.repos.d/{name}.repo",
    }
    problems = _source_problems(settings, result, codename)
    return {
        **result,
        "errors": [str(StrongholdError(settings["host"], "name a package source", *problem)) for problem in problems],
    }


def _source_problems(settings: Settings, result: Mapping[str, Any], codename: str) -> list[Refusal]:
    problems = []
    distribution, vendor = settings["distribution"], not settings["mirror"]
    if vendor and codename in NOT_AT_VENDOR and not settings["suite"]:
        problems.append(
            Refusal(
                f"MongoDB publishes no packages for {distribution} {settings['release']} ({codename})",
                "set mongodb_install_mirror to a mirror that has them, or mongodb_install_suite to a suite that runs there",
            )
        )
    if vendor and distribution == "Debian" and settings["machine"] == "aarch64":
        problems.append(Refusal("MongoDB publishes no aarch64 packages for Debian", "set mongodb_install_mirror or use Ubuntu"))
    if not result["fingerprint"]:
        problems.append(
            Refusal(
                f"the fingerprint of the key that signs MongoDB {result['series']} is not known here",
                "set mongodb_install_key_fingerprint to the one that its publisher states",
            )
        )
    elif not re.fullmatch(r"[0-9A-F]{40}", result["fingerprint"]):
        problems.append(
            Refusal("mongodb_install_key_fingerprint is not 40 hex digits", "set the whole fingerprint, not a key id")
        )
    if re.search(r"//[^/@]*@", f"{result['url']} {result['key_url']}"):
        problems.append(
            Refusal(
                "the URL of the mirror holds a password, and the repository file is world-readable",
                "put it into apt's auth.conf.d instead",
            )
        )
    return problems


def plan(survey: HostState, origin: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What to install on a host in the state ``survey``, from ``origin`` (see source()).

    ``settings``: host, distribution, version, packages (names). Packages called mongodb-org* carry the server's version and
    are held; an installed release of the wanted series is kept unless a newer one is asked for exactly. Others are installed
    when they are missing.

    Returns errors (sentences), key (the key file must be put in place), specs (for the package manager), hold
    (names to hold).
    """
    apt = settings["distribution"] in CODENAMES
    problems: list[Refusal] = []
    specs = []
    for name in settings["packages"]:
        present = survey["packages"].get(name)
        if not name.startswith(VERSIONED):
            specs += [] if present else [name]
            continue
        if present:
            problem = _refusal(name, present["version"], settings["version"])
            if problem:
                problems.append(problem)
                continue
        if not present or not present["complete"] or _older(present["version"], settings["version"]):
            specs.append(_spec(name, settings["version"], apt))
    versioned = [name for name in settings["packages"] if name.startswith(VERSIONED)]
    held = {name for name, state in survey["packages"].items() if state["held"]}
    return {
        "errors": [str(StrongholdError(settings["host"], "install MongoDB", *problem)) for problem in problems],
        "key": not _same_key(survey["files"].get(origin["key_path"]), origin),
        "specs": specs,
        "hold": [name for name in versioned if name not in held or specs] if apt else [],
    }


def key_problem(text: str, fingerprint: str) -> str:
    """Why the armoured key must not be trusted, or "". One primary key exactly: a second one would be trusted unseen."""
    found = pgp.fingerprints(text)
    if not found:
        return "what came is no ASCII-armoured OpenPGP key of version 4"
    if found != [fingerprint]:
        return f"its fingerprint is {', '.join(found)} and not {fingerprint}"
    return ""


def _same_key(file: ManagedFile | None, origin: Mapping[str, Any]) -> bool:
    if not file or file["mode"] != "0644" or file["uid"] != 0:
        return False
    return not key_problem(file["content"], origin["fingerprint"])


def _series(version: str) -> str:
    return ".".join(str(version).split(".")[:2])


def _release(version: str) -> tuple[int, int, int] | None:
    match = RELEASE.match(str(version))
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _older(installed: str, wanted: str) -> bool:
    now, then = _release(installed), _release(wanted)
    return now is not None and then is not None and now < then


def _refusal(name: str, installed: str, wanted: str) -> Refusal | None:
    now, then = _release(installed), _release(wanted)
    if now is None:
        return Refusal(f"the version {installed!r} of the installed {name} cannot be read", "install a release of the vendor's")
    series = tuple(int(part) for part in _series(wanted).split("."))
    if now[:2] < series:
        return Refusal(
            f"{name} {installed} is installed and {wanted} is another series",
            "use the upgrade playbook, which goes through the series one by one",
        )
    if now[:2] > series or (then and now > then):
        return Refusal(
            f"{name} {installed} is installed and {wanted} is older",
            "restore a backup on new hosts to go back to an older release",
        )
    return None


def _spec(name: str, version: str, apt: bool) -> str:
    return f"{name}{'=' if apt else '-'}{version if _release(version) else f'{version}.*'}"
