# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Through what a host is guarded: its kernel, or the firewalld that guards it already.

PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.plan import Allowlist, Recorded
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import record
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.running import Running
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import find
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.systemd import Systemd


def open_allowlist(host: str, backend: str = "auto", *, predict: bool = False) -> Allowlist:
    """The allowlist of this host, through ``backend``; "auto" takes the one that is found, "recorded" the one last used.

    Raises StrongholdError.
    """
    found = detected() if backend == "auto" else _recorded(host) if backend == "recorded" else backend
    if found != "firewalld":
        return Allowlist(host, predict=predict)
    from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.firewalld_plan import (  # noqa: PLC0415
        FirewalldAllowlist,  # what few hosts need is not loaded on all of them twice a minute
    )

    return FirewalldAllowlist(host)


def detected() -> str:
    """The backend for this host: firewalld where it is active, else nftables."""
    return "firewalld" if find("firewalld") and Systemd("firewalld.service").is_active() else "nftables"


def _recorded(host: str) -> str:
    """The backend that the record is written for, which is loaded by nft, or is a record alone."""
    content = Store(host).content() or Running(host).content()
    known = Recorded.of(content).declaration
    return detected() if known is None else "firewalld" if content == record(known) else "nftables"
