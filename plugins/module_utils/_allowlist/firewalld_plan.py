# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for a host that firewalld guards: its permanent files and what runs, each compared with the declaration.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import connections, firewalld
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, Request
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.firewalld_bus import (
    MOST_CALLS,
    RELOAD,
    Firewalld,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.kernel import Nft
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.plan import Allowlist, Drift, Recorded
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import FAMILY, TABLE, Listing, record
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.running import Running
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.safety import together
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Ranges, merge
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import Store
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.trial import Trial
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan

_MODE = 0o644


class FirewalldAllowlist(Allowlist):
    """Through firewalld. The record holds the declaration alone, for firewalld loads its own files at boot."""

    backend = "firewalld"
    subject = f"firewalld policy {firewalld.POLICY}"
    _render = staticmethod(record)

    def __init__(self, host: str) -> None:  # pylint: disable=super-init-not-called  # which asks nft
        self.host = host
        self.nft, self.store, self.running = Nft(host), Store(host), Running(host)
        self.trial = Trial(host, RELOAD)
        self.boot = Recorded.of(self.store.content())
        content = self.running.content()
        self.ran = self.boot if content is None else Recorded.of(content)
        self.generation, self._certain = None, False
        self._bus = Firewalld(host)
        self._loaded = self._bus.loaded()
        known = self.ran.declaration
        self.listing = Listing(known.ports) if known and not self._loaded.alterations else None

    def plan_watch(self) -> Plan:
        """As for nftables; firewalld's own files are put back as well, unless a trial is under way, which that would end."""
        if self.boot.declaration is None or self.trial.former() is not None:
            return super().plan_watch()
        plan, _told = self.plan(Request({}))
        return plan

    def drift(self, wanted: Declaration, _listing: Listing | None) -> list[str]:
        return self._drift(wanted.ports, together(wanted.ranges().values())).reasons

    def guarded(self, _listing: Listing | None) -> bool:
        return not self._loaded.alterations

    def _admitted(self) -> Ranges:
        return {version: merge(firewalld.intervals_of(self._loaded.entries[version])) for version in (4, 6)}

    def _plan_own_files(self, plan: Plan, target: Declaration) -> None:
        for path, content in firewalld.files(target.ports, together(target.ranges().values())).items():
            self._plan_own_file(plan, path, content)

    def _plan_own_file(self, plan: Plan, path: Path, content: str) -> None:
        held = Store(self.host, path).content()
        if held == content:
            return
        old, new = (firewalld.entries_in(one or "") for one in (held, content))
        reasons = ["the file is missing"] if held is None else []
        if old != new:
            reasons.append(f"+{len(new - old)} -{len(old - new)}")
        before, after = sorted(old - new), sorted(new - old)
        if not before and not after:
            before, after = (held or "").splitlines(), content.splitlines()
        summary = f"write {path}: {'; '.join(reasons) or 'not as declared'}"
        plan.add(summary, str(path), before, after, partial(Store(self.host, path, _MODE).write, content))

    def _difference(
        self, plan: Plan, wanted: Declaration, ranges: Mapping[str, Ranges], persist: bool
    ) -> tuple[Drift, Callable[[], None]]:
        if wanted.management:
            raise StrongholdError(
                self.host,
                "limit SSH and close all else on the host",
                "firewalld guards it, whose zones decide that",
                "leave management empty, and use zones; or stop and disable firewalld",
            )
        admitted = together(ranges.values())
        drift = self._drift(wanted.ports, admitted)
        if self._loaded.alterations and not persist:
            missing = [path for path in firewalld.files(wanted.ports, admitted) if not path.exists()]
            if missing:
                raise StrongholdError(
                    self.host,
                    "change only what firewalld runs with",
                    f"it does not know the policy {firewalld.POLICY} yet",
                    "declare something with persist: true first",
                )
        stray = self.nft.installed and self.nft.table() is not None
        if stray:
            table = f"table {FAMILY} {TABLE}"
            drift.note(f"{table}, of the other backend, removed", table)

        def action() -> None:
            self._apply(plan, wanted.ports, admitted, persist)
            if stray:
                self.nft.load(f"delete table {FAMILY} {TABLE}\n")

        return drift, action

    def _drift(self, ports: tuple[int, ...], admitted: Ranges) -> Drift:
        drift = Drift()
        for name in sorted(set(self._loaded.alterations)):
            drift.note(f"{name} is missing or altered", f"{name}: not as declared", f"{name}: as declared")
        if not self._loaded.alterations and self._loaded.rules != (rules := set(firewalld.rules(ports))):
            drift.note(
                f"rules for the ports {', '.join(map(str, ports))}",
                "\n".join(sorted(self._loaded.rules - rules)),
                "\n".join(sorted(rules - self._loaded.rules)),
            )
        wanted = firewalld.entries(admitted)
        added = [entry for version in (4, 6) for entry in wanted[version] if entry not in self._loaded.entries[version]]
        removed = [entry for version in (4, 6) for entry in sorted(self._loaded.entries[version].difference(wanted[version]))]
        if added or removed:
            drift.note(f"admitted +{len(added)} -{len(removed)}")
            drift.before += [f"admitted: {entry}" for entry in removed]
            drift.after += [f"admitted: {entry}" for entry in added]
        return drift

    def _apply(self, plan: Plan, ports: tuple[int, ...], admitted: Ranges, persist: bool) -> None:
        entries = {version: set(listed) for version, listed in firewalld.entries(admitted).items()}
        calls = sum(len(self._loaded.entries[version] ^ entries[version]) for version in (4, 6))
        if self._loaded.alterations or (persist and calls > MOST_CALLS):
            self._bus.reload()
            self._loaded = self._bus.loaded()
        self._bus.amend(self._loaded, entries, ports, firewalld.rules(ports))
        hindrance = connections.cut(ports, admitted)
        if hindrance:
            plan.warnings.append(connections.still_open(hindrance))
