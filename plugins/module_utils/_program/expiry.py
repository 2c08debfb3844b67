# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``stronghold expiry``: accounts whose time is over go. Run every half minute, it keeps them at most one minute longer.

Which time that is, each host remembers in a file below /var/lib that is root's, as no account of the database can write there.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit, unusable
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.command import Command, Tell

STATE = "stronghold/expiry"  # below /var/lib


@dataclass(frozen=True)
class ExpirySettings:
    """``login`` is of an account with the privileges of ``expire``; ``protected`` as of ``expiry.Watch``."""

    login: Login
    protected: tuple[str, ...] = ()


def accept(found: Mapping[str, Any]) -> ExpirySettings:
    reasons = unfit(ExpirySettings, found)
    reasons += unfit(Login, found["login"], "the login") if "login" in found else []
    if reasons:
        raise unusable("expiry", reasons)
    return filled(ExpirySettings, {**found, "login": filled(Login, found["login"])})


def run(settings: ExpirySettings, tell: Tell) -> list[StrongholdError]:
    from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.expiry import Watch, expire

    return expire(Watch(settings.login, record(), frozenset(settings.protected)), tell)


def record() -> Path:
    """Where systemd says that the state of the service is (systemd.exec(5), StateDirectory=)."""
    return Path(os.environ.get("STATE_DIRECTORY", f"/var/lib/{STATE}").split(":")[0]) / "ends.json"


def _leaves(_settings: ExpirySettings) -> Sequence[Path]:
    return [record()]


COMMAND = Command("expiry", run, accept, connects=True, libraries=("PyMongo",), leaves=_leaves, state=(STATE,))
