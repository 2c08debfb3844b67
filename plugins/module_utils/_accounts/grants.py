# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary access: until when an account is valid, who granted that, and why. Pure.

It is kept in the account itself, ``customData.stronghold``: {valid_until: date, granted_by: str, reason: str, granted_at: date}.
BSON dates count milliseconds of UTC; a client without ``tz_aware`` shows them without a zone. What stands there proves nothing,
since not only the collection can write it: see ``ends`` for until when an account is there, and ``own`` for whose it is.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.moments import in_utc

RESERVED = "stronghold"
MARK = "internal"  # by which the collection once knew its own accounts
_FIELDS = ("valid_until", "granted_by", "reason", "granted_at")


@dataclass(frozen=True)
class Terms:
    """What is declared of a grant."""

    valid_until: datetime
    granted_by: str
    reason: str


@dataclass(frozen=True)
class Grant:
    """What is stored of one; the times are aware, in UTC."""

    valid_until: datetime
    granted_by: str
    reason: str
    granted_at: datetime

    @property
    def terms(self) -> Terms:
        return Terms(self.valid_until, self.granted_by, self.reason)


def grant_of(custom_data: Mapping[str, Any]) -> Grant | None:
    """The grant in an account's customData; None where there is none, or none that can be understood."""
    reserved = _reserved(custom_data)
    until, at = reserved.get("valid_until"), reserved.get("granted_at")
    if not isinstance(until, datetime):
        return None
    granted_at = in_utc(at) if isinstance(at, datetime) else datetime.fromtimestamp(0, timezone.utc)
    return Grant(in_utc(until), str(reserved.get("granted_by", "")), str(reserved.get("reason", "")), granted_at)


def is_expired(grant: Grant | Terms, now: datetime) -> bool:
    """Whether it has ended at ``now``, an aware time."""
    return grant.valid_until <= now


def is_marked(custom_data: Mapping[str, Any]) -> bool:
    """Whether the account says that it is one of the collection's own."""
    return _reserved(custom_data).get(MARK) is True


def is_unreadable(custom_data: Mapping[str, Any]) -> bool:
    """Whether there is an end that is none, as it is no date."""
    return "valid_until" in _reserved(custom_data) and grant_of(custom_data) is None


def public(custom_data: Mapping[str, Any]) -> dict[str, Any]:
    """customData without the reserved key."""
    return {key: value for key, value in custom_data.items() if key != RESERVED}


def with_terms(custom_data: Mapping[str, Any], terms: Terms | None, now: datetime) -> dict[str, Any]:
    """The reserved part of ``custom_data`` with another grant, from ``now`` on, or with none. The same one is kept."""
    grant = grant_of(custom_data)
    reserved = _reserved(custom_data)
    if terms and grant and grant.terms == terms:
        return reserved
    kept = {key: value for key, value in reserved.items() if key not in _FIELDS}
    if terms is None:
        return kept
    values = (terms.valid_until, terms.granted_by, terms.reason, in_utc(now))
    return {**kept, **dict(zip(_FIELDS, values))}


def _reserved(custom_data: Mapping[str, Any]) -> dict[str, Any]:
    found = custom_data.get(RESERVED)
    return dict(found) if isinstance(found, Mapping) else {}
