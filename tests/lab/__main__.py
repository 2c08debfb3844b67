# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of the lab: ``python -m lab --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from lab import access, fleet, inventory, status
from lab.shell import LabError


def main() -> None:
    parser = argparse.ArgumentParser(prog="lab", description="Real hosts on one machine.")
    parser.add_argument("command", choices=["up", "down", "kill", "start", "cut", "heal", "ssh", "status"])
    parser.add_argument("target", help="a fleet file for up, else the name of a fleet")
    parser.add_argument("names", nargs="*", help="hosts, zones, or for ssh a host and a command")
    words = parser.parse_args()
    if words.command == "up":
        print(inventory.write(fleet.up(yaml.safe_load(Path(words.target).read_text()))))
    elif words.command == "down":
        fleet.down(words.target)
    elif words.command == "heal":
        fleet.heal(fleet.load(words.target))
    elif words.command == "status":
        access.issue_operator(fleet.load(words.target))
        print(status.show(fleet.load(words.target)))
    elif words.command == "ssh":
        print(fleet.ssh(fleet.load(words.target), words.names[0], " ".join(words.names[1:])), end="")
    else:
        getattr(fleet, words.command)(fleet.load(words.target), *words.names)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"lab: {error}")
