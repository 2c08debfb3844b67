# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``stronghold physical`` saves, and where it goes.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import (
    home_of,
    names_repository,
    opened,
    unusable_password,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit, unusable
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import PHYSICAL, SNAPSHOT
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic

AUTO = "auto"
METHODS = (AUTO, PHYSICAL, SNAPSHOT)


@dataclass(frozen=True)
class PlaceOfVault:
    """``repository`` is what restic calls one."""

    repository: str
    password: str


@dataclass(frozen=True)
class PhysicalSettings:
    """``login`` reaches the server of this host, which is the unit ``service`` and has its data in ``db_path``.

    ``method`` is one of ``METHODS``: with ``AUTO`` files are read out of a snapshot of their logical volume where there can be
    one, and otherwise while the server is locked. There is a vault for each backup host. ``ca_file`` is whom their servers must
    be signed by, ``certificate_file`` holds certificate and key of this host. ``metrics_file`` receives metrics for the textfile
    collector of Prometheus' node exporter.
    """

    login: Login
    db_path: str
    vaults: tuple[PlaceOfVault, ...]
    ca_file: str | None = None
    certificate_file: str | None = None
    metrics_file: str | None = None
    service: str = "mongod"
    method: str = PHYSICAL
    state: ClassVar[str] = "stronghold/physical"

    @property
    def home(self) -> Path:
        return home_of(self.state)

    def restic(self, vault: PlaceOfVault) -> AbstractContextManager[Restic]:
        """Its repository for a block."""
        place = Place(vault.repository, "", str(self.home / "cache"), self.ca_file, self.certificate_file)
        return opened(vault.password, place)


def accepted_physical(found: Mapping[str, Any]) -> PhysicalSettings:
    """Of a JSON object with the fields of ``PhysicalSettings``. Raises StrongholdError with all reasons."""
    reasons = unfit(PhysicalSettings, found)
    reasons += unfit(Login, found["login"], "the login") if "login" in found else []
    if not reasons:
        reasons = [*_unfit(found)]
    if reasons:
        raise unusable("physical", reasons)
    login = filled(Login, {**found["login"], "replica_set": None})
    vaults = tuple(filled(PlaceOfVault, one) for one in found["vaults"])
    return filled(PhysicalSettings, {**found, "login": login, "vaults": vaults})


def _unfit(found: Mapping[str, Any]) -> Iterator[str]:
    for name in ("db_path", "ca_file", "certificate_file", "metrics_file"):
        value = found.get(name)
        if (value is not None or name == "db_path") and not (isinstance(value, str) and value.startswith("/")):
            yield f"{name} is no absolute path"
    service = found.get("service", "mongod")
    if not isinstance(service, str) or not service:
        yield "service is not the name of a unit"
    if found.get("method", PHYSICAL) not in METHODS:
        yield f"method is none of {', '.join(METHODS)}"
    vaults = found["vaults"]
    if not isinstance(vaults, list) or not vaults:
        yield "vaults is no list, or an empty one"
        return
    for vault in vaults:
        reasons = unfit(PlaceOfVault, vault, "a vault")
        yield from reasons
        if not reasons and not names_repository(vault["repository"]):
            yield "a repository is neither an absolute path nor a URL of restic"
        if not reasons:
            yield from unusable_password(vault["password"], "a password")
    places = [str(vault.get("repository")) for vault in vaults if isinstance(vault, Mapping)]
    if len(set(places)) < len(places):
        yield "two vaults have one and the same repository"
