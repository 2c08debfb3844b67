# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inboxes of a backup host, and what is taken in from them.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.settings import (
    counts,
    home_of,
    opened,
    unusable_password,
    unusable_repositories,
    with_policy,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.fields import filled, unfit, unusable
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.restic import Place, Restic
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.retention import Policy

INBOXES = "stronghold/inbox"
"""The state of the service below which each inbox is a folder of its name."""
CONFIG = "config"
"""The file of a repository of restic by which it is one."""
GIB = 1 << 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OURS = (".aside", ".new")
_PORTS = range(1, 1 << 16)
T = TypeVar("T")


@dataclass(frozen=True)
class Inbox:
    """Of the member ``name``, a host name as in the set, which is its name at the server, too; ``quota`` is in bytes."""

    name: str
    port: int
    password: str
    quota: int


@dataclass(frozen=True)
class InboxSettings:
    """``address`` is an IP address. ``certificate_file`` has certificate and key, ``ca_file`` who signs those of the members.

    ``reserve`` is in bytes: with less free room no inbox is open.
    """

    address: str
    certificate_file: str
    ca_file: str
    inboxes: tuple[Inbox, ...]
    reserve: int = GIB
    state: ClassVar[str] = INBOXES

    @property
    def home(self) -> Path:
        return home_of(self.state)


@dataclass(frozen=True)
class Source:
    """An inbox; ``key`` is the member's password of the repository in it, ``quota`` is in bytes."""

    name: str
    key: str
    quota: int


@dataclass(frozen=True)
class IntakeSettings:
    """``password`` is the host's own, of all inboxes and of the vault, which is the path ``repository``.

    ``keep`` holds the fields of ``Policy``, for the copies of each member. ``reserve`` is in bytes, which stay free.
    """

    replica_set: str
    inboxes: tuple[Source, ...]
    password: str
    repository: str = "/var/lib/stronghold/intake/copies"
    environment: Mapping[str, str] = field(default_factory=dict)
    keep: Policy = field(default_factory=Policy)
    reserve: int = GIB
    metrics_file: str | None = None
    state: ClassVar[str] = "stronghold/intake"

    @property
    def home(self) -> Path:
        return home_of(self.state)

    @property
    def sources(self) -> Path:
        """The folder of the inboxes."""
        return home_of(INBOXES)

    def restic(self) -> AbstractContextManager[Restic]:
        """The vault for a block."""
        return opened(self.password, Place(self.repository, "", str(self.home / "cache"), environment=self.environment))


def accepted_inbox(found: Mapping[str, Any]) -> InboxSettings:
    """Of a JSON object with the fields of ``InboxSettings``. Raises StrongholdError with all reasons."""
    reasons = [*unfit(InboxSettings, found), *_unfit_each(Inbox, found)]
    if not reasons:
        settings = filled(InboxSettings, {**found, "inboxes": _each(Inbox, found)})
        reasons = [*_unusable_inboxes(settings)]
    if reasons:
        raise unusable("inbox", reasons)
    return settings


def accepted_intake(found: Mapping[str, Any]) -> IntakeSettings:
    """Of a JSON object with the fields of ``IntakeSettings``. Raises StrongholdError with all reasons."""
    reasons = [*unfit(IntakeSettings, found), *_unfit_each(Source, found)]
    if not reasons:
        settings = filled(IntakeSettings, {**with_policy("intake", found), "inboxes": _each(Source, found)})
        reasons = [*_unusable_intake(settings)]
    if reasons:
        raise unusable("intake", reasons)
    return settings


def _each(kind: type[T], found: Mapping[str, Any]) -> tuple[T, ...]:
    return tuple(filled(kind, one) for one in found["inboxes"])


def _unfit_each(kind: type[Any], found: Mapping[str, Any]) -> list[str]:
    listed = found.get("inboxes", []) if isinstance(found, Mapping) else []
    return (
        [reason for one in listed for reason in unfit(kind, one, "an inbox")]
        if isinstance(listed, list)
        else ["inboxes is no list"]
    )


def _unusable_inboxes(settings: InboxSettings) -> Iterator[str]:
    if not _is_address(settings.address):
        yield "address is no IP address"
    for name in ("certificate_file", "ca_file"):
        if not _is_path(getattr(settings, name)):
            yield f"{name} is no absolute path"
    yield from _unusable_sizes(settings)
    for one in settings.inboxes:
        yield from unusable_password(one.password, f"the password of the inbox {one.name!r}")
        if not counts(one.port) or one.port not in _PORTS:
            yield f"the port of the inbox {one.name!r} is none"
    if len({str(one.port) for one in settings.inboxes}) < len(settings.inboxes):
        yield "two inboxes have one port"


def _unusable_intake(settings: IntakeSettings) -> Iterator[str]:
    yield from unusable_repositories(settings, settings.repository)
    if not _is_path(settings.repository):
        yield "repository is no absolute path"
    if not isinstance(settings.replica_set, str) or not settings.replica_set:
        yield "replica_set is no name"
    if settings.metrics_file is not None and not _is_path(settings.metrics_file):
        yield "metrics_file is no absolute path"
    yield from _unusable_sizes(settings)
    for one in settings.inboxes:
        yield from unusable_password(one.key, f"the key of the inbox {one.name!r}")
        if one.key == settings.password:
            yield f"the key of the inbox {one.name!r} is the host's own password"


def _unusable_sizes(settings: InboxSettings | IntakeSettings) -> Iterator[str]:
    if not counts(settings.reserve):
        yield "reserve is no whole number, or below 0"
    names: list[Any] = [one.name for one in settings.inboxes]
    for one in settings.inboxes:
        if not counts(one.quota) or not one.quota:
            yield f"the quota of the inbox {one.name!r} is no whole number above 0"
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith(_OURS):
            yield f"{name!r} is no name of an inbox: letters, digits, dots, dashes, and no end in {' or '.join(_OURS)}"
    if len({str(name) for name in names}) < len(names):
        yield "two inboxes have one name"


def _is_path(found: object) -> bool:
    return isinstance(found, str) and found.startswith("/")


def _is_address(found: object) -> bool:
    try:
        return isinstance(found, str) and bool(ipaddress.ip_address(found))
    except ValueError:
        return False
