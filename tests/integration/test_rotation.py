# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a running set with requireTLS and x509 between members: rotated without a restart, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from integration.harness import one_sentence
from integration.rotating import CLIENT, DAY, MEMBER, Cluster, Member, issue, new_authority, now, served
from integration.services import until

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import hexadecimal


def test_renewed_certificates_are_taken_up_and_no_connection_is_cut(cluster: Cluster, members: list[Member]) -> None:
    before = [(member.pid, member.serial()) for member in members]
    with ExitStack() as stack:
        idle = [stack.enter_context(cluster.client(maxPoolSize=1)) for _ in range(3)]
        identities = [client.admin.command("hello")["connectionId"] for client in idle]
        for member in members:
            new = member.install(issue(cluster.authority))
            member.own.write_bytes(pem.write_pair(issue(cluster.authority, CLIENT)))
            predicted = member.run(check=True)
            assert member.serial() != new.certificate.serial_number
            result = member.run()
            reason = f"{member.certificate} changed since the server started"
            assert result["changes"] == predicted["changes"] == [f"rotate certificates of {member.folder.name}: {reason}"]
            assert result["diff"] == predicted["diff"]
            assert member.serial() == new.certificate.serial_number
            assert member.run()["changed"] is False
        assert [client.admin.command("hello")["connectionId"] for client in idle] == identities
    assert all(member.pid == pid and member.serial() != serial for member, (pid, serial) in zip(members, before))


def test_the_authority_is_replaced_without_a_restart(cluster: Cluster, members: list[Member]) -> None:
    """Trust both, issue by the new one, trust it alone; a writer sees nothing of it."""
    old, new = cluster.authority, new_authority("second")
    pids = [member.pid for member in members]
    with cluster.client(retryWrites=False) as client:

        def roll() -> None:
            for member in members:
                assert [change.split(":")[0] for change in member.run()["changes"]] == [
                    f"rotate certificates of {member.folder.name}"
                ]
                client.test.written.insert_one({})

        for member in members:
            member.trust(old, new)
        roll()
        for member in members:
            member.install(issue(new))
        roll()
        members[0].own.write_bytes(pem.write_pair(issue(new, CLIENT)))
        for member in members:
            member.trust(new)
        roll()
        assert client.test.written.count_documents({}) == 9
    cluster.authority = new
    assert [member.pid for member in members] == pids
    until(cluster.settled)
    with cluster.client() as client:
        client.test.written.insert_one({})


def test_a_revocation_is_taken_up_without_a_restart(cluster: Cluster, members: list[Member], tmp_path: Path) -> None:
    pids = [member.pid for member in members]
    stolen, kept = (tmp_path / name for name in ("stolen.pem", "kept.pem"))
    revoked = issue(cluster.authority, CLIENT)
    stolen.write_bytes(pem.write_pair(revoked))
    kept.write_bytes(pem.write_pair(issue(cluster.authority, CLIENT)))
    for member in members:
        assert served(member, stolen)
        member.revoke(cluster.authority, serials=[revoked.certificate.serial_number])
        assert served(member, stolen), "the file alone does nothing"
        assert member.run()["changes"] == [
            f"rotate certificates of {member.folder.name}: {member.lists} changed since the server started"
        ]
        assert not served(member, stolen)
        assert served(member, kept)
        assert member.run()["changed"] is False
    assert [member.pid for member in members] == pids
    until(cluster.settled)


# One for each thing that is asked for: the time, the name, the list. The other reasons are in the unit tests of ``preflight``.
BAD: dict[str, Callable[[pem.Pair], pem.Pair]] = {
    "it expired on": lambda by: issue(by, at=now() - 40 * DAY),
    "it is not valid for 127.0.0.1": lambda by: issue(by, replace(MEMBER, names=("localhost",))),
    "it is revoked": issue,
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_files_are_refused_and_the_server_is_left_as_it_is(cluster: Cluster, members: list[Member], reason: str) -> None:
    member = members[0]
    good, before = member.certificate.read_bytes(), (member.pid, member.serial(), member.record.read_text())
    bad = member.install(BAD[reason](cluster.authority))
    if reason == "it is revoked":
        member.revoke(cluster.authority, serials=[bad.certificate.serial_number])
    for arguments in ({}, {"check": True}, {"force": True}):
        assert reason in one_sentence(member.run(**arguments))
    assert (member.pid, member.serial(), member.record.read_text()) == before
    member.certificate.write_bytes(good)
    assert member.run()["changed"] is (reason == "it is revoked"), "the list differs, and is taken up"


def test_other_files_still_need_a_restart(cluster: Cluster, members: list[Member]) -> None:
    member, pid = members[0], members[0].pid
    member.config.write_text(member.config.read_text() + "# edited\n")
    new = member.install(issue(cluster.authority))
    result = member.run()
    assert result["changes"][-1].startswith(f"restart {member.folder.name}: {member.config} changed")
    assert member.pid != pid
    assert member.serial() == new.certificate.serial_number


def test_a_server_that_refuses_is_restarted(cluster: Cluster, members: list[Member]) -> None:
    """A login without the privilege stands for any refusal."""
    with cluster.client() as client:
        client.admin.command({"createUser": "watcher", "pwd": "secret", "roles": ["clusterMonitor"], "writeConcern": {"w": 3}})
    member, pid = members[0], members[0].pid
    new = member.install(issue(cluster.authority))
    result = member.run(login_user="watcher")
    assert "refused to rotate its certificates (the account lacks the privilege" in result["changes"][0]
    assert result["changes"][0].startswith(f"restart {member.folder.name}: ")
    assert member.pid != pid
    assert member.serial() == new.certificate.serial_number


def test_a_server_that_does_not_present_the_new_certificate_is_restarted(cluster: Cluster, members: list[Member]) -> None:
    """One that takes the rotation for done, and goes on with the old files: its command line names others."""
    member, pid = members[0], members[0].pid
    elsewhere = member.folder / "elsewhere.pem"
    elsewhere.write_bytes(member.certificate.read_bytes())
    with elsewhere_configured(member, elsewhere):
        assert member.run(force=True)["changed"]
        assert member.pid != pid
        pid, old = member.pid, member.serial()
        member.install(issue(cluster.authority))
        result = member.run()
        reason = f"after the rotation it still presents the certificate with serial {hexadecimal(old)}"
        assert reason in result["changes"][-1]
        assert result["changes"][-1].startswith(f"restart {member.folder.name}: {member.certificate} changed")
        assert member.pid != pid
    assert member.run(force=True)["changed"]
    until(cluster.settled)


@contextmanager
def elsewhere_configured(member: Member, elsewhere: Path) -> Iterator[None]:
    path = member.folder / "command"
    text = path.read_text()
    path.write_text(text.replace(str(member.certificate), str(elsewhere)))
    try:
        yield
    finally:
        path.write_text(text)
