# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a writer sees while all certificates are rotated, and while the authority is replaced, beside what it sees in quiet."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from scenario import load, playbook

from bench import gaps, run
from lab import access, fleet, inventory
from lab.fleet import Fleet, ssh
from lab.shell import LabError, progress

NAME = "bench-rotation"
WRITER = "app-a"
PAUSE = 0.005
REPLACE = "stronghold.mongodb.replace_authority"
HOSTS = {
    "db-a": {"zone": "a"},
    "db-b": {"zone": "b"},
    "db-c": {"zone": "c"},
    WRITER: {"zone": "a", "group": "mongodb_backup"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rotations", type=int, default=3)
    parser.add_argument("--quiet", type=int, default=240, help="seconds of the quiet baseline")
    words = parser.parse_args()
    facts = run.facts()
    fleet.down(NAME)
    try:
        made = fleet.up({"name": NAME, "vars": {"mongodb_cluster_name": "bench"}, "hosts": HOSTS})
        inventory.write(made)
        succeed(playbook.run(made))
        access.issue_operator(made)
        load.settle(made)
        with access.client(made, made.hosts[0]) as client:
            facts["MongoDB"] = client.server_info()["version"]
        measure(made, facts, words.rotations, words.quiet)
    finally:
        fleet.down(NAME)


def measure(made: Fleet, facts: dict[str, str], rotations: int, quiet: int) -> None:
    normal = phase(made, "quiet", lambda: time.sleep(quiet))
    control = phase(made, "control: the same run with --check", lambda: rotate(made, "control", "--check"))
    rotated = []
    for number in range(1, rotations + 1):
        rotated.append(phase(made, f"rotation {number}", partial(rotate, made, f"rotation{number}")))
        if len(rotated[-1].taken_up) != len(access.members(made)):
            raise LabError(f"{len(rotated[-1].taken_up)} servers took their certificates up, and not all")
    replaced = phase(made, "authority replaced", lambda: succeed(playbook.run(made, playbook=REPLACE)))
    facts["Load average at the end"] = f"{os.getloadavg()[0]:.1f}"
    facts["Run by stronghold.mongodb"] = ", ".join(f"{name} {number}" for name, number in run.our_versions().items())
    found = gaps.Found(normal, control, rotated, replaced)
    run.write("rotation", gaps.table(found), lambda date, previous: gaps.page(date, facts, found, previous))


def rotate(made: Fleet, name: str, *words: str) -> None:
    """With a further name for every member, so that each certificate differs from its declaration."""
    succeed(playbook.run(made, *words, variables={"mongodb_tls_extra_names": [f"{name}.example.com"]}))


def phase(made: Fleet, title: str, action: Callable[[], object]) -> gaps.Phase:
    """What the writer sees from the start of ``action`` to its end."""
    progress(title)
    with load.write_load(made, WRITER, PAUSE) as account:
        action()
    (made.home / "operator-ca.pem").unlink(missing_ok=True)
    access.issue_operator(made)
    lost = set(account.acknowledged) - load.stored(made)
    return gaps.Phase(title, account.moments, len(account.errors), len(lost), taken_up(made, account.begin))


def taken_up(made: Fleet, begin: float) -> list[float]:
    """When servers took certificates up, in seconds since ``begin``. The hosts are containers of this machine, with its clock."""
    found = []
    for host in access.members(made):
        for line in ssh(made, host.name, "grep -h '\"id\":4913400,' /var/log/mongodb/mongod.log || true").splitlines():
            moment = datetime.fromisoformat(json.loads(line)["t"]["$date"]).timestamp() - begin
            found += [moment] if moment > 0 else []
    return sorted(found)


def succeed(done: playbook.Run) -> None:
    if done.rc:
        raise LabError(f"the playbook failed: {done.output[-3000:]}")


if __name__ == "__main__":
    run.main(main)
