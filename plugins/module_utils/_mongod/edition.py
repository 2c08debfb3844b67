# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which options only other editions of the server know: Community refuses to start with them. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Dotted names of mongod.conf; a name covers all below it. Found by starting Community servers with each of them.
REFUSED_OPTIONS = (
    "auditLog",
    "net.tls.FIPSMode",
    "net.ssl.FIPSMode",
    "security.enableEncryption",
    "security.encryptionCipherMode",
    "security.encryptionKeyFile",
    "security.kmip",
    "security.ldap",
    "security.redactClientLogData",
    "snmp",
    "storage.inMemory",
)
REFUSED_PARAMETER_PREFIXES = ("audit", "ldap")
REFUSED_MECHANISMS = ("GSSAPI",)
REFUSED_ENGINES = ("inMemory", "encryptedWiredTiger")


def enterprise_options(config: Mapping[str, Any]) -> list[str]:
    """Dotted names of the options in ``config`` (the structure of mongod.conf) that MongoDB Community refuses."""
    names = sorted(
        option
        for option in _flatten(config)
        if any(option == refused or option.startswith(f"{refused}.") for refused in REFUSED_OPTIONS)
    )
    parameters = config.get("setParameter") or {}
    names += [f"setParameter.{name}" for name in sorted(parameters) if name.startswith(REFUSED_PARAMETER_PREFIXES)]
    mechanisms = parameters.get("authenticationMechanisms", "")
    named = mechanisms.split(",") if isinstance(mechanisms, str) else mechanisms
    names += [f"setParameter.authenticationMechanisms: {name}" for name in named if name in REFUSED_MECHANISMS]
    engine = (config.get("storage") or {}).get("engine")
    return names + ([f"storage.engine: {engine}"] if engine in REFUSED_ENGINES else [])


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
