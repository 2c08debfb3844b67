# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows from the sources in an inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import inventory


def allowlist_groups(entries: Iterable[inventory.Entry], **hosts: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        return inventory.groups(entries, hosts)
    except ValueError as error:
        raise AnsibleFilterError(f"mongodb_firewall_sources cannot be used because {error}.") from error


def allowlist_networks(entries: Iterable[inventory.Entry], group: str) -> list[str]:
    try:
        return inventory.networks(entries, group)
    except ValueError as error:
        raise AnsibleFilterError(f"mongodb_firewall_sources cannot be used because {error}.") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"allowlist_groups": allowlist_groups, "allowlist_networks": allowlist_networks}
