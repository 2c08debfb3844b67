# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a task asks for to the plan: the kernel's table and the file, each compared with the declaration.

PRIVATE to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import connections, netlink
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.basis import (
    basis,
    is_next,
    trial_problem,
    with_what_only_runs,
)
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
    Management,
    element_changes,
    management_of,
    recorded,
    render,
    update,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.running import Running
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.safety import together
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Ranges, text
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.trial import FORMER, Trial
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan

_NOTHING: Ranges = {4: [], 6: []}
_TABLE = f"table {FAMILY} {TABLE}"

Guard = Callable[[Ranges, Ranges, Declaration], None]


@dataclass(frozen=True)
class Recorded:
    """A record's text, None where there is none, and what it declares, None where it cannot be read."""

    text: str | None
    declaration: Declaration | None

    @staticmethod
    def of(content: str | None) -> Recorded:
        return Recorded(content, None if content is None else recorded(content))


class Allowlist:
    """The rules of this host, in the kernel and in the file for the boot. Callers that apply hold ``store.alone``.

    ``listing`` is what the kernel has, known without asking it where the stamp of the running record says so.
    Raises StrongholdError.
    """

    backend = "nftables"
    subject = _TABLE
    _render = staticmethod(render)

    def __init__(self, host: str, *, predict: bool = False) -> None:
        self.host = host
        self.nft, self.store, self.running = Nft(host), Store(host), Running(host)
        self.trial = Trial(host, f"{self.nft.program or 'nft'} -f {FORMER}")
        self.boot = Recorded.of(self.store.content())
        content = self.running.content()
        self.ran = self.boot if content is not None and content == self.boot.text else Recorded.of(content)
        self.generation = netlink.generation()
        self.listing: Listing | None = None
        if self.ran.declaration is not None and self.running.holds(content, self.generation):
            known = self.ran.declaration
            self.listing = Listing(known.ports, known.ranges(), management=management_of(known))
        elif self.nft.installed or not predict:  # a host that has no nft yet has no table yet
            self.listing = self.nft.listing()
        self._certain = self.generation is not None and netlink.generation() == self.generation

    def plan(
        self,
        request: Request,
        *,
        persist: bool = True,
        confirm_timeout: int | None = None,
        guard: Guard = lambda _before, _after, _target: None,
    ) -> tuple[Plan, dict[str, Any]]:
        """The plan, and what is in force after it: ``ports``, the ``groups``' names, the number of ``undeclared`` entries.

        With ``persist`` the file is the record: groups in it are put back into the kernel as they are in it, and groups that
        only the kernel was given stay there until a purge or the next boot. Without, the running record is the record, and the
        file stays as it is. ``guard`` is called with what is let in before and after, and raises where it must not be.
        """
        plan = Plan()
        former = self.trial.former() if self.ran.text is not None else None
        if confirm_timeout is not None:
            persist = False
        base = self._base(persist)
        target = revise(base, request, time.time())
        wanted = self._with_what_only_runs(target, request, former) if persist else target
        self._wanted, ranges = wanted, wanted.ranges()
        guard(self._admitted(), together(ranges.values()), target)
        rendered = self._render(target)
        self._result = rendered if wanted is target else self._render(wanted)
        if persist:
            self._plan_own_files(plan, target)
        drift, action = self._difference(plan, wanted, ranges, persist)
        if drift.reasons:
            verb = "load"
            if confirm_timeout is not None:
                verb, action = f"for {confirm_timeout} s load", self._on_trial(confirm_timeout, former, action)
            summary = f"{verb} {self.subject}: {'; '.join(drift.reasons)}"
            plan.add(summary, self.subject, drift.before, drift.after, action)
        if persist:
            self._plan_file(plan, target, rendered)
            if former is not None:
                plan.add("end the trial", "trial", "taken back at its end", "confirmed", self.trial.end)
        elif not drift.reasons and wanted != self.ran.declaration and self.ran.declaration is not None:
            noted = self._file_drift(self.ran.declaration, target)
            subject = str(self.running.path)
            plan.add(f"note in {subject}: {'; '.join(noted.reasons)}", subject, noted.before, noted.after, lambda: None)
        told = {"ports": list(target.ports), "groups": sorted(ranges), "undeclared": undeclared(target, request)}
        return plan, told

    def plan_watch(self) -> Plan:
        """What keeps the rules as they were declared when nobody runs Ansible: drift is mended, and what has expired goes."""
        if self.boot.declaration is None and self.ran.declaration is None:
            raise StrongholdError(
                self.host,
                "watch who reaches MongoDB",
                f"neither {self.store.path} nor {self.running.path} declares it",
                "apply stronghold.mongodb.mongodb_firewall",
            )
        plan, _told = self.plan(Request({}), persist=False)
        if self.boot.declaration is not None:
            target = revise(self.boot.declaration, Request({}), time.time())
            if target != self.boot.declaration:
                self._plan_file(plan, target, self._render(target))
        return plan

    def cut(self) -> str:
        """End the connections of all that the plan leaves out. Returns what hindered it, or nothing."""
        return connections.cut(self._wanted.ports, together(self._wanted.ranges().values()))

    def remember(self) -> None:
        """After the plan was applied: what the kernel now holds, and whether it is known to."""
        self.running.remember(self._result, self.generation if self._certain else None)

    def guarded(self, listing: Listing | None) -> bool:
        """Whether rules are in force at all; ``listing`` is the kernel's table."""
        return listing is not None

    def _admitted(self) -> Ranges:
        """What is let in now."""
        return together((self.listing or Listing()).groups.values())

    def _plan_own_files(self, plan: Plan, target: Declaration) -> None:
        """Plan files of the backend's own that are to be there before the change is in force."""

    def _difference(
        self, plan: Plan, wanted: Declaration, ranges: Mapping[str, Ranges], _persist: bool
    ) -> tuple[Drift, Callable[[], None]]:
        """In what the kernel is not as it should be, and what mends it."""
        return _kernel_drift(self.listing, wanted, ranges), partial(self._apply_rules, plan, wanted, ranges)

    def _base(self, persist: bool) -> Declaration:
        return basis(self.boot.declaration, self.ran.declaration, partial(declared, self.listing), persist=persist)

    def _with_what_only_runs(self, target: Declaration, request: Request, former: str | None) -> Declaration:
        ran = (Recorded.of(former) if former else self.ran).declaration or declared(self.listing)
        return with_what_only_runs(target, self.boot.declaration, ran, request, time.time())

    def _on_trial(self, seconds: int, former: str | None, load: Callable[[], None]) -> Callable[[], None]:
        problem = trial_problem(under_way=former is not None, guarded=self.listing is not None)
        if problem:
            raise StrongholdError(self.host, "try the change", *problem)
        before = self.ran.text if self.ran.declaration else self._render(declared(self.listing) or Declaration())

        def action() -> None:
            self.trial.begin(seconds, before or "")
            load()

        return action

    def _apply_rules(self, plan: Plan, wanted: Declaration, ranges: Mapping[str, Ranges]) -> None:
        self._load(wanted, ranges)
        # Their packets are dropped from here on; without this the server would wait for them, and go on with what they asked for.
        hindrance = self.cut()
        if hindrance:
            plan.warnings.append(connections.still_open(hindrance))

    def _load(self, wanted: Declaration, ranges: Mapping[str, Ranges]) -> None:
        management = management_of(wanted)
        changes = element_changes(wanted.ports, ranges, self.listing, management)
        if not self.nft.amend(changes or [], self.generation):
            self.nft.load(update(wanted.ports, ranges, self.listing, management))
        before, self.generation = self.generation, netlink.generation()
        self._certain = is_next(before, self.generation)

    def drift(self, wanted: Declaration, listing: Listing | None) -> list[str]:
        """In what the kernel's table, ``listing``, is not ``wanted``."""
        return _kernel_drift(listing, wanted, wanted.ranges()).reasons

    def _plan_file(self, plan: Plan, target: Declaration, rendered: str) -> None:
        store, content, known = self.store, self.boot.text, self.boot.declaration
        if content == rendered and not store.exposed():
            return
        drift = self._file_drift(known or Declaration((), {}), target)
        if content is None:
            drift.reasons.insert(0, "the file is missing")
            drift.after.insert(0, "declaration")
        elif known is None:
            drift.reasons.insert(0, "the file holds no declaration")
            drift.before.insert(0, "no declaration")
            drift.after.insert(0, "declaration")
        elif content != rendered and content != self._render(known):
            drift.note("its rules were edited", "rules: edited", "rules: as declared")
        if store.exposed():
            drift.note("owner root and mode 0600 put back", "owner and mode: others", "owner and mode: root 0600")
        summary = f"write {store.path}: {'; '.join(drift.reasons)}"
        plan.add(summary, str(store.path), drift.before, drift.after, lambda: store.write(rendered))

    @staticmethod
    def _file_drift(held: Declaration, target: Declaration) -> Drift:
        drift = Drift()
        drift.ports(held.ports, target.ports)
        if held.protected != target.protected:
            old, new = (", ".join(map(str, one.protected)) for one in (held, target))
            drift.note(f"protected {new or 'nothing'}", f"protected: {old}" if old else "", f"protected: {new}" if new else "")
        if management_of(held) != management_of(target) or held.management_port != target.management_port:
            drift.management(*(_managers(management_of(one)) for one in (held, target)))
        for name in sorted({*held.groups, *target.groups}):
            before, after = held.groups.get(name, ()), target.groups.get(name, ())
            lost, come = (set(before) - set(after), set(after) - set(before)) if before != after else (set(), set())
            removed, added = ([source.line for source in sorted(entries)] for entries in (lost, come))
            drift.group(name, removed, added, held=name in held.groups, wanted=name in target.groups)
        return drift


@dataclass
class Drift:
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

    def management(self, held: str, wanted: str) -> None:
        self.note(f"SSH for {wanted}" if wanted else "SSH for all", f"SSH: {held or 'all'}", f"SSH: {wanted or 'all'}")

    def group(self, name: str, removed: list[str], added: list[str], *, held: bool, wanted: bool) -> None:
        if not wanted:
            self.note(f"group {name} removed", f"group {name}")
        elif not held:
            self.note(f"group {name} new, +{len(added)}", "", f"group {name}")
        elif removed or added:
            self.note(f"group {name} +{len(added)} -{len(removed)}")
        self.before += [f"group {name}: {line}" for line in removed]
        self.after += [f"group {name}: {line}" for line in added]


def _kernel_drift(listing: Listing | None, declaration: Declaration, wanted: Mapping[str, Ranges]) -> Drift:
    actual = listing or Listing()
    drift = Drift()
    if listing is None:
        drift.note("the table is missing", "", _TABLE)
    for name in actual.alterations:
        drift.note(f"{name} is not as it was loaded", f"{name}: altered", f"{name}: as declared")
    drift.ports(actual.ports, declaration.ports)
    management = management_of(declaration)
    if actual.management != management:
        drift.management(*(_managers(one) for one in (actual.management, management)))
    for name in sorted({*actual.groups, *wanted}):
        removed, added = difference(actual.groups.get(name, _NOTHING), wanted.get(name, _NOTHING))
        drift.group(name, _texts(removed), _texts(added), held=name in actual.groups, wanted=name in wanted)
    return drift


def declared(listing: Listing | None) -> Declaration | None:
    """What a table in the kernel declares."""
    if listing is None:
        return None
    groups = {name: of_ranges(admitted) for name, admitted in sorted(listing.groups.items())}
    return Declaration(listing.ports or DEFAULT_PORTS, groups)


def _texts(admitted: Ranges) -> list[str]:
    return [text(version, *interval) for version in (4, 6) for interval in admitted[version]]


def _managers(management: Management | None) -> str:
    """Empty where SSH is not limited."""
    return f"{', '.join(_texts(management.admitted))} at port {management.port}" if management else ""
