# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that the roles render, compared with golden files: what cannot be run here is at least seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ansible_collections.stronghold.mongodb.plugins.filter.units import confinement
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.install_plan import source
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.plan import plan

ROLES = Path(__file__).resolve().parents[2] / "roles"
GOLDEN = Path(__file__).parent / "rendered"
FINGERPRINT = "57CEEBD080CB07759781C4AFF1947577AD1A79B6"
SETTINGS = {
    "host": "db-a",
    "machine": "x86_64",
    "version": "7.0",
    **dict.fromkeys(("mirror", "suite", "component", "key", "key_url", "fingerprint"), ""),
}


def render(role: str, template: str, **variables: Any) -> str:
    # The settings of Ansible's own template module.
    environment = Environment(  # noqa: S701  no HTML
        loader=FileSystemLoader(ROLES / role / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["bool"] = bool  # as Ansible's for what is one already
    environment.filters["stronghold.mongodb.confinement"] = confinement
    return environment.get_template(template).render(**variables)


@pytest.mark.parametrize(
    ("golden", "template", "settings"),
    [
        ("rhel-9.repo", "mongodb-org.repo.j2", {"distribution": "RedHat", "release": "9"}),
        (
            "rhel-8-mirror.repo",
            "mongodb-org.repo.j2",
            {"distribution": "RedHat", "release": "8", "mirror": "https://m.example/yum"},
        ),
        ("debian-12.sources", "mongodb-org.sources.j2", {"distribution": "Debian", "release": "12"}),
        (
            "ubuntu-24.04-arm.sources",
            "mongodb-org.sources.j2",
            {"distribution": "Ubuntu", "release": "24.04", "version": "8.0.4", "machine": "aarch64"},
        ),
        (
            "flat.sources",
            "mongodb-org.sources.j2",
            {
                "distribution": "Debian",
                "release": "13",
                "mirror": "https://m.example/flat",
                "suite": "./",
                "fingerprint": FINGERPRINT,
            },
        ),
    ],
)
def test_repository(golden: str, template: str, settings: dict[str, str]) -> None:
    origin = source({**SETTINGS, **settings})
    assert origin["errors"] == []
    assert render("mongodb_install", template, __mongodb_install_source=origin) == (GOLDEN / golden).read_text()


@pytest.mark.parametrize(("version", "golden"), [("7.0", "7.0"), ("8.0", "8.0")])
@pytest.mark.parametrize(("template", "name"), [("sysctl.conf.j2", "sysctl.conf"), ("thp.service.j2", "thp.service")])
def test_kernel_files(version: str, golden: str, template: str, name: str) -> None:
    def kernel(value: str) -> dict[str, Any]:
        return {"value": value, "writable": True}

    survey = {
        "container": False,
        "cpu": {"avx": True, "atomics": False},
        "pip_wheel": "/usr/share/python-wheels/pip-21.3.1-py3-none-any.whl",
        "nft": True,
        "restic": True,
        "rclone": True,
        "logrotate": True,
        "rooms": [],
        "numa_nodes": 2,
        "cluster_auth": None,
        "tls_mode": None,
        "has_data": False,
        "swap_mb": 0,
        "tuned": None,
        "selinux": "enforcing",
        "mount": {"fstype": "xfs", "options": ["noatime"], "free_mb": 9000, "read_ahead_sectors": 16},
        "thp": {"enabled": kernel("always"), "defrag": kernel("madvise"), "khugepaged/max_ptes_none": kernel("511")},
        "sysctls": {
            "vm.max_map_count": kernel("65530"),
            "fs.file-max": kernel("9223372036854775807"),
            "vm.swappiness": kernel("60"),
            "vm.zone_reclaim_mode": kernel("0"),
            "vm.overcommit_memory": kernel("0"),
        },
        "time_services": ["chronyd"],
        "clock_synchronised": True,
        "set_name": None,
        "user": None,
        "group": False,
        "venv": {"private": True, "distributions": {}},
    }
    settings = {
        "host": "db-a",
        "kernel": "5.14.0-503.el9.x86_64",
        "machine": "x86_64",
        "os_family": "RedHat",
        "version": version,
        "member": True,
        "backup": False,
        "sends_files": False,
        "takes_files": False,
        "firewall": True,
        "cluster": "orders",
        "path": "/var/lib/mongo",
        "user": "mongod",
        "group": "mongod",
        "min_free_mb": 2048,
        "strict": False,
        "manage_time": True,
        "time_package": "chrony",
        "minimums": {"vm.max_map_count": 131060, "fs.file-max": 98000},
        "exact": {"vm.swappiness": 1},
        "sysctl_file": "",
        "thp_unit_enabled": False,
        "unmet": [],
        "python_sources": [],
    }
    rendered = render("mongodb_host", template, __mongodb_host_plan=plan(survey, settings))
    assert rendered == (GOLDEN / f"{golden}-{name}").read_text()


def test_mongod_waits_for_the_file_that_the_server_role_writes() -> None:
    install, server = (
        yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text()) for role in ("mongodb_install", "mongodb_server")
    )
    assert install["__mongodb_install_server_unit"] == server["__mongodb_server_unit"]
    gate = render("mongodb_install", "gate.conf.j2", **install)
    assert f"\nConditionPathExists={server['__mongodb_server_unit']}\n" in gate


def mongod_unit(*, guarded: bool = True, javascript: bool = False) -> list[str]:
    return render(
        "mongodb_server",
        "stronghold.conf.j2",
        mongodb_cluster_service_user="ledger",
        mongodb_cluster_service_group="books",
        mongodb_cluster_db_path="/srv/ledger/data",
        __mongodb_server_log_dir="/var/log/mongodb",
        __mongodb_server_needs_firewall=guarded,
        __mongodb_server_firewall_unit="stronghold-firewall.service",
        __mongodb_server_config_file="/etc/mongod.conf",
        __mongodb_server_started_config="/run/stronghold/mongod-started-with.conf",
        __mongodb_server_inputs=["/etc/mongod.conf"],
        __mongodb_server_started_with="/run/stronghold/mongod-started-with",
        __mongodb_host_survey={"numa_nodes": 1},
        __mongodb_server_effective={"security": {"javascriptEnabled": javascript}},
    ).splitlines()


@pytest.mark.parametrize("guarded", [True, False])
def test_mongod_runs_as_declared_and_waits_for_the_packet_filter_where_there_is_one(guarded: bool) -> None:
    lines = mongod_unit(guarded=guarded)
    assert {"User=ledger", "Group=books", "ReadWritePaths=/srv/ledger/data /var/log/mongodb"} <= set(lines)
    assert ("Requires=stronghold-firewall.service" in lines, "After=stronghold-firewall.service" in lines) == (guarded, guarded)


@pytest.mark.parametrize("javascript", [True, False])
def test_memory_is_writable_or_executable_unless_javascript_is_compiled_into_it(javascript: bool) -> None:
    assert ("MemoryDenyWriteExecute=true" in mongod_unit(javascript=javascript)) is not javascript
