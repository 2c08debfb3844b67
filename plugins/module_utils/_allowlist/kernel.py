# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's rule set, through nft(8).

PRIVATE to the collection.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import netlink
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import FAMILY, TABLE, Listing, read
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import Output, find, run

TIMEOUT = 60  # seconds; 100,000 ranges load in less than one


class Nft:
    """The nft of this host; ``host`` names it in errors. Every method raises StrongholdError."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.program = find("nft")

    @property
    def installed(self) -> bool:
        return self.program is not None

    def table(self) -> dict[str, Any] | None:
        """Our table as ``nft --json list table`` tells it; None when the kernel has none."""
        attempt = "list the packet filter"
        tables = self._json(attempt, "tables", FAMILY)["nftables"]
        if not any(item.get("table", {}).get("name") == TABLE for item in tables):
            return None
        return self._json(attempt, "table", FAMILY, TABLE)

    def listing(self) -> Listing | None:
        """Our table; None when the kernel has none."""
        table = self.table()
        return None if table is None else read(table)

    def load(self, script: str) -> None:
        """Carry ``script`` out as one transaction: all of it or nothing."""
        self._run("load the packet filter", "--file", "-", script=script)

    def amend(self, changes: list[netlink.Changed], made_for: int | None) -> bool:
        """The same for a few elements, in no time; False where that is not to be had, and nothing was done."""
        if made_for is None or not changes or sum(len(one.removed) + len(one.added) for one in changes) > netlink.MOST_INTERVALS:
            return False
        try:
            netlink.change_elements(TABLE, changes, made_for)
        except OSError:
            return False
        return True

    def _json(self, attempt: str, *what: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._run(attempt, "--json", "list", *what))
        return answer

    def _run(self, attempt: str, *words: str, script: str = "") -> str:
        # The script holds only numbers and checked names.
        return run(
            [self.program or "nft", *words],
            host=self.host,
            attempt=attempt,
            timeout=TIMEOUT,
            stdin=script.encode(),
            explain=_explain,
            missing="install the package nftables",
            slow="see the load of the host and its kernel log",
        ).text


def _explain(output: Output) -> Refusal:
    said = output.stderr.decode(errors="replace")
    first = next((line for line in said.splitlines() if line.strip()), "it gave no reason")
    if "Operation not permitted" in said or "you must be root" in said:
        return Refusal("the account may not change the packet filter", "run the task with become: true")
    return Refusal(f"nft says '{first.strip()}'", "check that the kernel has nf_tables with fib")
