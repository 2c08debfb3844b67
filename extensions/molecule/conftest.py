# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the stories share. A story is the folder of a fleet; its files run by name, on hosts that begin bare."""

from __future__ import annotations

import pytest
import testinfra
import yaml
from scenario import repetitions
from testinfra.host import Host

from lab import access, inventory
from lab import fleet as fleets
from lab.fleet import Fleet, ssh_options


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest) -> Fleet:
    """The story's fleet, started where it does not run."""
    (folder,) = {item.path.parents[1] for item in request.session.items}
    found = fleets.up(yaml.safe_load((folder / "fleet.yml").read_text()))
    inventory.write(found)
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


def pytest_report_header() -> str:
    return repetitions.header()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long repetitions only where all are wanted."""
    left_out = [item for item in items if item.get_closest_marker("long") and not repetitions.ALL]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
