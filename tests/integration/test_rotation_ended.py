# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and revocation lists of a running set that have ended, mended without losing the majority."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from integration.harness import one_sentence
from integration.rotating import DAY, MEMBER, Cluster, Member, issue, now, served
from integration.services import until

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem, revocation


def taken_up(members: list[Member], write: Callable[[datetime], None]) -> datetime:
    """The end of what ``write`` gave each member to run with: soon, and later where the machine is too busy for that."""
    for seconds in (20, 60, 180):
        end = now() + timedelta(seconds=seconds)
        write(end)
        with ThreadPoolExecutor(len(members)) as pool:
            results = list(pool.map(lambda member: member.run(), members))
        if now() < end:
            assert all(result["changed"] for result in results)
            return end
    raise AssertionError(f"nobody takes anything up in time: {results}")


def ending(cluster: Cluster, members: list[Member], end: datetime) -> None:
    for member in members:
        member.install(issue(cluster.authority, replace(MEMBER, days=1), end - DAY))


def wait_for(end: datetime) -> None:
    time.sleep(max(0.0, (end - now()).total_seconds()))


def mended(cluster: Cluster, members: list[Member], pids: list[int], reason: str) -> None:
    """Each is restarted for this reason, which check mode told before, and needs nothing afterwards."""
    for member in members:
        predicted = member.run(check=True)
        assert reason in predicted["changes"][0]
        assert member.run()["changes"] == predicted["changes"]
    until(cluster.settled)
    assert all(member.pid != pid for member, pid in zip(members, pids))
    assert [member.run()["changed"] for member in members] == [False] * 3


def test_expired_certificates_are_mended_without_losing_the_majority(cluster: Cluster, members: list[Member]) -> None:
    wait_for(taken_up(members, lambda end: ending(cluster, members, end)))
    pids = [member.pid for member in members]
    assert "not good: the certificate cannot be used: it expired on" in one_sentence(members[0].run())
    for member in members:
        member.install(issue(cluster.authority))
    mended(cluster, members, pids, "it presents a certificate that expired on")


def test_lists_that_have_ended_are_mended(cluster: Cluster, members: list[Member]) -> None:
    """Servers refuse everybody, also the login that would have them take up a new list."""

    def write(end: datetime) -> None:
        for member in members:
            member.lists.write_bytes(pem.write_lists([revocation.sign_list(cluster.authority, None, (), 1, end - DAY)]))

    wait_for(taken_up(members, write))
    until(lambda: not served(members[0], members[0].own))
    pids = [member.pid for member in members]
    assert "the server closed the connection" in one_sentence(members[0].run())
    for member in members:
        member.revoke(cluster.authority)
    mended(cluster, members, pids, "it ends connections as with a revocation list that has ended")


def test_an_expired_member_on_which_the_majority_depends_stays_up(cluster: Cluster, members: list[Member]) -> None:
    """Connections of old keep it in the set; with another one down, its restart would end the writes."""
    down, expired, primary = members
    end = taken_up([expired], lambda end: ending(cluster, [expired], end))
    with primary.client() as client:
        os.kill(down.pid, signal.SIGKILL)
        wait_for(end)
        expired.install(issue(cluster.authority))
        pid = expired.pid
        health = {item["name"]: item["health"] for item in client.admin.command("replSetGetStatus")["members"]}
        assert health[expired.server.address] == 1
        assert "no majority would be left" in one_sentence(expired.run(timeout=2))
        assert expired.pid == pid
    assert down.run(started_with=None, rotates=None)["changed"]
    assert expired.run()["changed"]
    assert expired.pid != pid
    until(cluster.settled)
