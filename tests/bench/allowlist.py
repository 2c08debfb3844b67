# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many ranges in the packet filter: first applied, unchanged, one added; beside nft itself and a loop over iptables."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from integration import namespaces

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import script
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import parse, ranges
from bench import page as pages
from bench import run
from bench.page import grid
from lab.shell import LabError, progress

METHOD = (Path(__file__).parent / "allowlist.md").read_text().strip()
COUNTS = (100, 10_000, 100_000)
LOOP_COUNT = 100  # of rules, each of which is a process of its own
ONE_MORE = "250.1.2.3"
TITLES = ("first applied", "unchanged", "one added")
FLOOR_GOAL, ONE_GOAL = 3.0, 1.0


@dataclass(frozen=True)
class Measured:
    """Seconds for ``count`` ranges: first applied, unchanged, one added."""

    count: int
    ours: tuple[float, float, float]
    floor: tuple[float, float, float]
    loop: tuple[float, float] | None


def sources(count: int) -> list[str]:
    """Networks that neither overlap nor touch, the same in each run."""
    numbers = sorted(random.Random(1).sample(range(1 << 20, 200 << 20), count))  # noqa: S311 - no secret
    return [f"{number >> 20}.{number >> 12 & 255}.{number >> 4 & 255}.{(number & 15) * 16}/29" for number in numbers]


def timed(work: Callable[[], Any]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def floor(host: namespaces.Host, count: int) -> tuple[float, float, float]:
    """nft alone: the same table loaded, listed, and one element added."""
    loaded = script([27017], {"app": ranges(tidy(map(parse, sources(count))))})
    element = ("add", "element", "inet", "stronghold_mongodb", "app_4", f"{{ {ONE_MORE} }}")
    seconds = (
        timed(lambda: host.nft("-f", "-", script=loaded)),
        timed(lambda: host.nft("-j", "list", "table", "inet", "stronghold_mongodb")),
        timed(lambda: host.nft(*element)),
    )
    host.nft("flush", "ruleset")
    return seconds


def ours(host: namespaces.Host, count: int) -> tuple[float, float, float]:
    host.sh("rm -rf /etc/stronghold /run/stronghold")
    whole: dict[str, Any] = {"groups": [{"name": "app", "sources": sources(count)}], "state": "exact", "purge": True}

    def allow(changed: bool, **arguments: Any) -> None:
        result = host.allow(diff=False, **arguments)
        if result.get("failed") or result["changed"] is not changed:
            raise LabError(f"mongodb_allowlist: {str(result)[:2000]}")

    seconds = (
        timed(lambda: allow(True, **whole)),
        timed(lambda: allow(False, **whole)),
        timed(lambda: allow(True, name="app", sources=[ONE_MORE])),
    )
    held = json.loads(host.nft("-j", "list", "set", "inet", "stronghold_mongodb", "app_4"))["nftables"][1]["set"]["elem"]
    if len(held) != count + 1:
        raise LabError(f"the kernel holds {len(held)} ranges instead of {count + 1}")
    host.nft("flush", "ruleset")
    return seconds


def loop(host: namespaces.Host, count: int, scratch: Path) -> tuple[float, float]:
    """ansible.builtin.iptables once for each rule."""
    rule = {"chain": "INPUT", "protocol": "tcp", "destination_port": "27017", "source": "{{ item }}", "jump": "ACCEPT"}
    task = {"ansible.builtin.iptables": rule, "loop": "{{ sources }}"}
    first, again = (run.play(scratch, run.OURS, [task], {"sources": sources(count)}, host.within) for _number in range(2))
    return first.seconds, again.seconds


def goals(measured: Sequence[Measured]) -> list[tuple[str, bool]]:
    """They are set for the largest number."""
    large = measured[-1]
    found = [
        (f"{large.count:,} {title}: at most {FLOOR_GOAL} times the floor, is {mine / theirs:.2f}", mine <= FLOOR_GOAL * theirs)
        for title, mine, theirs in zip(TITLES[:2], large.ours, large.floor)
    ]
    return [*found, (f"{large.count:,} one added: under {ONE_GOAL:.0f} s, is {large.ours[2]:.2f} s", large.ours[2] < ONE_GOAL)]


def table(measured: Sequence[Measured]) -> str:
    rows = [("ranges", "", "nft alone", "mongodb_allowlist", "over the floor", "loop over iptables")]
    known = next(one for one in measured if one.loop)
    for one in measured:
        for index, title in enumerate(TITLES):
            shown = ""
            if known.loop and index < len(known.loop):
                mark = "" if one.loop else " (extrapolated)"
                shown = f"{known.loop[index] * one.count / known.count:,.0f} s{mark}"
            mine, theirs = one.ours[index], one.floor[index]
            rows.append((f"{one.count:,}", title, f"{theirs:.2f} s", f"{mine:.2f} s", f"{mine / theirs:.2f}", shown))
    return grid(rows) + "\n\n" + "\n".join(f"* {text}: {'met' if met else 'missed'}." for text, met in goals(measured))


def page(date: str, facts: Mapping[str, str], measured: Sequence[Measured], previous: str) -> str:
    return pages.page(
        "Many ranges in the packet filter",
        f"Written by `make bench-allowlist` on {date}; one run.",
        [table(measured)],
        facts,
        METHOD,
        met=all(met for _text, met in goals(measured)),
        previous=previous,
    )


def main() -> None:
    facts = run.facts()
    measured = []
    with TemporaryDirectory() as scratch, TemporaryDirectory() as overlay, namespaces.world(Path(overlay)) as net:
        for count in COUNTS:
            progress(f"{count:,} ranges")
            looped = loop(net.db, count, Path(scratch)) if count == LOOP_COUNT else None
            net.db.sh("iptables --flush")
            measured.append(Measured(count, ours(net.db, count), floor(net.db, count), looped))
    nft = subprocess.run(["nft", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    facts.update({"nftables": nft, **run.our_versions()})
    run.write("allowlist", table(measured), lambda date, previous: page(date, facts, measured, previous))


if __name__ == "__main__":
    run.main(main)
