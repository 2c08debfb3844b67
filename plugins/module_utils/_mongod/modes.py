# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How members of a set know each other and speak to each other, and how a running set gets to the last of these ways. Pure.

A server works together with others that are one step before or after it, and no further. So a set goes step by step, all members
on the same step before the first takes the next, and a member never goes back. Sources: MongoDB manual, "Upgrade Self-Managed
Replica Set from Keyfile Authentication to X.509 Authentication", "Upgrade a Self-Managed Cluster to Use TLS/SSL".

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import conf


@dataclass(frozen=True)
class Ladder:
    """``steps`` are values of an option of ``mongod.conf``, ``what`` is what they say; ``playbook`` takes a set to the last."""

    steps: tuple[str, ...]
    what: str
    playbook: str
    declare: str

    def refusal(self, present: str | None, declared: str) -> Refusal | None:
        """Why a member with ``present`` is not simply given ``declared``, and what to do instead."""
        if present in (None, declared):
            return None
        reason = (
            f"{self.what} {present}, and {declared} is declared, which members on the other side of the change would not accept"
        )
        if present == self.steps[-1]:
            return Refusal(reason, f"{self.declare}, since a set does not go back")
        first = "" if declared == self.steps[-1] else f"{self.declare} and "
        return Refusal(reason, f"{first}run the playbook stronghold.mongodb.{self.playbook}")

    def later(self, present: str | None, step: str | None) -> str:
        """The one of the two that is further on. Raises ValueError where neither is a step."""
        known = [mode for mode in (present, step) if mode in self.steps]
        return max(known, key=self.steps.index)


LADDERS: Mapping[str, Ladder] = {
    "cluster_auth": Ladder(
        ("keyFile", "sendKeyFile", "sendX509", "x509"),
        "its members know each other by",
        "x509_membership",
        "set mongodb_server_cluster_auth to x509",
    ),
    "tls_mode": Ladder(
        ("allowTLS", "preferTLS", "requireTLS"),
        "its server has the TLS mode",
        "require_tls",
        "take net.tls.mode out of mongodb_server_config",
    ),
}
NO_CERTIFICATES = "allowTLS"  # servers with this mode speak to each other in clear, and so cannot prove themselves by certificate


def problem(name: str, survey: Mapping[str, Any], declared: str, host: str) -> str:
    """Why the set cannot go up the ladder ``name`` now, as a sentence about ``host``; empty where it can.

    ``survey``: cluster_auth and tls_mode as in the host's ``mongod.conf``, None where they are not there.
    """
    ladder = LADDERS[name]
    present = survey[name]
    found = None
    if declared != ladder.steps[-1]:
        found = Refusal(f"{declared} is declared, to which the next run of site would try to return", ladder.declare)
    elif present not in ladder.steps:
        found = Refusal(
            f"its mongod.conf has {present or 'nothing'} for it and not one of {', '.join(ladder.steps)}",
            "run this against a set that the playbook stronghold.mongodb.site has made",
        )
    elif name == "cluster_auth" and survey["tls_mode"] in (None, NO_CERTIFICATES):
        found = Refusal(
            "servers that speak to each other in clear present no certificates", "run stronghold.mongodb.require_tls before"
        )
    return str(StrongholdError(host, f"move to {ladder.steps[-1]}", *found)) if found else ""


# What a running server can be told, by setParameter: path in mongod.conf -> name of the parameter, and its steps.
_PARAMETERS = {
    "net.tls.mode": ("tlsMode", LADDERS["tls_mode"].steps),
    "security.clusterAuthMode": ("clusterAuthMode", LADDERS["cluster_auth"].steps[1:]),
}


def parameters(started: str, present: str) -> dict[str, str] | None:
    """What takes a server from the configuration ``started`` to ``present``, one step further, while it runs.

    Parameter -> value. None where the two differ in anything else, which only a restart makes up for.
    """
    before, after = conf.options(started), conf.options(present)
    if [path for path, _value in before] != [path for path, _value in after]:
        return None
    told = {}
    for (path, old), (_path, new) in zip(before, after):
        if old != new:
            name, steps = _PARAMETERS.get(path, ("", ()))
            if (old, new) not in zip(steps, steps[1:]):
                return None
            told[name] = new
    return told
