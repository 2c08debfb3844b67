# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets of the lab: routed between zones without address translation, cut and healed on demand."""

from __future__ import annotations

import subprocess

from lab import podman
from lab.shell import as_root, run

RANGE = "10.213.0.0/16"
SLOTS = 25
SUBNETS_PER_SLOT = 10
# Zones see each other's real addresses: this rule comes before Podman's masquerading.
ROUTED = ("POSTROUTING", "-s", RANGE, "-d", RANGE, "-m", "comment", "--comment", "stronghold-lab", "-j", "ACCEPT")


def subnet(slot: int, index: int) -> str:
    return f"10.213.{slot * SUBNETS_PER_SLOT + index}.0/24"


def address(slot: int, index: int, host: int) -> str:
    return f"10.213.{slot * SUBNETS_PER_SLOT + index}.{host}"


def gateway(slot: int, index: int) -> str:
    """This machine's address as the hosts of a subnet see it."""
    return address(slot, index, 1)


def name(fleet: str, zone: str) -> str:
    return f"{fleet}-{zone}"


def create(fleet: str, zone: str, addresses: str) -> None:
    if not podman.exists("network", name(fleet, zone)):
        podman.call("network", "create", "--disable-dns", "--subnet", addresses, name(fleet, zone))


def remove(fleet: str, zone: str) -> None:
    if podman.exists("network", name(fleet, zone)):
        podman.call("network", "rm", "--force", name(fleet, zone))


def admit() -> None:
    if subprocess.run(as_root("iptables", "-w", "-t", "nat", "-C", *ROUTED), capture_output=True, check=False).returncode:
        run(*as_root("iptables", "-w", "-t", "nat", "-I", *ROUTED))


def dismiss() -> None:
    subprocess.run(as_root("iptables", "-w", "-t", "nat", "-D", *ROUTED), capture_output=True, check=False)


def cut(fleet: str, subnets: list[str]) -> None:
    """Replace the fleet's partition: what is forwarded between the subnets together and the rest of the lab is dropped."""
    island = ", ".join(subnets)
    table = _table(fleet)
    script = f"""
        table ip {table}
        delete table ip {table}
        table ip {table} {{
            set island {{ type ipv4_addr; flags interval; elements = {{ {island} }} }}
            chain forward {{
                type filter hook forward priority -10; policy accept;
                ip saddr @island ip daddr {RANGE} ip daddr != @island drop
                ip daddr @island ip saddr {RANGE} ip saddr != @island drop
            }}
        }}
    """
    run(*as_root("nft", "-f", "-"), stdin=script)


def heal(fleet: str) -> None:
    run(*as_root("nft", "-f", "-"), stdin=f"table ip {_table(fleet)}\ndelete table ip {_table(fleet)}\n")


def _table(fleet: str) -> str:
    return "stronghold_lab_" + fleet.replace("-", "_")
