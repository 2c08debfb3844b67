# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a change would cut off that must not be. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import Management
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.session import Session
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Ranges, Source, merge, subtract
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError


def refuse_harm(host: str, before: Ranges, after: Ranges, protected: Iterable[Source], members: Mapping[str, Source]) -> None:
    """Raise StrongholdError where ``after`` lacks one of ``members`` (by name) or ``protected``, or lets nobody in any more."""
    attempt = "change who reaches MongoDB"
    lost = [str(source) for source in protected if not admits(after, source)]
    lost_members = [f"{name} ({source})" for name, source in members.items() if not admits(after, source)]
    if lost_members:
        reason = f"it would cut off members of the running replica set: {', '.join(lost_members)}"
        raise StrongholdError(host, attempt, reason, "admit them, remove them from the set first, or set force")
    if lost:
        reason = f"it would cut off what is protected: {', '.join(lost)}"
        raise StrongholdError(host, attempt, reason, "admit it, take it out of protected, or set force")
    if any(before.values()) and not any(after.values()):
        raise StrongholdError(host, attempt, "it would cut off everybody", "admit somebody, or set force")


def refuse_lockout(host: str, management: Management | None, session: Session | None) -> None:
    """Raise StrongholdError where SSH would be closed to the session that makes the change."""
    if management is None or session is None:
        return
    attempt, remedy = "limit SSH to management", "correct management and management_port, or set force"
    if not admits(management.admitted, session.peer):
        raise StrongholdError(host, attempt, f"this very run comes from {session.peer}, which is not among them", remedy)
    if session.port != management.port:
        reason = f"this very run uses port {session.port} and not {management.port}"
        raise StrongholdError(host, attempt, reason, remedy)


def admits(admitted: Ranges, source: Source) -> bool:
    """Whether all addresses of ``source`` are let in."""
    return not subtract([(source.first, source.last)], admitted[source.version])


def together(groups: Iterable[Ranges]) -> Ranges:
    """What all groups let in."""
    listed = [one for one in groups if any(one.values())]
    if len(listed) == 1:
        return listed[0]
    return {version: merge(interval for one in listed for interval in one[version]) for version in (4, 6)}
