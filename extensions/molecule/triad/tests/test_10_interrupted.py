# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook is killed at task after task of the first converge and finishes when it is run again; no secret leaks on the way.

It finishes as somebody who is not root and without pipelining, when secrets pass through files of that login.
"""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

import pytest
from scenario import interrupted, playbook

from lab import access, repetitions
from lab import fleet as fleets
from lab.fleet import Fleet, ssh

CANARY = "Kanarienvogel"
MEMBERS = ["db-a", "db-b", "db-c"]
HOSTS = [*MEMBERS, "vault-c"]
# A password in the settings of the server is in its configuration, and in that of its start, and nowhere else.
SERVER_FILES = ["/etc/mongod.conf", "/run/stronghold/mongod-started-with.conf"]
# Places of a host in which a secret might be left; and what is put there to see that it would be found.
PLACES = ["/etc", "/opt", "/root", "/home", "/run", "/tmp", "/var", "/dev/shm", "/srv"]  # noqa: S108  # searched, not written to
PLANTED = "PlantedByTheTests"
LOGGED = "LoggedByTheTests"
VENV = "/opt/stronghold/venv/bin/python"
# Ansible's own default, and AWX's: no root at the door, and each module comes as a file that holds its arguments.
STEWARD = "steward"
AS_STEWARD = {"ansible_user": STEWARD, "ansible_pipelining": False}
MODULE = "module of "


@pytest.fixture(scope="module")
def log(fleet: Fleet) -> Path:
    """All that the controller printed in this story."""
    return fleet.home / "output.log"


def test_killed_at_task_after_task_it_still_finishes(fleet: Fleet, log: Path) -> None:
    for task, delay in repetitions.todays(list(interrupted.KILLS.items()), 5):
        assert playbook.run_and_kill(fleet, task, delay, log), f"{task} was not reached"
    for name in HOSTS:
        access.admit(fleet, name, STEWARD)
    with WatchedProcesses(fleet) as seen:
        run = playbook.converge(fleet, "-vvv", "--diff", variables=AS_STEWARD)
    log.write_text(log.read_text() + run.output)
    for name in HOSTS:
        assert [line for line in seen[name] if VENV in line], f"what ran on {name} was not seen"
        assert [line for line in seen[name] if CANARY in line] == []
        modules = [line for line in seen[name] if line.startswith(MODULE)]
        assert modules, f"no file of a module was seen on {name}"
        assert [line for line in modules if not re.match(rf"{MODULE}{STEWARD} .00 ", line)] == []
        assert ssh(fleet, name, f"ls -A ~{STEWARD}/.ansible/tmp") == ""
    access.issue_operator(fleet)
    interrupted.insist_on_a_whole_cluster(fleet)


class TestSecrets:
    """Of the test before."""

    def test_nothing_secret_was_printed(self, fleet: Fleet, log: Path) -> None:
        text = log.read_text()
        assert "Have the declared accounts" in text
        passphrase = (access.secrets(fleet) / "authority-passphrase").read_text().strip()
        assert len(passphrase) > 20
        assert [secret for secret in (CANARY, "PRIVATE KEY", passphrase) if secret in text] == []

    @pytest.mark.parametrize("name", HOSTS)
    def test_nothing_secret_is_left_on_a_host(self, fleet: Fleet, name: str) -> None:
        planted = [f"{place}/planted" for place in PLACES]
        ssh(fleet, name, f"tee {' '.join(planted)} <<< {PLANTED}")
        try:
            found = ssh(fleet, name, f"grep -rlsF -e {CANARY} -e {PLANTED} {' '.join(PLACES)}", check=False)
        finally:
            ssh(fleet, name, f"rm {' '.join(planted)}")
        configured = SERVER_FILES if name in MEMBERS else []
        assert sorted(found.splitlines()) == sorted([*planted, *configured])
        modes = ssh(fleet, name, f"stat -c '%U %a' {' '.join(configured)}") if configured else ""
        assert modes.splitlines() == ["root 640", "root 600"][: len(configured)]

    @pytest.mark.parametrize("name", HOSTS)
    def test_nothing_secret_is_in_the_journal(self, fleet: Fleet, name: str) -> None:
        ssh(fleet, name, f"logger {LOGGED} && journalctl --sync")
        found = ssh(fleet, name, f"journalctl --no-pager -o cat | grep -F -e {CANARY} -e {LOGGED}")
        assert set(found.splitlines()) == {LOGGED}

    @pytest.mark.parametrize("name", HOSTS)
    def test_private_keys_are_for_those_who_use_them_alone(self, fleet: Fleet, name: str) -> None:
        readable = ssh(
            fleet, name, "grep -rlsF 'PRIVATE KEY' /etc/stronghold /tmp /run /var/lib/mongodb | xargs -r stat -c '%a %G %n'"
        )
        assert readable
        # The service reads its own certificate and cannot change it: it belongs to root, and to the service's group.
        others = [line for line in readable.splitlines() if line != "640 mongodb /etc/stronghold/tls/member.pem"]
        assert [line for line in others if not line.startswith("600 ")] == []

    def test_facts_hold_nothing_secret(self, fleet: Fleet) -> None:
        hosts = str(fleet.home / "inventory" / "hosts.yml")
        facts = subprocess.run(
            ["ansible", "-i", hosts, "all", "-m", "ansible.builtin.setup"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "ansible_distribution" in facts
        assert CANARY not in facts

    def test_what_the_controller_keeps_is_for_its_owner(self, fleet: Fleet) -> None:
        kept = [file for file in access.secrets(fleet).rglob("*") if file.is_file() and file.name != "ca.pem"]
        assert kept
        assert [file.name for file in kept if file.stat().st_mode & 0o077] == []
        key = access.secrets(fleet) / "authority" / "ca.key"
        assert "ENCRYPTED" in key.read_text()


class WatchedProcesses:
    """Collects the command lines and environments of all processes of each host while the block runs."""

    SCRIPT = (
        "for i in $(seq 3000); do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; echo; "
        f"find /home/{STEWARD}/.ansible/tmp -type f -printf '{MODULE}%u %m %p\\n' 2>/dev/null; sleep 0.1; done"
    )

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._watchers: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []
        self._lines: dict[str, list[str]] = {host.name: [] for host in fleet.hosts}

    def __enter__(self) -> dict[str, list[str]]:
        for host in self._fleet.hosts:
            words = ["ssh", *fleets.ssh_options(self._fleet), f"root@{host.address}", self.SCRIPT]
            watcher = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
            self._watchers.append(watcher)
            reader = threading.Thread(target=self._read, args=(watcher, self._lines[host.name]), daemon=True)
            reader.start()
            self._readers.append(reader)
        return self._lines

    @staticmethod
    def _read(watcher: subprocess.Popen[str], lines: list[str]) -> None:
        assert watcher.stdout
        lines.extend(watcher.stdout)

    def __exit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.terminate()
            watcher.wait()
        for reader in self._readers:
            reader.join()
