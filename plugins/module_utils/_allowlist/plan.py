# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a task asks for to the plan: the kernel's table and the file, each compared with the declaration.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import (
    DEFAULT_PORTS,
    Declaration,
    Request,
    difference,
    of_ranges,
    revise,
    undeclared,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.kernel import Nft
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import (
    FAMILY,
    TABLE,
    Listing,
    recorded,
    render,
    update,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Ranges, text
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store
from ansible_collections.stronghold.mongodb.plugins.module_utils._plan import Plan

_NOTHING: Ranges = {4: [], 6: []}


def plan_allowlist(
    request: Request, listing: Listing | None, nft: Nft, store: Store, *, persist: bool
) -> tuple[Plan, dict[str, Any]]:
    """The plan, and what is in force after it: ``ports``, the names of the ``groups``, and the number of ``undeclared`` entries.

    With ``persist`` the file is the record: groups in it are put back into the kernel as they are in it, and groups
    that only the kernel has stay there until a purge or the next boot. Without, the kernel's table is the record as
    long as there is one, and the file stays as it is. Raises StrongholdError.
    """
    plan = Plan()
    content = store.content()
    known = None if content is None else recorded(content)
    in_kernel = _declared(listing)
    base = (known or in_kernel) if persist else (in_kernel or known)
    target = revise(base or Declaration(), request)
    wanted = target.ranges()
    if persist and listing and known and not request.purge:
        only_in_kernel = set(listing.groups) - set(known.groups) - set(request.groups)
        wanted.update((name, listing.groups[name]) for name in only_in_kernel)

    _plan_kernel(plan, target.ports, wanted, listing, nft)
    if persist:
        _plan_file(plan, target, content, known, store)
    return plan, {"ports": list(target.ports), "groups": sorted(wanted), "undeclared": undeclared(target, request)}


@dataclass
class _Drift:
    """Why a target differs from the declaration, and the lines of its diff."""

    reasons: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def note(self, reason: str, before: str = "", after: str = "") -> None:
        self.reasons.append(reason)
        self.before += [before] if before else []
        self.after += [after] if after else []

    def ports(self, held: Iterable[int], wanted: Iterable[int]) -> None:
        old, new = (", ".join(map(str, ports)) for ports in (held, wanted))
        if old != new:
            self.note(f"ports {new}", f"ports: {old}" if old else "", f"ports: {new}")

    def group(self, name: str, removed: list[str], added: list[str], *, held: bool, wanted: bool) -> None:
        if not wanted:
            self.note(f"group {name} removed", f"group {name}")
        elif not held:
            self.note(f"group {name} new, +{len(added)}", "", f"group {name}")
        elif removed or added:
            self.note(f"group {name} +{len(added)} -{len(removed)}")
        self.before += [f"group {name}: {line}" for line in removed]
        self.after += [f"group {name}: {line}" for line in added]


def _declared(listing: Listing | None) -> Declaration | None:
    if listing is None:
        return None
    groups = {name: of_ranges(admitted) for name, admitted in sorted(listing.groups.items())}
    return Declaration(listing.ports or DEFAULT_PORTS, groups)


def _plan_kernel(plan: Plan, ports: tuple[int, ...], wanted: Mapping[str, Ranges], listing: Listing | None, nft: Nft) -> None:
    actual = listing or Listing()
    drift = _Drift()
    if listing is None:
        drift.note("the table is missing", "", f"table {FAMILY} {TABLE}")
    for name in actual.alterations:
        drift.note(f"{name} is not as it was loaded", f"{name}: altered", f"{name}: as declared")
    drift.ports(actual.ports, ports)
    for name in sorted({*actual.groups, *wanted}):
        removed, added = difference(actual.groups.get(name, _NOTHING), wanted.get(name, _NOTHING))
        drift.group(name, _texts(removed), _texts(added), held=name in actual.groups, wanted=name in wanted)
    if drift.reasons:
        subject = f"table {FAMILY} {TABLE}"
        plan.add(
            f"load {subject}: {'; '.join(drift.reasons)}",
            subject,
            drift.before,
            drift.after,
            lambda: nft.load(update(ports, wanted, listing)),
        )


def _plan_file(plan: Plan, target: Declaration, content: str | None, known: Declaration | None, store: Store) -> None:
    drift = _Drift()
    if content is None:
        drift.note("the file is missing", "", "declaration")
    elif known is None:
        drift.note("the file holds no declaration", "no declaration", "declaration")
    elif content != render(known):
        drift.note("its rules were edited", "rules: edited", "rules: as declared")
    if store.exposed():
        drift.note("owner root and mode 0600 put back", "owner and mode: others", "owner and mode: root 0600")
    held = known or Declaration((), {})
    drift.ports(held.ports, target.ports)
    for name in sorted({*held.groups, *target.groups}):
        old, new = set(held.groups.get(name, ())), set(target.groups.get(name, ()))
        removed, added = (
            [f"{source}  {source.comment}".rstrip() for source in sorted(entries)] for entries in (old - new, new - old)
        )
        drift.group(name, removed, added, held=name in held.groups, wanted=name in target.groups)
    if drift.reasons:
        plan.add(
            f"write {store.path}: {'; '.join(drift.reasons)}",
            str(store.path),
            drift.before,
            drift.after,
            lambda: store.write(render(target)),
        )


def _texts(admitted: Ranges) -> list[str]:
    return [text(version, *interval) for version in (4, 6) for interval in admitted[version]]
