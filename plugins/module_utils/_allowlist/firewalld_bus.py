# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running firewalld, through busctl(1), which every systemd brings.

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import netlink
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.firewalld import (
    POLICY,
    PRIORITY,
    SETS,
    intervals_of,
    rich_rule,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.kernel import Nft
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import FAMILY
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import meeting
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import Output, run

MOST_CALLS = 200  # about 20 ms each; beyond, a reload is quicker
_TIMEOUT = 120  # seconds
_TABLE = "firewalld"  # where its backend is nftables
_BUS = "org.fedoraproject.FirewallD1"
_PATH = "/org/fedoraproject/FirewallD1"
RELOAD = f"busctl call {_BUS} {_PATH} {_BUS} reload"
_LISTED_BY = {"ipset": "getIPSets", "policy": "getPolicies"}  # firewalld.dbus(5)
_OURS = {"target": "CONTINUE", "priority": PRIORITY, "ingress_zones": ["ANY"], "egress_zones": ["HOST"]}


@dataclass
class Loaded:
    """What runs: the sets' entries and the policy's rich rules. ``alterations`` are what only a reload mends."""

    entries: dict[int, set[str]] = field(default_factory=lambda: {4: set(), 6: set()})
    rules: set[str] = field(default_factory=set)
    alterations: list[str] = field(default_factory=list)


class Firewalld:
    """The firewalld of this host; ``host`` names it in errors. Every method raises StrongholdError."""

    def __init__(self, host: str) -> None:
        self.host = host

    def loaded(self) -> Loaded:
        state = Loaded()
        for version, name in SETS.items():
            held = self._ask("ipset", "getEntries", name)
            if held is None:
                state.alterations.append(f"ipset {name}")
            else:
                state.entries[version] = set(held)
        settings = self._ask("policy", "getPolicySettings", POLICY)
        if settings is None:
            state.alterations.append(f"policy {POLICY}")
        else:
            plain = {key: value["data"] for key, value in settings.items()}
            state.rules = set(plain.get("rich_rules", ()))
            if any(plain.get(key) != value for key, value in _OURS.items()):
                state.alterations.append(f"policy {POLICY}")
        if self._flushed():
            state.alterations.append(f"table {_TABLE}")
        return state

    def reload(self) -> None:
        """Have it read its files again; what was only changed at run time is lost, by whomever."""
        if self._flushed():
            # To make its table anew firewalld deletes the old one, and fails where there is none.
            Nft(self.host).load(f"add table {FAMILY} {_TABLE}\n")
        self._call("reload", "")

    def amend(self, before: Loaded, entries: dict[int, set[str]], ports: Collection[int], rules: Collection[str]) -> None:
        """From ``before`` to ``entries`` and ``rules`` call by call, so that nobody who stays admitted is ever shut out."""
        removed = {version: before.entries[version] - entries[version] for version in SETS}
        added = {version: entries[version] - before.entries[version] for version in SETS}
        # firewalld refuses an entry that overlaps one which is still there.
        split = {version: _overlapping(removed[version], added[version]) for version in SETS}
        interim = {
            rich_rule(port, -3, version, address=entry) for port in ports for version in SETS for entry in sorted(split[version])
        }
        held = before.rules | interim
        if interim:
            self._rules(held)
        for version, name in SETS.items():
            self._each("removeEntry", name, split[version])
            self._each("addEntry", name, added[version])
        if held != set(rules):
            # Those that admit first: otherwise a packet may meet the rule that drops alone.
            self._rules({*(rule for rule in rules if rule.endswith("accept")), *held})
            self._rules(rules)
        for version, name in SETS.items():
            self._each("removeEntry", name, removed[version] - split[version])

    def _each(self, method: str, name: str, entries: Collection[str]) -> None:
        for entry in sorted(entries):
            self._call(method, "ss", name, entry, interface=".ipset")

    def _rules(self, rules: Collection[str]) -> None:
        words = (POLICY, "1", "rich_rules", "as", str(len(rules)), *sorted(rules))
        self._call("setPolicySettings", "sa{sv}", *words, interface=".policy")

    def _ask(self, interface: str, method: str, name: str) -> Any:
        """The answer; None where firewalld has nothing of that name."""
        known = json.loads(self._call(_LISTED_BY[interface], "", interface=f".{interface}"))["data"][0]
        return json.loads(self._call(method, "s", name, interface=f".{interface}"))["data"][0] if name in known else None

    def _flushed(self) -> bool:
        """Whether the kernel has lost its rules: whoever flushes them does not tell firewalld, which takes all for in force."""
        if netlink.has_table(_TABLE) is not False:
            return False
        words = ("get-property", _BUS, f"{_PATH}/config", f"{_BUS}.config", "FirewallBackend")
        return bool(json.loads(self._busctl("tell its backend", *words))["data"] == "nftables")

    def _call(self, method: str, signature: str, *words: str, interface: str = "") -> str:
        told = [*([signature] if signature else []), *(["--", *words] if words else [])]
        return self._busctl(f"do '{method}'", "call", _BUS, _PATH, f"{_BUS}{interface}", method, *told)

    def _busctl(self, what: str, *words: str) -> str:
        # Only fixed words, numbers and checked addresses.
        return run(
            ["busctl", "--json=short", f"--timeout={_TIMEOUT}", *words],
            host=self.host,
            attempt=f"have firewalld {what}",
            timeout=_TIMEOUT + 10,
            explain=_explain,
            missing="run this on a systemd host",
            slow="see 'journalctl -u firewalld' there",
        ).text


def _explain(output: Output) -> Refusal:
    return Refusal(
        f"it says '{output.complaint.removeprefix('Call failed: ') or output.ended}'",
        "check that firewalld 0.9 or later runs there ('systemctl status firewalld'), and run the task with become: true",
    )


def _overlapping(removed: Collection[str], added: Collection[str]) -> set[str]:
    """Those of ``removed`` that share addresses with one of ``added``."""
    new = sorted(intervals_of(added))
    return {
        entry
        for entry in removed
        for first, last in intervals_of([entry])
        if any(start <= last and first <= end for start, end in meeting(new, (first, last)))
    }
