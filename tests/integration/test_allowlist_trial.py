# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change on trial is taken back whole, whoever else is at work in that moment. Programs stand in for systemd's timers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from integration.harness import ROOT, run_module
from integration.namespaces import Net

TIMERS = "/run/timers"
# Both know one timer: a process whose number is in a file until the command has begun, and two marks for its begin and end.
SYSTEMD_RUN = f"""#!/bin/sh
while :; do case $1 in --on-active=*) seconds=${{1#*=}};; --*) ;; *) break;; esac; shift; done
mkdir -p {TIMERS}; rm -f {TIMERS}/*
( sleep "$seconds"; touch {TIMERS}/begun; rm {TIMERS}/timer; "$@" >{TIMERS}/said 2>&1; touch {TIMERS}/ended ) >/dev/null 2>&1 &
echo $! >{TIMERS}/timer
"""
SYSTEMCTL = f"""#!/bin/sh
case "$*" in
*is-active*timer) test -e {TIMERS}/timer;;
*is-active*service) test -e {TIMERS}/begun && ! test -e {TIMERS}/ended;;
stop*timer) kill "$(cat {TIMERS}/timer)" && rm {TIMERS}/timer;;
*NeedDaemonReload*) echo no;;
*) exit 1;;
esac
"""
# What a run does that has read the state before the trial's end and changes it afterwards.
RUN = """
import platform, sys
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.backend import open_allowlist
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.store import alone
from ansible_collections.stronghold.mongodb.plugins.modules.mongodb_allowlist import request_of
options = dict.fromkeys(["ports", "protected", "management", "management_port", "groups"])
options.update(name="app", sources=["10.99.2.0/24"], state="present", purge=False)
with alone(platform.node()):
    allowlist = open_allowlist(platform.node(), "recorded")
    plan = allowlist.plan_watch() if sys.argv[1] == "watch" else allowlist.plan(request_of(options, platform.node()))[0]
    print("planned", flush=True)
    sys.stdin.readline()
    plan.apply()
    allowlist.remember()
print(*plan.applied, flush=True)
"""


class Site:
    def __init__(self, net: Net, programs: Path) -> None:
        self.db = net.db
        self._within = [*net.db.within, "env", f"PATH={programs}:{os.environ['PATH']}"]

    def allow(self, **arguments: Any) -> dict[str, Any]:
        return run_module("mongodb_allowlist", within=self._within, **arguments)

    def has(self, mark: str) -> bool:
        return self.db.sh(f"test -e {TIMERS}/{mark} && echo yes || :") == "yes\n"

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    @contextmanager
    def run(self, what: str) -> Iterator[subprocess.Popen[str]]:
        """A run that has planned, and carries out what it planned with the end of this block."""
        words = [*self._within, f"PYTHONPATH={ROOT / '.tree'}", sys.executable, "-c", RUN, what]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stdout.readline() == "planned\n"
            yield process
            process.communicate("\n", timeout=30)
        assert process.returncode == 0


@pytest.fixture
def site(net: Net, tmp_path: Path) -> Iterator[Site]:
    for name, script in (("systemd-run", SYSTEMD_RUN), ("systemctl", SYSTEMCTL)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    net.db.sh("mkdir -p /run/systemd/system")
    yield Site(net, tmp_path)
    net.db.sh(f"rm -r /run/systemd; rm -rf {TIMERS}")


def test_it_is_taken_back_with_its_record(site: Site) -> None:
    site.allow(name="app", sources=["10.99.1.0/24"])
    rules, record = site.db.rules(), site.db.sh("cat /run/stronghold/firewall.nft")
    assert site.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=2)["changed"]
    assert site.db.rules() != rules
    site.until(lambda: site.has("ended"))
    assert (site.db.rules(), site.db.sh("cat /run/stronghold/firewall.nft")) == (rules, record)


def test_it_is_taken_back_while_a_watch_is_at_work(site: Site) -> None:
    site.allow(name="app", sources=["10.99.1.0/24"])
    rules, record = site.db.rules(), site.db.sh("cat /run/stronghold/firewall.nft")
    site.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=4)
    with site.run("watch"):
        site.until(lambda: site.has("begun"))
        time.sleep(0.5)
    site.until(lambda: site.has("ended"))
    assert (site.db.rules(), site.db.sh("cat /run/stronghold/firewall.nft")) == (rules, record)
    with site.run("watch"):
        pass
    assert site.db.rules() == rules, "the trial came back"


def test_what_is_confirmed_in_the_last_moment_stays(site: Site) -> None:
    site.allow(name="app", sources=["10.99.1.0/24"])
    site.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=4)
    rules = site.db.rules()
    with site.run("confirmation"):
        site.until(lambda: site.has("begun"))
        time.sleep(0.5)
    site.until(lambda: site.has("ended"))
    assert site.db.rules() == rules
    assert site.db.sh(f"cat {TIMERS}/said") == ""
    assert not site.allow(name="app", sources=["10.99.1.0/24", "10.99.2.0/24"])["changed"]


def test_while_it_is_being_taken_back_there_is_no_other_trial(site: Site) -> None:
    site.allow(name="app", sources=["10.99.1.0/24"])
    rules = site.db.rules()
    site.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=3)
    site.until(lambda: site.has("ended"))
    assert site.db.rules() == rules
    site.db.sh(f"rm {TIMERS}/ended; cp /run/stronghold/firewall.nft /run/stronghold/firewall-former.nft")  # as while it waits
    refused = site.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=3)
    assert "another trial is under way" in refused["msg"]
