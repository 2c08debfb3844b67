# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run may change on hosts and at the controller, and that it changed nothing."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

from lab.fleet import Fleet, ssh

STATE = """
find /etc /opt -xdev -printf '%p %M %u %l\\n' | grep -v __pycache__ | sort
find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum
dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'
systemctl show mongod -P ExecMainStartTimestampMonotonic
nft --stateless list ruleset 2>/dev/null || true
"""


def state(fleet: Fleet, name: str) -> set[str]:
    return set(ssh(fleet, name, STATE).splitlines())


def kept(fleet: Fleet) -> set[str]:
    """What the controller keeps for the clusters of the fleet."""
    files = (path for path in (fleet.home / "inventory").rglob("*") if path.is_file())
    return {f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files}


@contextlib.contextmanager
def untouched(fleet: Fleet, *names: str) -> Iterator[None]:
    """The hosts stay as they are, and nothing that was generated for a cluster is lost; for a new one, something may be."""
    before, secrets = {name: state(fleet, name) for name in names}, kept(fleet)
    assert all(len(lines) > 500 for lines in before.values())
    yield
    for name in names:
        after = state(fleet, name)
        assert (name, sorted(before[name] - after), sorted(after - before[name])) == (name, [], [])
    assert secrets <= kept(fleet)
