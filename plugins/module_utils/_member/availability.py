# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether one member may go down now, and what it is in its set. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._replicaset.config import Config


def stays_available(config: Config, unhealthy: Iterable[str], key: str) -> Refusal | None:
    """Whether the set keeps a voting majority while the member ``key`` is down.

    Where all others are healthy it may go down even if they are too few: waiting would not change that.
    """
    others = [member for member in config.voters if member.key != key]
    if len(others) == len(config.voters):
        return None
    down = [member.host for member in others if member.key in set(unhealthy)]
    if not down or (len(others) - len(down)) * 2 > len(config.voters):
        return None
    return Refusal(
        f"without it no majority would be left, since these are down or not healthy: {', '.join(down)}",
        "bring the others back first",
    )


def must_step_down(config: Config, key: str) -> bool:
    """Whether another member could lead, so that the primary ``key`` hands over before it goes down."""
    return any(member.electable for member in config.members if member.key != key)


def role_of(hello: Mapping[str, Any]) -> str:
    """primary, secondary (any other member of a set), standalone (in no set), or down (no answer)."""
    if not hello:
        return "down"
    if "setName" not in hello:
        return "standalone"
    return "primary" if hello.get("isWritablePrimary") else "secondary"


def serves(hello: Mapping[str, Any]) -> bool:
    """Whether a member of a set is back in it: serving, and aware of a primary."""
    return bool(hello.get("isWritablePrimary") or hello.get("secondary") or hello.get("arbiterOnly")) and "primary" in hello
