# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which member is read for a backup, and in which order others take its place.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

ATTEMPT = "find a member to read"


class Rank(IntEnum):
    """The lower, the sooner it is read."""

    HIDDEN = 0
    SECONDARY = 1
    PRIMARY = 2


@dataclass(frozen=True)
class Refused:
    """Why a member is not read, as a clause."""

    reason: str


def rank(hello: Mapping[str, Any]) -> Rank | Refused:
    """Of a member's answer to ``hello``."""
    if hello.get("arbiterOnly"):
        return Refused("it is an arbiter and has no data")
    if hello.get("isWritablePrimary"):
        return Rank.PRIMARY
    if not hello.get("secondary"):
        return Refused("it is neither primary nor secondary now")
    delay = hello.get("secondaryDelaySecs", hello.get("slaveDelay", 0))
    if delay:
        return Refused(f"it is {delay} s behind on purpose")
    return Rank.HIDDEN if hello.get("hidden") else Rank.SECONDARY


def preferred(login: Login, members: Iterable[tuple[str, int]]) -> list[Login]:
    """Logins at those of ``members``, host and port, that can be read now: hidden ones, then secondaries, then the primary.

    Raises StrongholdError with each one's reason where there is none.
    """
    fit: list[tuple[Rank, Login]] = []
    reasons = []
    for host, port in members:
        there = login.at(host, port)
        try:
            with connect(there, ATTEMPT) as client:
                found = rank(client.admin.command("hello"))
        except StrongholdError as error:
            found = Refused(error.reason)
        if isinstance(found, Refused):
            reasons.append(f"{there.address}: {found.reason}")
        else:
            fit.append((found, there))
    if not fit:
        remedy = "start a member, or let this host reach one"
        raise StrongholdError(login.where, ATTEMPT, f"none can be read ({'; '.join(reasons)})", remedy)
    return [there for _rank, there in sorted(fit, key=lambda one: one[0])]
