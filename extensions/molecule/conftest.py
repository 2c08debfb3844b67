# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
import testinfra
from testinfra.host import Host

from lab import access
from lab import fleet as fleets
from lab.fleet import Fleet, ssh_options
from lab.repetitions import pytest_collection_modifyitems  # noqa: F401  a hook


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    found = fleets.load(os.environ["MOLECULE_SCENARIO_NAME"])
    if access.secrets(found).exists():
        access.issue_operator(found)
    return found


@pytest.fixture(scope="session")
def hosts(fleet: Fleet) -> dict[str, Host]:
    """Every host of the fleet for testinfra, over SSH."""
    config = fleet.home / "ssh_config"
    pairs = [word for word in ssh_options(fleet) if "=" in word]
    lines = [f"  {pair.replace('=', ' ', 1)}" for pair in pairs]
    config.write_text("\n".join(["Host *", "  User root", f"  IdentityFile {fleet.home}/id_ed25519", *lines, ""]))
    options = {"ssh_config": str(config), "controlpersist": 60}
    return {host.name: testinfra.get_host(f"ssh://root@{host.address}", **options) for host in fleet.hosts}
