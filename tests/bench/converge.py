# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes from bare hosts to a replica set, and again with nothing to do, beside community.mongodb's roles."""

from __future__ import annotations

import argparse
from functools import partial

from bench import report, run, sides


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="measure each side so often and take the medians")
    runs = parser.parse_args().runs
    facts = run.facts()
    ours, peer = sides.ours(), sides.peer()
    measured: dict[str, list[sides.Measurement]] = {ours.name: [], peer.name: []}
    failures = {ours.title: 0, peer.title: 0}
    for number in range(runs):
        for side in (ours, peer) if number % 2 == 0 else (peer, ours):
            measurement, failed = sides.measure_repeatedly(side)
            measured[side.name].append(measurement)
            failures[side.title] += failed
    of_ours, of_peer = measured[ours.name], measured[peer.name]
    facts["Runs that failed and were repeated"] = ", ".join(f"{title} {count}" for title, count in failures.items())
    versions = {side.title: side.versions for side in (ours, peer)}
    page = partial(report.page, machine=facts, versions=versions, ours=of_ours, peer=of_peer)
    run.write("converge", report.table(report.lines(of_ours, of_peer)), page)


if __name__ == "__main__":
    run.main(main)
