# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a running cluster under load: rotated, the authority replaced with kills in between, mended after their end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from scenario import certificates, load, playbook
from scenario.certificates import processes

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from lab import access, repetitions
from lab.certificates import issue
from lab.fleet import Fleet, Host, ssh

REPLACE = "stronghold.mongodb.replace_authority"
OPERATOR = str(Path(__file__).parents[4] / "examples" / "operator.yml")
ISSUE = "Issue certificates that are missing, different or near their end"
RESTART = "Restart this member, or have it take up its certificates"
# A task, and which time it comes: before all hosts trust both authorities, and afterwards.
EARLY_KILLS = [(ISSUE, 1), (RESTART, 1)]
LATE_KILLS = [(ISSUE, 2), (ISSUE, 3)]
CLIENT = "vault-c"
SHORT = 20


def serials(fleet: Fleet) -> dict[str, int]:
    found = {}
    options = access.tls_options(fleet)
    for host in access.members(fleet):
        seen = presented(host.address, 27017, options["tlsCAFile"], certificate_file=options["tlsCertificateKeyFile"])
        assert seen.certificate, seen.problem
        assert seen.problem == ""
        found[host.name] = seen.certificate.serial_number
    return found


def test_a_rotation_is_seen_by_nobody(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    load.settle(fleet)
    before, running = serials(fleet), processes(fleet)
    with load.idle_connections(fleet, CLIENT, 50) as idle, load.write_load(fleet, CLIENT) as account:
        playbook.converge(fleet, variables={"mongodb_tls_extra_names": ["further.example.com"]})
    after = serials(fleet)
    assert set(after.values()).isdisjoint(before.values())
    assert processes(fleet) == running
    assert account.errors == []
    assert len(account.acknowledged) > 100
    assert idle["made"] >= 50
    assert idle["closed"] == 0
    with capsys.disabled():
        print(f"\nrotation: {len(account.acknowledged)} writes, longest gap {account.longest_gap:.3f} s")


def test_the_authority_is_replaced_though_it_is_killed_on_the_way(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load.settle(fleet)
    running = processes(fleet)
    folder = access.secrets(fleet) / "authority"
    old = (folder / "ca.pem").read_bytes()
    log = tmp_path / "output"
    with load.write_load(fleet, CLIENT) as account:
        for task, times in repetitions.todays(EARLY_KILLS):
            assert playbook.run_and_kill(fleet, task, 1.0, log, playbook=REPLACE, times=times), f"{task} was not reached"
        trusted = playbook.run(fleet, playbook=REPLACE, variables={"mongodb_tls_replace_until": "trust_both"})
        assert trusted.rc == 0, trusted.output[-6000:]
        changed_over = change_over(fleet)
        for task, times in repetitions.todays(LATE_KILLS):
            assert playbook.run_and_kill(fleet, task, 1.0, log, playbook=REPLACE, times=times), f"{task} was not reached"
        playbook.converge(fleet)
        done = playbook.run(fleet, playbook=REPLACE)
        assert done.rc == 0, done.output[-6000:]
    assert (folder / "ca.pem").read_bytes() != old
    assert not folder.with_name("authority-next").exists()
    assert [path.joinpath("ca.pem").read_bytes() for path in folder.parent.glob("authority-former-*")] == [old]
    for host in fleet.hosts:
        assert ssh(fleet, host.name, "cat /etc/stronghold/tls/ca.pem").encode() == (folder / "ca.pem").read_bytes()
    assert processes(fleet) == running
    assert account.errors == []
    assert served(fleet, folder / "ca.pem", changed_over)
    (fleet.home / "operator-ca.pem").unlink()
    access.issue_operator(fleet)
    assert set(account.acknowledged) <= load.stored(fleet)
    assert playbook.converge(fleet).changed == {host.name: 0 for host in fleet.hosts}
    with capsys.disabled():
        print(f"\nauthority: {len(account.acknowledged)} writes, longest gap {account.longest_gap:.3f} s")


def change_over(fleet: Fleet) -> Path:
    """A client elsewhere, while all hosts trust both: it trusts both and has a certificate of the new one, which is returned."""
    folder, before = access.secrets(fleet) / "authority", Path(access.tls_options(fleet)["tlsCertificateKeyFile"])
    assert served(fleet, folder / "ca.pem", before), "who has changed nothing yet is served"
    made = playbook.run(fleet, variables={"owner_name": "elsewhere", "owner_authority": "authority-next"}, playbook=OPERATOR)
    assert made.rc == 0, made.output[-6000:]
    certificates = fleet.home / "inventory" / "certificates"
    both, after = certificates / "ca.pem", certificates / "elsewhere.pem"
    assert len(pem.read_certificates(both.read_bytes())) == 2
    assert served(fleet, both, before)
    assert served(fleet, both, after)
    return after


def served(fleet: Fleet, trusted: Path, certificate: Path) -> bool:
    """Whether every member serves a client with these."""
    for host in access.members(fleet):
        with access.client(fleet, host, tlsCAFile=str(trusted), tlsCertificateKeyFile=str(certificate)) as client:
            client.admin.command("ping")
    return True


def test_a_replacement_that_some_would_sleep_through_is_refused(fleet: Fleet) -> None:
    run = playbook.run(fleet, "--limit=db-a,db-c", playbook=REPLACE)
    assert run.rc != 0
    assert "could not replace the authority because db-b, vault-c would be cut off" in run.failures[-1]
    assert not (access.secrets(fleet) / "authority-next").exists()


def test_one_run_mends_expired_certificates(fleet: Fleet) -> None:
    load.settle(fleet)
    members = access.members(fleet)
    end = datetime.now(timezone.utc) + timedelta(seconds=SHORT)
    with ThreadPoolExecutor(len(members)) as at_once:
        list(at_once.map(lambda host: shorten(fleet, host, end), members))
    time.sleep(max(0.0, (end - datetime.now(timezone.utc)).total_seconds()) + 1)
    with pytest.raises(AssertionError, match="certificate has expired"):
        serials(fleet)
    playbook.converge(fleet)
    load.settle(fleet)
    assert len(serials(fleet)) == 3


def shorten(fleet: Fleet, host: Host, end: datetime) -> None:
    """Give a member a certificate that ends then, and start it anew, at once: it would take its leave for 15 s."""
    names = (host.name, host.address, "localhost", "127.0.0.1", "::1")
    wanted = Wanted(
        Path("/unused"), "member", Subject(host.name, str(fleet.vars["mongodb_cluster_name"]), "members"), names, days=1
    )
    pair = issue(certificates.opened(fleet), wanted, end - timedelta(days=1))
    text = pem.write_pair(pair).decode()
    ssh(
        fleet,
        host.name,
        f"cat > /etc/stronghold/tls/member.pem <<'END'\n{text}END\nsystemctl kill -s KILL mongod; systemctl restart mongod",
    )
