# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._host.plan import plan, problems, unmet

PLATFORM = {
    "host": "db-a",
    "os_family": "Debian",
    "distribution": "Debian",
    "version": "12.15",
    "machine": "x86_64",
    "service_manager": "systemd",
    "python": "3.11.2",
}
THP_ENABLED = "/sys/kernel/mm/transparent_hugepage/enabled"
THP_DEFRAG = "/sys/kernel/mm/transparent_hugepage/defrag"
THP_PTES = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none"


def kernel(value: str, writable: bool = True) -> dict[str, Any]:
    return {"value": value, "writable": writable}


SURVEY: dict[str, Any] = {
    "set_name": None,
    "cluster_auth": None,
    "tls_mode": None,
    "has_data": False,
    "container": False,
    "python": "/usr/bin/python3.11",
    "pip_wheel": "/usr/share/python-wheels/pip-23.0.1-py3-none-any.whl",
    "nft": True,
    "restic": False,
    "rclone": False,
    "logrotate": True,
    "rooms": [{"path": "/data", "free_mb": 9000, "size_mb": 20000}],
    "cpu": {"avx": True, "atomics": False},
    "numa_nodes": 1,
    "swap_mb": 0,
    "mount": {
        **{"point": "/data", "fstype": "xfs", "options": ["rw", "noatime"], "free_mb": 9000},
        **{"read_ahead_sectors": 16, "logical_volume": False},
    },
    "thp": {"enabled": kernel("never"), "defrag": kernel("never"), "khugepaged/max_ptes_none": kernel("511")},
    "sysctls": {
        "vm.max_map_count": kernel("131060"),
        "vm.swappiness": kernel("1"),
        "vm.zone_reclaim_mode": kernel("1"),
        "vm.overcommit_memory": kernel("0"),
    },
    "time_services": ["chrony"],
    "clock_synchronised": True,
    "tuned": None,
    "selinux": "enforcing",
    "user": {"uid": 999, "shell": "/usr/sbin/nologin", "group": "mongodb"},
    "group": True,
    "venv": {"private": True, "distributions": {"pymongo": "4.9", "cryptography": "43.0"}},
}
SETTINGS: dict[str, Any] = {
    "cluster": "orders",
    "cluster_auth": "x509",
    "tls_mode": "requireTLS",
    "host": "db-a",
    "kernel": "6.1.0-40-amd64",
    "machine": "x86_64",
    "os_family": "Debian",
    "version": "7.0",
    "member": True,
    "backup": False,
    "sends_files": False,
    "takes_files": False,
    "firewall": True,
    "path": "/data",
    "user": "mongodb",
    "group": "mongodb",
    "min_free_mb": 2048,
    "strict": False,
    "manage_time": True,
    "time_package": "systemd-timesyncd",
    "minimums": {"vm.max_map_count": 131060},
    "exact": {"vm.swappiness": 1},
    "sysctl_file": "vm.max_map_count = 131060\nvm.swappiness = 1\n",
    "thp_unit_enabled": True,
    "unmet": [],
    "python_sources": ["", ""],
}


def decide(survey: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    return plan({**copy.deepcopy(SURVEY), **(survey or {})}, {**SETTINGS, **settings})


def test_a_ready_host_lacks_nothing() -> None:
    assert decide() == {
        "errors": [],
        "findings": [],
        "packages": [],
        "time_unit": "",
        "account": None,
        "sysctl": {"values": {"vm.max_map_count": 131060, "vm.swappiness": 1}, "apply": False},
        "thp": {"values": {THP_ENABLED: "never", THP_DEFRAG: "never"}, "apply": False},
        "venv": {"create": False, "install": False},
    }


@pytest.mark.parametrize(
    ("free", "size", "told"), [(99, 500, True), (100, 500, False), (2047, 100_000, True), (2048, 100_000, False)]
)
def test_a_log_that_is_nearly_full_is_told(free: int, size: int, told: bool) -> None:
    rooms = [*SURVEY["rooms"], {"path": "/var/log/mongodb", "free_mb": free, "size_mb": size}]
    sentence = f"only {free} of {size} MiB are free for /var/log/mongodb, and mongod ends when that is full"
    assert decide({"rooms": rooms})["findings"] == ([sentence] if told else [])
    assert decide({"rooms": rooms}, member=False)["findings"] == []


def test_a_member_gets_what_rotates_its_log() -> None:
    assert decide({"logrotate": False})["packages"] == ["logrotate"]
    assert decide({"logrotate": False}, member=False)["packages"] == []


@pytest.mark.parametrize(
    ("distribution", "family", "version"),
    [
        ("Debian", "Debian", "13.7"),
        ("Ubuntu", "Debian", "22.04"),
        ("Ubuntu", "Debian", "24.04"),
        ("Rocky", "RedHat", "9.6"),
        ("AlmaLinux", "RedHat", "8.10"),
    ],
)
def test_supported_platforms(distribution: str, family: str, version: str) -> None:
    assert problems({**PLATFORM, "distribution": distribution, "os_family": family, "version": version}) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "11.9"}, "Debian 11.9 is not supported"),
        ({"distribution": "Ubuntu", "version": "22.10"}, "Ubuntu 22.10 is not supported"),
        ({"distribution": "Fedora", "os_family": "RedHat", "version": "42"}, "Fedora 42 is not supported"),
        ({"distribution": "SLES", "os_family": "Suse"}, "SLES 12.15 is not supported"),
        ({"machine": "s390x"}, "no packages for s390x"),
        ({"service_manager": "sysvinit"}, "its service manager is sysvinit"),
        ({"python": "3.8.20"}, "its Python is 3.8.20"),
    ],
)
def test_other_platforms_are_refused_in_one_sentence(change: dict[str, str], words: str) -> None:
    (sentence,) = problems({**PLATFORM, **change})
    assert sentence.startswith("db-a: could not accept this host because ")
    assert words in sentence
    assert sentence.count("; ") == 1


@pytest.mark.parametrize(
    ("survey", "settings", "words"),
    [
        ({}, {"version": "8.0.4", "kernel": "6.19.2"}, "SERVER-121912"),
        ({"cpu": {"avx": False, "atomics": False}}, {}, "AVX"),
        ({"cpu": {"avx": False, "atomics": False}}, {"machine": "aarch64"}, "ARMv8.2-A"),
        ({"set_name": "ledger"}, {}, "a member of the replica set 'ledger' and not of 'orders'"),
        ({"cluster_auth": "keyFile", "has_data": True}, {}, "run the playbook stronghold.mongodb.x509_membership"),
        (
            {"cluster_auth": "sendX509", "has_data": True},
            {"cluster_auth": "keyFile"},
            "cluster_auth to x509 and run the playbook",
        ),
        ({"cluster_auth": "x509", "has_data": True}, {"cluster_auth": "keyFile"}, "x509, since a set does not go back"),
        ({"tls_mode": "allowTLS", "has_data": True}, {}, "run the playbook stronghold.mongodb.require_tls"),
        (
            {"tls_mode": "requireTLS", "has_data": True},
            {"tls_mode": "preferTLS"},
            "take net.tls.mode out of mongodb_server_config, since",
        ),
        ({}, {"min_free_mb": 9001}, "only 9000 MiB are free for /data"),
        ({}, {"min_free_mb": "9001"}, "only 9000 MiB are free for /data"),  # as a survey or the command line gives it
        ({"user": {"uid": 0, "shell": "/sbin/nologin", "group": "mongodb"}}, {}, "has uid 0"),
        ({"time_services": []}, {"manage_time": False}, "no time service runs"),
    ],
)
def test_what_a_member_cannot_do_without(survey: dict[str, Any], settings: dict[str, Any], words: str) -> None:
    (sentence,) = decide(survey, **settings)["errors"]
    assert words in sentence


def test_limits_are_exact() -> None:
    assert decide(version="8.0", kernel="6.18.44")["errors"] == []
    assert decide(version="7.0", kernel="6.19.0")["errors"] == []
    assert decide({"cpu": {"avx": False, "atomics": False}}, version="4.4")["errors"] == []
    assert decide(min_free_mb=9000)["errors"] == []
    assert decide({"cluster_auth": "keyFile"})["errors"] == []
    assert decide({"cluster_auth": "x509", "has_data": True})["errors"] == []


NO_AVX: dict[str, Any] = {"cpu": {"avx": False, "atomics": False}}


@pytest.mark.parametrize(
    ("version", "machine", "refused"),
    [
        ("4.4.29", "x86_64", False),
        ("5.0", "x86_64", True),
        ("5.0.4", "x86_64", True),
        ("10.0", "x86_64", True),
        ("4.4.29", "aarch64", False),
        ("5.0", "aarch64", True),
    ],
)
def test_processors_matter_from_five_on(version: str, machine: str, refused: bool) -> None:
    assert [
        f"MongoDB {version} needs a processor" in text for text in decide(NO_AVX, version=version, machine=machine)["errors"]
    ] == ([True] if refused else [])
    assert decide({"cpu": {"avx": True, "atomics": True}}, version=version, machine=machine)["errors"] == []


def test_each_machine_needs_its_own_of_the_two() -> None:
    assert "ARMv8.2-A" in decide({"cpu": {"avx": True, "atomics": False}}, machine="aarch64")["errors"][0]
    assert "AVX" in decide({"cpu": {"avx": False, "atomics": True}})["errors"][0]
    assert decide({"cpu": {"avx": False, "atomics": True}}, machine="aarch64")["errors"] == []


@pytest.mark.parametrize(
    ("version", "kernel", "refused"),
    [
        ("8.0", "6.19.0", True),
        ("8.2.1", "6.19-rc1", True),
        ("8.0", "7.0.1", True),
        ("8.0", "6.18.99", False),
        ("8.0", "5.20.1", False),
        ("7.3", "6.19.0", False),
        ("8.0", "unreadable", False),
    ],
)
def test_kernels_matter_from_eight_on(version: str, kernel: str, refused: bool) -> None:
    assert any("SERVER-121912" in text for text in decide(version=version, kernel=kernel)["errors"]) is refused


def test_huge_pages_are_on_from_eight_on() -> None:
    assert decide(version="7.3")["thp"]["values"][THP_ENABLED] == "never"
    assert "vm.overcommit_memory" not in decide(version="7.3")["sysctl"]["values"]
    assert decide(version="10.0")["thp"]["values"][THP_ENABLED] == "always"


@pytest.mark.parametrize(("free", "lacks"), [(2047, True), (2048, False), (2049, False)])
def test_enough_space_is_enough(free: int, lacks: bool) -> None:
    mount = {"mount": {**SURVEY["mount"], "free_mb": free}}
    assert bool(decide(mount)["errors"]) is lacks
    with_data = decide({**mount, "has_data": True})
    assert (with_data["errors"], bool(with_data["findings"])) == ([], lacks)


@pytest.mark.parametrize(("sectors", "good"), [(7, False), (8, True), (32, True), (33, False)])
def test_read_ahead_has_a_range(sectors: int, good: bool) -> None:
    assert (decide({"mount": {**SURVEY["mount"], "read_ahead_sectors": sectors}})["findings"] == []) is good


@pytest.mark.parametrize(
    ("python", "good"), [("3.8.20", False), ("3.9.0", True), ("3.10.1", True), ("4.0", True), ("2.7.18", False)]
)
def test_pythons_are_numbers(python: str, good: bool) -> None:
    assert (problems({**PLATFORM, "python": python}) == []) is good


def test_an_account_is_refused_for_its_number_alone() -> None:
    user = {"shell": "/sbin/nologin", "group": "mongodb"}
    assert decide({"user": {**user, "uid": 1}})["errors"] == []
    assert decide({"user": None})["errors"] == []


def test_a_member_of_the_right_set_is_one() -> None:
    assert decide({"set_name": "orders"})["errors"] == []


def test_all_that_is_in_the_way_is_told_at_once() -> None:
    survey: dict[str, Any] = {"cluster_auth": "keyFile", "tls_mode": "allowTLS", "has_data": True, "set_name": "ledger"}
    assert len(decide({**survey, **NO_AVX})["errors"]) == 4


def test_a_member_whose_disk_is_full_does_not_stop_the_run() -> None:
    result = decide({"has_data": True}, min_free_mb=9001)
    assert result["errors"] == []
    assert result["findings"] == ["only 9000 MiB are free for /data, 9001 are wanted"]


@pytest.mark.parametrize(
    ("survey", "words"),
    [
        ({"mount": {**SURVEY["mount"], "fstype": "ext4"}}, "XFS"),
        ({"mount": {**SURVEY["mount"], "options": ["rw", "relatime"]}}, "noatime"),
        ({"mount": {**SURVEY["mount"], "read_ahead_sectors": 256}}, "256 sectors"),
        ({"swap_mb": 512}, "512 MiB of swap"),
        ({"tuned": "throughput-performance"}, "throughput-performance"),
        ({"clock_synchronised": False}, "clock"),
    ],
)
def test_findings_stop_a_strict_run_only(survey: dict[str, Any], words: str) -> None:
    loose, strict = decide(survey), decide(survey, strict=True)
    assert loose["errors"] == []
    assert [words in text for text in loose["findings"]] == [True]
    assert [words in text for text in strict["errors"]] == [True]


def test_selinux_is_looked_at_on_the_rhel_family_only() -> None:
    assert decide({"selinux": "disabled"})["findings"] == []
    assert decide({"selinux": "permissive"}, os_family="RedHat")["findings"] == ["SELinux is permissive"]


def test_a_file_system_without_a_device_of_its_own_has_no_read_ahead() -> None:
    assert decide({"mount": {**SURVEY["mount"], "read_ahead_sectors": None}})["findings"] == []


def sysctl(name: str, value: str, writable: bool = True, **settings: Any) -> dict[str, Any]:
    return decide({"sysctls": {**SURVEY["sysctls"], name: kernel(value, writable)}}, **settings)


def test_a_minimum_is_raised_and_never_lowered() -> None:
    low = sysctl("vm.max_map_count", "65530", sysctl_file="")["sysctl"]
    assert (low["values"]["vm.max_map_count"], low["apply"]) == (131060, True)
    enough = sysctl("vm.max_map_count", "262144", sysctl_file="")["sysctl"]
    assert enough == {"values": {"vm.swappiness": 1}, "apply": False}
    raised_since = sysctl("vm.max_map_count", "262144")["sysctl"]
    assert (raised_since["values"]["vm.max_map_count"], raised_since["apply"]) == (262144, False)


@pytest.mark.parametrize(
    ("value", "in_file", "values", "apply"),
    [
        ("131059", False, {"vm.max_map_count": 131060}, True),
        ("131060", False, {}, False),
        ("131061", False, {}, False),
        ("131059", True, {"vm.max_map_count": 131060}, True),
        ("131060", True, {"vm.max_map_count": 131060}, False),
        ("131061", True, {"vm.max_map_count": 131061}, False),
    ],
)
def test_a_minimum_that_is_met_is_met(value: str, in_file: bool, values: dict[str, int], apply: bool) -> None:
    """What the file names stays in it, with the value that runs."""
    text = "vm.max_map_count = 131060\n" if in_file else ""
    found = sysctl("vm.max_map_count", value, sysctl_file=text)["sysctl"]
    assert found == {"values": {**values, "vm.swappiness": 1}, "apply": apply}


@pytest.mark.parametrize(("value", "lacks"), [("131059", True), ("131060", False), ("131061", False)])
def test_a_minimum_that_cannot_be_set_matters_where_it_is_not_met(value: str, lacks: bool) -> None:
    assert bool(sysctl("vm.max_map_count", value, writable=False)["findings"]) is lacks


def test_one_value_that_is_right_does_not_hide_one_that_is_not() -> None:
    for name, value in (("vm.max_map_count", "1"), ("vm.swappiness", "60")):
        assert sysctl(name, value)["sysctl"]["apply"] is True


def test_what_is_missing_in_this_kernel_is_told_with_what_is_wanted() -> None:
    found = decide({"sysctls": {}})
    assert found["sysctl"] == {"values": {}, "apply": False}
    assert found["findings"] == [
        "this kernel does not let these be set: vm.max_map_count (is missing, wants 131060), vm.swappiness (is missing, wants 1)"
    ]


def test_what_is_and_what_is_wanted_are_told() -> None:
    (text,) = sysctl("vm.swappiness", "60", writable=False)["findings"]
    assert text == "this kernel does not let these be set: vm.swappiness (is 60, wants 1)"


def test_an_exact_value_is_lowered_too() -> None:
    assert sysctl("vm.swappiness", "60")["sysctl"]["apply"] is True
    assert sysctl("vm.swappiness", "0")["sysctl"] == {"values": {"vm.max_map_count": 131060, "vm.swappiness": 1}, "apply": True}


@pytest.mark.parametrize("state", [kernel("60", writable=False), None])
def test_what_cannot_be_set_is_reported_and_left_out(state: dict[str, Any] | None) -> None:
    result = decide({"sysctls": {**SURVEY["sysctls"], "vm.swappiness": state}})
    assert result["sysctl"] == {"values": {"vm.max_map_count": 131060}, "apply": False}
    assert ["vm.swappiness" in text for text in result["findings"]] == [True]


def test_what_cannot_be_set_and_is_right_is_no_finding() -> None:
    assert sysctl("vm.swappiness", "1", writable=False)["findings"] == []
    assert sysctl("vm.max_map_count", "262144", writable=False)["findings"] == []


def test_numa() -> None:
    assert decide({"numa_nodes": 2})["sysctl"]["values"]["vm.zone_reclaim_mode"] == 0
    assert decide({"numa_nodes": 3})["sysctl"]["values"]["vm.zone_reclaim_mode"] == 0
    assert "vm.zone_reclaim_mode" not in decide()["sysctl"]["values"]


def test_huge_pages_follow_the_version() -> None:
    new = decide(version="8.0")
    assert new["thp"] == {"values": {THP_ENABLED: "always", THP_DEFRAG: "defer+madvise", THP_PTES: "0"}, "apply": True}
    assert new["sysctl"]["values"]["vm.overcommit_memory"] == 1
    old = decide({"thp": {**SURVEY["thp"], "enabled": kernel("madvise")}})
    assert old["thp"] == {"values": {THP_ENABLED: "never", THP_DEFRAG: "never"}, "apply": True}


def test_huge_pages_are_applied_again_when_a_kill_left_the_unit_disabled() -> None:
    assert decide(thp_unit_enabled=False)["thp"]["apply"] is True


def test_read_only_huge_pages_are_reported_and_never_changed() -> None:
    locked = {name: {**state, "writable": False} for name, state in SURVEY["thp"].items()}
    right = decide({"thp": locked}, thp_unit_enabled=False)
    assert (right["thp"], right["findings"]) == ({"values": {}, "apply": False}, [])
    wrong = decide({"thp": {**locked, "enabled": kernel("always", writable=False)}}, thp_unit_enabled=False)
    assert wrong["thp"] == {"values": {}, "apply": False}
    assert wrong["findings"] == ["transparent huge pages cannot be set here: enabled (is always, wants never)"]


def test_one_setting_that_is_read_only_leaves_the_others_to_be_set() -> None:
    mixed = {**SURVEY["thp"], "enabled": kernel("never", writable=False), "defrag": kernel("madvise")}
    assert decide({"thp": mixed})["thp"] == {"values": {THP_DEFRAG: "never"}, "apply": True}
    assert decide({"thp": {**mixed, "defrag": kernel("never")}})["thp"] == {"values": {THP_DEFRAG: "never"}, "apply": False}
    differs = {**SURVEY["thp"], "defrag": kernel("madvise")}
    assert decide({"thp": differs})["thp"]["apply"] is True, "one of the two"


def test_a_kernel_without_huge_pages() -> None:
    none = dict.fromkeys(SURVEY["thp"])
    assert decide({"thp": none}, thp_unit_enabled=False)["thp"] == {"values": {}, "apply": False}


def test_the_clock() -> None:
    nobody: dict[str, Any] = {"time_services": []}
    assert (decide(nobody)["time_unit"], decide(nobody)["packages"]) == ("systemd-timesyncd", ["systemd-timesyncd"])
    rhel = decide(nobody, os_family="RedHat", time_package="chrony")
    assert (rhel["time_unit"], rhel["packages"]) == ("chronyd", ["chrony"])
    assert decide(nobody, time_package="chrony")["time_unit"] == "chrony"
    assert decide(nobody, os_family="RedHat", time_package="ntpsec")["time_unit"] == "ntpsec"
    assert decide(manage_time=False)["errors"] == []
    contained = decide({"container": True, "clock_synchronised": False})
    assert contained["findings"] == ["the clock of the machine that carries this container is not synchronised"]
    assert decide({"clock_synchronised": False})["findings"] == ["the clock is not synchronised"]
    inside = decide({"container": True, "time_services": []}, manage_time=False)
    assert (inside["time_unit"], inside["packages"], inside["errors"]) == ("", [], [])


@pytest.mark.parametrize(
    ("survey", "account"),
    [
        ({"user": None}, {"exists": False}),
        ({"user": None, "group": False}, {"exists": False}),
        ({"user": {"uid": 5, "shell": "/bin/bash", "group": "mongodb"}}, {"exists": True}),
        ({"user": {"uid": 5, "shell": "/bin/false", "group": "nogroup"}}, {"exists": True}),
        ({"user": {"uid": 5, "shell": "/bin/false", "group": "mongodb"}}, None),
        ({"user": {"uid": 5, "shell": "/bin/false", "group": "mongodb"}, "group": False}, {"exists": True}),
    ],
)
def test_the_account(survey: dict[str, Any], account: dict[str, bool] | None) -> None:
    assert decide(survey)["account"] == account


@pytest.mark.parametrize(
    ("venv", "lacking", "expected"),
    [
        ({"private": True, "distributions": None}, [], {"create": True, "install": True}),
        ({"private": False, "distributions": {}}, [], {"create": True, "install": True}),
        ({"private": True, "distributions": {}}, ["pymongo"], {"create": False, "install": True}),
        ({"private": True, "distributions": {}}, [], {"create": False, "install": False}),
    ],
)
def test_the_environment(venv: dict[str, Any], lacking: list[str], expected: dict[str, bool]) -> None:
    assert decide({"venv": venv}, unmet=lacking)["venv"] == expected


@pytest.mark.parametrize(("os_family", "package"), [("Debian", "python3-pip-whl"), ("RedHat", "python3-pip-wheel")])
def test_pip_comes_from_the_distribution_when_something_is_to_be_installed(os_family: str, package: str) -> None:
    missing: dict[str, Any] = {"pip_wheel": ""}
    assert decide(missing, os_family=os_family)["packages"] == []
    assert decide(missing, os_family=os_family, unmet=["pymongo"])["packages"] == [package]
    assert decide({**missing, "venv": {"private": True, "distributions": None}}, os_family=os_family)["packages"] == [package]
    assert decide(unmet=["pymongo"], os_family=os_family)["packages"] == []


def test_a_backup_host_gets_what_keeps_backups() -> None:
    assert decide({}, backup=True)["packages"] == ["restic"]
    assert decide({"restic": True}, backup=True)["packages"] == []
    assert decide({}, backup=True, takes_files=True)["packages"] == ["restic", "rclone"]
    assert decide({"restic": True, "rclone": True}, backup=True, takes_files=True)["packages"] == []
    assert decide({}, sends_files=True)["packages"] == ["restic"]


def test_nftables_comes_with_the_other_packages_where_a_firewall_is_wanted() -> None:
    bare: dict[str, Any] = {"nft": False}
    assert decide(bare)["packages"] == ["nftables"]
    assert decide(bare, firewall=False)["packages"] == []
    assert decide(bare, member=False)["packages"] == []


def test_requirements() -> None:
    installed = {"pymongo": "4.9.1", "cryptography": "41.0"}
    assert unmet(["pymongo>=4.6", "cryptography>=41.0,<50", "PyMongo"], installed) == []
    assert unmet(["pymongo==4.9", "cryptography>41.0", "cffi"], installed) == ["pymongo==4.9", "cryptography>41.0", "cffi"]
    assert unmet(["pymongo"], None) == ["pymongo"]
    assert unmet(["pymongo>=4.6"], {"pymongo": "5.0b1"}) == []


def test_plain_http_is_a_finding() -> None:
    assert len(decide(python_sources=["", "http://mirror/wheels/"])["findings"]) == 1
    assert decide(python_sources=["https://mirror/simple", "/srv/wheels"])["findings"] == []


def test_a_backup_host_gets_the_environment_and_the_clock_only() -> None:
    bare = {
        "user": None,
        "group": False,
        "swap_mb": 9,
        "thp": {name: kernel("always") for name in SURVEY["thp"]},
        "cpu": {"avx": False, "atomics": False},
        "time_services": [],
        "venv": {"private": False, "distributions": None},
    }
    result = decide(bare, member=False, min_free_mb=99999)
    assert (result["errors"], result["findings"], result["account"]) == ([], [], None)
    assert result["sysctl"] == result["thp"] == {"values": {}, "apply": False}
    assert (result["time_unit"], result["venv"]["create"]) == ("systemd-timesyncd", True)
