# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes from bare hosts to a replica set, and again with nothing to do, beside community.mongodb's roles."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from bench import machine, report, sides
from lab.shell import LabError

PAGE = sides.PROJECT / "docs" / "benchmarks" / "converge.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="measure each side so often and take the medians")
    runs = parser.parse_args().runs
    facts = machine.describe()
    machine.warn_if_busy()
    ours, peer = sides.ours(), sides.peer()
    measured: dict[str, list[sides.Measurement]] = {ours.name: [], peer.name: []}
    failures = {ours.title: 0, peer.title: 0}
    for number in range(runs):
        for side in (ours, peer) if number % 2 == 0 else (peer, ours):
            measurement, failed = sides.measure_repeatedly(side)
            measured[side.name].append(measurement)
            failures[side.title] += failed
    of_ours, of_peer = measured[ours.name], measured[peer.name]
    print(report.table(report.lines(of_ours, of_peer)))
    facts["Runs that failed and were repeated"] = ", ".join(f"{title} {count}" for title, count in failures.items())
    previous = PAGE.read_text() if PAGE.exists() else ""
    versions = {side.title: side.versions for side in (ours, peer)}
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    text = report.page(
        date=date.today().isoformat(), machine=facts, versions=versions, ours=of_ours, peer=of_peer, previous=previous
    )
    PAGE.write_text(text)
    print(f"written to {PAGE.relative_to(sides.PROJECT)}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"bench: {error}")
