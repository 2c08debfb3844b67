# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._host.install_plan import key_problem, plan, source
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.package_failure import sentence

KEY = (Path(__file__).parent / "rendered" / "keys" / "one.asc").read_text()
FINGERPRINT = "57CEEBD080CB07759781C4AFF1947577AD1A79B6"
SETTINGS: dict[str, Any] = {
    "host": "db-a",
    "distribution": "Debian",
    "release": "12",
    "machine": "x86_64",
    "version": "7.0",
    "packages": ["mongodb-org-server"],
    **dict.fromkeys(("mirror", "suite", "component", "key", "key_url", "fingerprint"), ""),
}
MIRROR = {"mirror": "https://mirror.example/mongo/", "fingerprint": FINGERPRINT}


def origin(**settings: Any) -> dict[str, Any]:
    return source({**SETTINGS, **settings})


def installed(version: str, held: bool = True, complete: bool = True) -> dict[str, Any]:
    return {"version": version, "held": held, "complete": complete}


def decide(present: dict[str, Any], file: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    wanted = {**SETTINGS, **MIRROR, **settings}
    where = source(wanted)
    return plan({"packages": present, "files": {where["key_path"]: file}}, where, wanted)


def key_file(**change: Any) -> dict[str, Any]:
    return {"content": KEY, "mode": "0644", "uid": 0, **change}


@pytest.mark.parametrize(
    ("settings", "url", "suite", "component"),
    [
        ({}, "https://repo.mongodb.org/apt/debian", "bookworm/mongodb-org/7.0", "main"),
        (
            {"distribution": "Ubuntu", "release": "24.04", "version": "8.0.4", "machine": "aarch64"},
            "https://repo.mongodb.org/apt/ubuntu",
            "noble/mongodb-org/8.0",
            "multiverse",
        ),
        ({"distribution": "RedHat", "release": "9"}, "https://repo.mongodb.org/yum/redhat", "9/mongodb-org/7.0", ""),
        ({**MIRROR, "release": "13"}, "https://mirror.example/mongo", "trixie/mongodb-org/7.0", "main"),
        ({**MIRROR, "suite": "stable", "component": "db"}, "https://mirror.example/mongo", "stable", "db"),
        ({**MIRROR, "suite": "./"}, "https://mirror.example/mongo", "./", ""),
        (
            {"release": "13", "suite": "bookworm/mongodb-org/7.0"},
            "https://repo.mongodb.org/apt/debian",
            "bookworm/mongodb-org/7.0",
            "main",
        ),
    ],
)
def test_source(settings: dict[str, Any], url: str, suite: str, component: str) -> None:
    result = origin(**settings)
    assert (result["url"], result["suite"], result["component"], result["errors"]) == (url, suite, component, [])


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://pgp.mongodb.com/server-7.0.asc"),
        ({"version": "8.2.1"}, "https://pgp.mongodb.com/server-8.0.asc"),
        (MIRROR, "https://mirror.example/mongo/server-7.0.asc"),
        ({**MIRROR, "key_url": "https://keys.example/k.asc"}, "https://keys.example/k.asc"),
    ],
)
def test_where_the_key_comes_from(settings: dict[str, Any], url: str) -> None:
    assert origin(**settings)["key_url"] == url


def test_the_fingerprint_is_read_in_the_forms_in_which_it_is_published() -> None:
    spaced = "57ce ebd0 80cb 0775 9781  C4AF F194 7577 AD1A 79B6"
    assert origin(fingerprint=spaced)["fingerprint"] == FINGERPRINT
    assert origin(fingerprint="0x" + FINGERPRINT)["fingerprint"] == FINGERPRINT
    assert origin(fingerprint=spaced)["errors"] == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"release": "13"}, "no packages for Debian 13 (trixie)"),
        ({"machine": "aarch64"}, "no aarch64 packages for Debian"),
        ({"version": "9.0"}, "set mongodb_install_key_fingerprint"),
        ({"fingerprint": "AD1A79B6"}, "not a key id"),
        ({**MIRROR, "mirror": "https://me:canary@mirror.example/"}, "holds a password"),
        ({"key_url": "https://me:canary@mirror.example/k"}, "holds a password"),
    ],
)
def test_refused_sources(settings: dict[str, Any], words: str) -> None:
    (text,) = origin(**settings)["errors"]
    assert text.startswith("db-a: could not name a package source because ")
    assert words in text
    assert "canary" not in text


def test_what_only_the_vendor_lacks_is_at_a_mirror_or_in_a_suite() -> None:
    assert origin(**MIRROR, release="13")["errors"] == []
    assert origin(release="13", suite="bookworm/mongodb-org/7.0")["errors"] == []
    assert origin(**MIRROR, machine="aarch64")["errors"] == []
    assert origin(distribution="RedHat", release="9", machine="aarch64")["errors"] == []
    assert origin(distribution="Ubuntu", release="24.04", machine="aarch64")["errors"] == []
    assert origin(**{**MIRROR, "mirror": "https://mirror.example/a@b/"})["errors"] == [], "no password there"


def test_files_are_named_after_the_series_and_where_each_family_looks() -> None:
    debian, rhel = origin(), origin(distribution="RedHat", release="9")
    assert (debian["key_path"], debian["path"]) == (
        "/etc/apt/keyrings/mongodb-org-7.0.asc",
        "/etc/apt/sources.list.d/mongodb-org-7.0.sources",
    )
    assert (rhel["key_path"], rhel["path"]) == (
        "/etc/pki/rpm-gpg/RPM-GPG-KEY-mongodb-org-7.0",
        "/etc/yum.repos.d/mongodb-org-7.0.repo",
    )


@pytest.mark.parametrize(("digits", "good"), [(39, False), (40, True), (41, False)])
def test_a_fingerprint_is_forty_digits(digits: int, good: bool) -> None:
    assert (origin(fingerprint="A" * digits)["errors"] == []) is good


def test_a_key_is_trusted_by_its_fingerprint_and_alone() -> None:
    assert key_problem(KEY, FINGERPRINT) == ""
    assert "is 57CE" in key_problem(KEY, "A" * 40)
    assert "and not" in key_problem(KEY, FINGERPRINT[:-1] + "7")
    assert "no ASCII-armoured" in key_problem("", FINGERPRINT)


def test_a_bare_host() -> None:
    assert decide({}) == {
        "errors": [],
        "key": True,
        "specs": ["mongodb-org-server=7.0.*"],
        "hold": ["mongodb-org-server"],
    }


def test_a_converged_host_keeps_its_release_of_the_series() -> None:
    assert decide({"mongodb-org-server": installed("7.0.2")}, key_file()) == {
        "errors": [],
        "key": False,
        "specs": [],
        "hold": [],
    }


@pytest.mark.parametrize(
    ("distribution", "spec"), [("Debian", "mongodb-org-server=7.0.14"), ("RedHat", "mongodb-org-server-7.0.14")]
)
def test_an_exact_release_moves_up_within_the_series(distribution: str, spec: str) -> None:
    release = "12" if distribution == "Debian" else "9"
    result = decide({"mongodb-org-server": installed("7.0.2")}, version="7.0.14", distribution=distribution, release=release)
    assert (result["errors"], result["specs"]) == ([], [spec])
    same = decide({"mongodb-org-server": installed("7.0.14")}, version="7.0.14", distribution=distribution, release=release)
    assert same["specs"] == []


@pytest.mark.parametrize(
    ("present", "wanted", "words"),
    [
        ("7.0.14", "7.0.2", "is older; restore a backup"),
        ("8.0.1", "7.0", "is older; restore a backup"),
        ("6.0.27", "7.0", "another series; use the upgrade playbook"),
        ("6.0.27-1.el9", "7.0.14", "another series; use the upgrade playbook"),
        ("git-abc", "7.0", "cannot be read"),
    ],
)
def test_refused_changes_of_version(present: str, wanted: str, words: str) -> None:
    result = decide({"mongodb-org-server": installed(present)}, version=wanted)
    assert result["specs"] == []
    (text,) = result["errors"]
    assert words in text


def test_versions_are_numbers_and_not_texts() -> None:
    assert decide({"mongodb-org-server": installed("7.0.9")}, version="7.0.14")["specs"] == ["mongodb-org-server=7.0.14"]
    assert decide({"mongodb-org-server": installed("7.0.1")}, version="7.0.2")["specs"] == ["mongodb-org-server=7.0.2"]


@pytest.mark.parametrize(
    ("present", "wanted", "specs", "refused"),
    [
        ("7.0.14", "7.0.14", [], False),
        ("7.0.14-1.el9", "7.0.14", [], False),
        ("1:7.0.14", "7.0.14", [], False),
        ("7.0.13", "7.0.14", ["mongodb-org-server=7.0.14"], False),
        ("7.0.15", "7.0.14", [], True),
        ("7.0.99", "7.0", [], False),
        ("7.0.0", "7.0", [], False),
        ("7.1.0", "7.0", [], True),
        ("6.9.9", "7.0", [], True),
        ("8.0.0", "8.2", [], True),
        ("10.0.0", "9.0", [], True),
        ("9.0.0", "10.0", [], True),
    ],
)
def test_a_release_is_kept_within_its_series_and_never_lowered(
    present: str, wanted: str, specs: list[str], refused: bool
) -> None:
    result = decide({"mongodb-org-server": installed(present)}, version=wanted)
    assert (result["specs"], bool(result["errors"])) == (specs, refused)


def test_one_package_that_is_refused_is_told_beside_what_the_others_need() -> None:
    names = ["mongodb-org-server", "mongodb-org-tools", "mongodb-mongosh"]
    result = decide({"mongodb-org-server": installed("8.0.1")}, packages=names)
    assert (len(result["errors"]), result["specs"]) == (1, ["mongodb-org-tools=7.0.*", "mongodb-mongosh"])
    assert result["hold"] == ["mongodb-org-server", "mongodb-org-tools"]


def test_a_hold_is_put_back_where_one_of_several_lacks_it() -> None:
    names = ["mongodb-org-server", "mongodb-org-tools"]
    present = {"mongodb-org-server": installed("7.0.2"), "mongodb-org-tools": installed("7.0.2", held=False)}
    assert decide(present, packages=names)["hold"] == ["mongodb-org-tools"]


def test_half_installed_packages_are_finished() -> None:
    assert decide({"mongodb-org-server": installed("7.0.2", complete=False)})["specs"] == ["mongodb-org-server=7.0.*"]


def test_a_lost_hold_is_put_back_without_an_installation() -> None:
    result = decide({"mongodb-org-server": installed("7.0.2", held=False)})
    assert (result["specs"], result["hold"]) == ([], ["mongodb-org-server"])


def test_the_rhel_family_holds_by_its_repository_file() -> None:
    assert decide({}, distribution="RedHat", release="9")["hold"] == []


def test_tools_have_versions_of_their_own() -> None:
    names = ["mongodb-org-server", "mongodb-mongosh"]
    bare = decide({}, packages=names)
    assert bare["specs"] == ["mongodb-org-server=7.0.*", "mongodb-mongosh"]
    assert bare["hold"] == ["mongodb-org-server"]
    assert (
        decide({"mongodb-org-server": installed("7.0.2"), "mongodb-mongosh": installed("2.1", held=False)}, packages=names)[
            "specs"
        ]
        == []
    )


@pytest.mark.parametrize(
    "file",
    [None, key_file(content="other"), key_file(mode="0666"), key_file(uid=1000)],
    ids=["missing", "other", "open", "foreign"],
)
def test_the_key_is_put_in_place_unless_it_is_there(file: dict[str, Any] | None) -> None:
    assert decide({}, file)["key"] is True
    assert decide({}, key_file())["key"] is False


@pytest.mark.parametrize(
    ("result", "reason", "remedy"),
    [
        (
            {"msg": "non-zero return code", "stderr": "E: Version '6.0.99' for 'mongodb-org-server' was not found"},
            "Version '6.0.99' for 'mongodb-org-server' was not found",
            "into the source",
        ),
        (
            {"msg": "'apt-get' failed", "stderr": "noise\nE: You don't have enough free space in /var/cache/apt/archives/."},
            "enough free",
            "free space",
        ),
        (
            {"msg": "failed", "stderr": "W: x\ndpkg: cannot copy: failed to write (No space left on device)\nE: Sub-process"},
            "No space left",
            "free space",
        ),
        ({"msg": "Failed to update: W:GPG error: http://m NO_PUBKEY 97CE"}, "NO_PUBKEY 97CE", "fingerprint"),
        ({"msg": "E:Failed to fetch http://m/InRelease Could not connect to m:80"}, "Could not connect", "reaches the source"),
        ({"stderr": "ERROR: No matching distribution found for pymongo>=4.6"}, "No matching distribution", "into the source"),
        ({"msg": "something new"}, "something new", "mend that"),
        ({}, "gave no reason", "mend that"),
    ],
)
def test_the_line_that_matters(result: dict[str, Any], reason: str, remedy: str) -> None:
    text = sentence(result, "db-a", "install it", "https://mirror.example")
    assert text.startswith("db-a: could not install it from https://mirror.example because ")
    assert reason in text
    assert remedy in text
    assert "\n" not in text


def test_a_sentence_is_short_and_without_passwords() -> None:
    text = sentence({"msg": "Could not fetch https://me:canary@host/x " + "y" * 900}, "db-a", "install it", "a mirror")
    assert "canary" not in text
    assert len(text) < 400


def test_the_command_line_is_no_reason() -> None:
    line = "'/usr/bin/apt-get -y -o \"Dpkg::Options\" install 'x=1'' failed: E: You don't have enough free space in /var."
    assert "because You don't have enough free space in /var; free space" in sentence(
        {"msg": line}, "db-a", "install it", "a mirror"
    )


DPKG = "dpkg: error processing {}:\n {}\nErrors were encountered while processing:\n zz-b\n"
APT = "E: Sub-process /usr/bin/dpkg returned an error code (1)"


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (
            {
                "stderr": DPKG.format(
                    "archive /var/cache/zz-b.deb (--unpack)", "trying to overwrite '/usr/bin/x', which is also in package y"
                )
                + APT
            },
            "trying to overwrite '/usr/bin/x', which is also in package y; remove the package",
        ),
        (
            {
                "stderr": "zz-b: the licence is missing\n"
                + DPKG.format(
                    "package zz-b (--configure)",
                    "installed zz-b package post-installation script subprocess returned error exit status 3",
                )
                + APT
            },
            "installed zz-b package post-installation script subprocess returned error exit status 3; mend that",
        ),
        (
            {
                "msg": "Unknown Error occurred: Transaction test error:\n"
                "  file /usr/bin/x from install of zz-b-1 conflicts with file from package y-1\n"
            },
            "file /usr/bin/x from install of zz-b-1 conflicts with file from package y-1; remove the package",
        ),
        (
            {"msg": "Unknown Error occurred: Transaction test error:\n  package zz-b is broken\n"},
            "package zz-b is broken; mend that",
        ),
        ({"stderr": APT}, "Sub-process /usr/bin/dpkg returned an error code (1); mend that"),
    ],
)
def test_the_reason_is_the_line_that_says_why(result: dict[str, Any], reason: str) -> None:
    assert f"because {reason}" in sentence(result, "db-a", "install it", "https://mirror.example")
