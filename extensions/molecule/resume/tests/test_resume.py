# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook is killed at ten tasks of the first converge and finishes when it is run again; no secret leaks on the way."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from scenario import load, playbook

from lab import access, inventory
from lab import fleet as fleets
from lab.fleet import Fleet, ssh

# Task -> seconds after its beginning at which everything is killed.
KILLS = {
    "Install the missing packages (Debian family)": 1.0,
    "Make the managed Python environment": 1.0,
    "Admit members, backup hosts and declared sources, and nobody else": 0.4,
    "Issue certificates that are missing, different or near their end": 0.8,
    "Install the packages (Debian family)": 1.0,
    "Write mongod.conf, its key file and its confinement": 0.4,
    "Have an administrator before the server listens": 0.8,
    "Start mongod where it does not run": 0.3,
    "Bring the replica set into its declared shape": 1.0,
    "Have the declared accounts": 0.5,
}
CANARY = "Kanarienvogel"


@pytest.fixture(scope="module")
def log(fleet: Fleet) -> Path:
    """All that the controller printed in this scenario."""
    return fleet.home / "output.log"


def insist_on_a_whole_cluster(fleet: Fleet) -> None:
    assert sorted(load.settle(fleet).values()) == ["primary", "secondary", "secondary"]
    assert playbook.converge(fleet).changed == {host.name: 0 for host in fleet.hosts}


def test_killed_at_ten_tasks_in_a_row_it_still_finishes(fleet: Fleet, log: Path) -> None:
    for task, delay in KILLS.items():
        assert playbook.run_and_kill(fleet, task, delay, log), f"{task} was not reached"
    with watched_processes(fleet) as seen:
        run = playbook.converge(fleet, "-vvv", "--diff")
    log.write_text(log.read_text() + run.output)
    assert seen
    assert [line for line in seen if CANARY in line] == []
    access.issue_operator(fleet)
    insist_on_a_whole_cluster(fleet)


@pytest.mark.long
@pytest.mark.parametrize("task", KILLS)
def test_killed_once_it_finishes(fleet: Fleet, log: Path, task: str) -> None:
    declaration = yaml.safe_load((Path(__file__).parents[1] / "fleet.yml").read_text())
    fleets.down(fleet.name)
    fresh = fleets.up(declaration)
    inventory.write(fresh)
    assert playbook.run_and_kill(fresh, task, KILLS[task], log)
    playbook.converge(fresh)
    access.issue_operator(fresh)
    insist_on_a_whole_cluster(fresh)


class TestSecrets:
    def test_nothing_secret_was_printed(self, fleet: Fleet, log: Path) -> None:
        text = log.read_text()
        assert "Have the declared accounts" in text
        passphrase = (access.secrets(fleet) / "authority-passphrase").read_text().strip()
        assert len(passphrase) > 20
        assert [secret for secret in (CANARY, "PRIVATE KEY", passphrase) if secret in text] == []

    @pytest.mark.parametrize("name", ["db-a", "db-b", "db-c"])
    def test_nothing_secret_is_left_on_a_host(self, fleet: Fleet, name: str) -> None:
        places = "/etc /opt /root /home /run /tmp /var /dev/shm /srv"
        assert ssh(fleet, name, f"grep -rlsF {CANARY} {places}", check=False) == ""
        assert ssh(fleet, name, f"journalctl --no-pager | grep -F {CANARY}", check=False) == ""
        readable = ssh(
            fleet, name, "grep -rlsF 'PRIVATE KEY' /etc/stronghold /tmp /run /var/lib/mongodb | xargs -r stat -c '%a %n'"
        )
        assert readable
        assert [line for line in readable.splitlines() if not line.startswith("600 ")] == []

    def test_facts_hold_nothing_secret(self, fleet: Fleet) -> None:
        hosts = str(fleet.home / "inventory" / "hosts.yml")
        facts = subprocess.run(
            ["ansible", "-i", hosts, "all", "-m", "ansible.builtin.setup"], capture_output=True, text=True, check=True
        ).stdout
        assert "ansible_distribution" in facts
        assert CANARY not in facts

    def test_what_the_controller_keeps_is_for_its_owner(self, fleet: Fleet) -> None:
        kept = [file for file in access.secrets(fleet).rglob("*") if file.is_file() and file.name != "ca.pem"]
        assert kept
        assert [file.name for file in kept if file.stat().st_mode & 0o077] == []
        key = access.secrets(fleet) / "authority" / "ca.key"
        assert "ENCRYPTED" in key.read_text()


class watched_processes:
    """Collects the command lines and environments of all processes of a fleet's hosts while the block runs."""

    SCRIPT = (
        "for i in $(seq 3000); do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; echo; sleep 0.1; done"
    )

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._watchers: list[subprocess.Popen[str]] = []
        self._lines: list[str] = []

    def __enter__(self) -> list[str]:
        for host in self._fleet.hosts:
            words = ["ssh", *fleets.ssh_options(self._fleet), f"root@{host.address}", self.SCRIPT]
            watcher = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, errors="replace")
            self._watchers.append(watcher)
            threading.Thread(target=self._read, args=(watcher,), daemon=True).start()
        return self._lines

    def _read(self, watcher: subprocess.Popen[str]) -> None:
        assert watcher.stdout
        self._lines.extend(watcher.stdout)

    def __exit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.terminate()
            watcher.wait()
