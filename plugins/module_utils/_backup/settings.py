# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the commands of a backup host keep, where it goes, and where it is tried.

PRIVATE to the collection.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, Union

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit, unusable
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import server_address
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.retention import Policy

SHORTEST = 16  # characters of a password
S = TypeVar("S", bound="OplogSettings")


class Protected(Protocol):
    """What all settings of repositories have."""

    @property
    def password(self) -> str:
        """What restic encrypts with."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the store wants."""


@dataclass(frozen=True)
class OplogSettings:
    """``members`` are addresses of all members of the set. ``repository`` is what restic calls one: a path, or a URL.

    ``environment`` holds what another store wants, such as the keys of S3. ``metrics_file`` receives metrics for the textfile
    collector of Prometheus' node exporter.
    """

    login: Login
    members: tuple[str, ...]
    repository: str
    password: str
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics_file: str | None = None
    state: ClassVar[str] = "stronghold/oplog"

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [server_address(member, None, ("members", "members")) for member in self.members]

    @property
    def home(self) -> Path:
        return home_of(self.state)

    def restic(self, *, cached: bool = True) -> AbstractContextManager[Restic]:
        """The repository for a block; unless ``cached``, nothing is written on this host for what is only read."""
        return _opened(self.repository, self, cached=cached)


@dataclass(frozen=True)
class BackupSettings(OplogSettings):
    """Besides those, ``keep`` holds the fields of ``Policy``; ``rate`` is the most MiB that are read a second, 0 for any."""

    keep: Policy = field(default_factory=Policy)
    rate: int = 0
    state: ClassVar[str] = "stronghold/backup"


@dataclass(frozen=True)
class DrillSettings:
    """``repository`` has the bases, ``oplog_repository`` the segments. ``mongod`` is the program, or its name.

    ``scratch`` is a folder for what is restored, memory where there is none; ``scratch_in_clear`` admits one on a disk that is
    not encrypted. The rest is as of ``OplogSettings``.
    """

    repository: str
    oplog_repository: str
    password: str
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics_file: str | None = None
    mongod: str = "mongod"
    scratch: str | None = None
    scratch_in_clear: bool = False
    state: ClassVar[str] = "stronghold/drill"

    @property
    def home(self) -> Path:
        return home_of(self.state)

    def bases(self) -> AbstractContextManager[Restic]:
        """The repository of the bases for a block."""
        return _opened(self.repository, self)

    def oplog(self) -> AbstractContextManager[Restic]:
        """The repository of the segments for a block."""
        return _opened(self.oplog_repository, self)


@dataclass(frozen=True)
class OffsiteSettings:
    """``repository`` has the bases and ``oplog_repository`` the segments; ``offsite`` and ``oplog_offsite`` get copies of them.

    All have one password, and one environment. ``keep`` holds the fields of ``Policy``, for the copies.
    """

    repository: str
    oplog_repository: str
    offsite: str
    oplog_offsite: str
    password: str
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics_file: str | None = None
    keep: Policy = field(default_factory=Policy)
    state: ClassVar[str] = "stronghold/offsite"

    @property
    def home(self) -> Path:
        return home_of(self.state)

    @property
    def repositories(self) -> tuple[str, ...]:
        return self.repository, self.oplog_repository, self.offsite, self.oplog_offsite

    def restic(self, repository: str) -> AbstractContextManager[Restic]:
        """One of ``repositories`` for a block."""
        return _opened(repository, self)


Settings = Union[OplogSettings, DrillSettings, OffsiteSettings]


def home_of(state: str) -> Path:
    """Where systemd says that the state of the service is (systemd.exec(5), StateDirectory=); it tells folders in any order."""
    told = os.environ.get("STATE_DIRECTORY", f"/var/lib/{state}").split(":")
    return Path(next((one for one in told if one.endswith(f"/{state}")), told[0]))


@contextmanager
def in_memory(secret: str) -> Iterator[str]:
    """The path of a file that holds ``secret`` in the memory of this process, for a block (memfd_create(2))."""
    descriptor = os.memfd_create("password")
    try:
        os.write(descriptor, secret.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def opened(password: str, place: Place) -> Iterator[Restic]:
    """The repository at ``place`` for a block; restic reads its password out of the memory of this process."""
    with in_memory(password) as file:
        yield Restic(platform.node(), replace(place, password_file=file))


def _opened(repository: str, settings: Settings, *, cached: bool = True) -> AbstractContextManager[Restic]:
    cache = str(settings.home / "cache") if cached else None
    return opened(settings.password, Place(repository, "", cache, environment=settings.environment))


def accepted(found: Mapping[str, Any]) -> BackupSettings:
    """Of a JSON object with the fields of ``BackupSettings``, lists for tuples. Raises StrongholdError with all reasons."""
    settings = _accepted(BackupSettings, "backup", with_policy("backup", found))
    if not counts(settings.rate):
        raise unusable("backup", ["rate is no whole number, or below 0"])
    return settings


def accepted_oplog(found: Mapping[str, Any]) -> OplogSettings:
    """Of a JSON object with the fields of ``OplogSettings``, lists for tuples. Raises StrongholdError with all reasons."""
    return _accepted(OplogSettings, "oplog", found)


def accepted_drill(found: Mapping[str, Any]) -> DrillSettings:
    """Of a JSON object with the fields of ``DrillSettings``. Raises StrongholdError with all reasons."""
    reasons = unfit(DrillSettings, found)
    if not reasons:
        settings = filled(DrillSettings, found)
        reasons = [
            *unusable_repositories(settings, settings.repository, settings.oplog_repository),
            *_unusable_scratch(settings),
        ]
        if settings.repository == settings.oplog_repository:
            reasons.append("backups and the oplog are in one and the same repository")
    if reasons:
        raise unusable("drill", reasons)
    return settings


def accepted_offsite(found: Mapping[str, Any]) -> OffsiteSettings:
    """Of a JSON object with the fields of ``OffsiteSettings``. Raises StrongholdError with all reasons."""
    reasons = unfit(OffsiteSettings, found)
    if not reasons:
        settings = filled(OffsiteSettings, with_policy("offsite", found))
        reasons = [*unusable_repositories(settings, *settings.repositories)]
        if len(set(map(str, settings.repositories))) < len(settings.repositories):
            reasons.append("two of the four repositories are one and the same")
    if reasons:
        raise unusable("offsite", reasons)
    return settings


def with_policy(command: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """With ``keep`` as what it is. Raises StrongholdError."""
    keep = found.get("keep", {})
    reasons = unfit(Policy, keep, "keep") or [
        f"{name} of keep is no whole number, or below 0" for name, value in keep.items() if not counts(value)
    ]
    if reasons:
        raise unusable(command, reasons)
    return {**found, "keep": filled(Policy, keep)}


def _accepted(kind: type[S], command: str, found: Mapping[str, Any]) -> S:
    reasons = unfit(kind, found)
    reasons += unfit(Login, found["login"], "the login") if "login" in found else []
    if not reasons:
        settings = filled(kind, {**found, "login": filled(Login, found["login"])})
        reasons = [*_contradictions(settings)]
    if reasons:
        raise unusable(command, reasons)
    return settings


def counts(value: Any) -> bool:
    """Whether it is a whole number, and not below 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _unusable_scratch(settings: DrillSettings) -> Iterator[str]:
    if not isinstance(settings.scratch_in_clear, bool):
        yield "scratch_in_clear is neither true nor false"
    if settings.scratch is not None and (not isinstance(settings.scratch, str) or not settings.scratch.startswith("/")):
        yield "scratch is no absolute path"
    if not isinstance(settings.mongod, str) or not settings.mongod:
        yield "mongod is not the name of a program"


def names_repository(one: object) -> bool:
    return isinstance(one, str) and (one.startswith("/") or ":" in one)


def unusable_repositories(settings: Protected, *repositories: object) -> Iterator[str]:
    """Reasons, each a clause."""
    yield from unusable_password(settings.password, "the password")
    if not all(map(names_repository, repositories)):
        yield "a repository is neither an absolute path nor a URL of restic"
    if not isinstance(settings.environment, Mapping):
        yield "environment is no object"


def unusable_password(found: object, title: str) -> Iterator[str]:
    """Reasons, each a clause about ``title``."""
    if not isinstance(found, str) or len(found) < SHORTEST:
        yield f"{title} is no text of at least {SHORTEST} characters"


def _contradictions(settings: OplogSettings) -> Iterator[str]:
    yield from unusable_repositories(settings, settings.repository)
    try:
        if not settings.addresses:
            yield "there are no members"
    except ValueError as error:
        yield f"of the members {error}"
