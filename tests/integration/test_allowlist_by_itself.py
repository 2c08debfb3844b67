# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the allowlist does without Ansible, whom it refuses to cut off, what it tells, how it knows the kernel unasked."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration.harness import Mongod, run_module
from integration.namespaces import FILE, Host, Net, answered, serve

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist import netlink
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, tidy
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.kernel import Nft
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.notices import Notices
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import element_changes, render
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Source

UTILS = "ansible_collections.stronghold.mongodb.plugins.module_utils"
RUN = f"from {UTILS}._program.program import run; run()"
# As ``stronghold notices``, with the watch in the same process in place of a unit, which needs systemd.
LISTEN = f"""
from {UTILS}._allowlist.notices import Notices, follow
from {UTILS}._program import allowlist

def look():
    print("look", flush=True)
    allowlist.run(None, lambda line: print(line, flush=True))

follow(Notices("stronghold_mongodb"), look)
"""
ASK = "import pymongo; pymongo.MongoClient('10.99.2.1', 27217).a.b.find_one({'$where': 'sleep(60000) || true'})"


def watch(host: Host, tmp_path: Path) -> str:
    """What a run of ``stronghold allowlist`` prints."""
    (tmp_path / "settings.json").write_text("{}")
    words = [*python(host, RUN), "allowlist", "--config", str(tmp_path / "settings.json")]
    done = subprocess.run(words, check=False, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(host: Host, script: str) -> list[str]:
    return [*host.within, "env", f"PYTHONPATH={Path(__file__).parents[2] / '.tree'}", sys.executable, "-c", script]


def until(reached: Callable[[], bool], limit: float) -> float:
    """The seconds that it took."""
    begin = time.monotonic()
    while not reached():
        assert time.monotonic() < begin + limit
        time.sleep(0.02)
    return time.monotonic() - begin


def soon(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def without_nft(host: Host) -> list[str]:
    return [*host.within, "unshare", "--mount", "sh", "-euc", 'mount --bind /dev/null /usr/sbin/nft; exec "$@"', "-"]


class TestWatch:
    def test_all_is_well_and_nothing_is_said(self, net: Net, tmp_path: Path) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        before = net.db.state()
        assert watch(net.db, tmp_path) == ""
        net.db.nft("add", "table", "ip", "foreign")  # another tool's change that is none of ours
        assert watch(net.db, tmp_path) == ""
        net.db.nft("delete", "table", "ip", "foreign")
        assert net.db.state() == before

    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ("flush ruleset", "the table is missing"),
            ("insert rule inet stronghold_mongodb judge accept", "chain judge is not as it was loaded"),
            ("add element inet stronghold_mongodb app_4 { 10.99.2.0/24 }", "group app +0 -1"),
        ],
    )
    def test_drift_is_mended_with_a_line(self, net: Net, tmp_path: Path, command: str, told: str) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        net.db.allow(name="support", sources=["10.99.1.9"], persist=False)
        good = net.db.rules()
        net.db.nft("-f", "-", script=command)
        assert net.stranger.connects("10.99.2.1") or "chain" in told
        (line,) = watch(net.db, tmp_path).splitlines()
        assert line.startswith("load table inet stronghold_mongodb: ")
        assert told in line
        assert net.db.rules() == good
        assert not net.stranger.connects("10.99.2.1")
        assert watch(net.db, tmp_path) == ""

    def test_after_a_boot_the_file_is_what_counts(self, net: Net, tmp_path: Path) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        good = net.db.rules()
        net.db.allow(name="support", sources=["10.99.2.0/24"], persist=False)
        net.db.nft("flush", "ruleset")
        net.db.sh("rm -r /run/stronghold")
        net.db.nft("-f", str(FILE))
        assert watch(net.db, tmp_path) == ""
        net.db.nft("flush", "ruleset")
        assert "the table is missing" in watch(net.db, tmp_path)
        assert net.db.rules() == good

    def test_a_source_that_is_removed_has_no_connection_left_at_the_server(self, net: Net, tmp_path: Path) -> None:
        net.db.allow(
            groups=[{"name": "app", "sources": ["10.99.1.0/24", "fd99:1::/64"]}, {"name": "support", "sources": ["10.99.2.2"]}]
        )
        with closing(net.stranger.socket("10.99.2.1")) as support, closing(net.client.socket("fd99:1::1", "fd99:1::2")) as app:
            support.connect(("10.99.2.1", 27017))
            app.connect(("fd99:1::1", 27017))
            assert answered(support)
            assert net.db.peers() == {"10.99.2.2", "fd99:1::2"}
            net.db.allow(name="support", state="absent")
            assert net.db.peers() == {"fd99:1::2"}
            assert answered(app)
            # Behind the back of all that is declared, as a trial that is taken back.
            net.db.nft("flush", "ruleset")
            with closing(net.stranger.socket("10.99.2.1")) as again:
                again.connect(("10.99.2.1", 27017))
                assert answered(again)
                assert watch(net.db, tmp_path)
                assert net.db.peers() == {"fd99:1::2"}

    def test_an_entry_goes_when_its_time_is_over_with_its_connection(self, net: Net, tmp_path: Path) -> None:
        entry = {"source": "10.99.2.2", "comment": "ticket 7", "expires": soon(6)}
        net.db.allow(groups=[{"name": "app", "sources": ["10.99.1.0/24"]}, {"name": "support", "sources": [entry]}])
        assert " until " in net.db.file()
        with closing(net.stranger.socket("10.99.2.1")) as support, closing(net.client.socket("10.99.1.1")) as app:
            support.connect(("10.99.2.1", 27017))
            app.connect(("10.99.1.1", 27017))
            assert watch(net.db, tmp_path) == ""
            time.sleep(6)
            kernel, file = watch(net.db, tmp_path).splitlines()
            assert kernel == "load table inet stronghold_mongodb: group support +0 -1"
            assert file == f"write {FILE}: group support +0 -1"
            assert not answered(support)
            assert answered(app)
            assert net.db.peers() == {"10.99.1.2"}, "the server still waits for whom it cannot hear"
        assert "ticket 7" not in net.db.file()
        assert net.db.allow(name="support", sources=[entry])["changed"] is False  # declared when it is over

    def test_an_end_is_set_moved_and_cleared(self, net: Net) -> None:
        later, latest = "2035-01-01T00:00:00Z", "2036-01-01T00:00:00+01:00"
        net.db.allow(name="support", sources=[{"source": "10.99.2.2", "comment": "ann", "expires": later}])
        assert "#   10.99.2.2 until 2035-01-01T00:00:00Z  ann\n" in net.db.file()
        assert not net.db.allow(name="support", sources=["10.99.2.2"])["changed"]
        moved = net.db.allow(name="support", sources=[{"source": "10.99.2.2", "expires": latest}])
        assert moved["changes"] == [f"write {FILE}: group support +1 -1"]
        assert "#   10.99.2.2 until 2035-12-31T23:00:00Z  ann\n" in net.db.file()
        net.db.allow(name="support", sources=[{"source": "10.99.2.2", "expires": ""}])
        assert "#   10.99.2.2  ann\n" in net.db.file()

    def test_it_says_for_whom_it_has_waited_in_vain(self, net: Net, tmp_path: Path) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        lock = "/run/stronghold/locks/firewall"
        say = f'echo "$$ 1764065040 stronghold backup" >{lock}; echo $$; read end'
        words = [*net.db.within, "flock", lock, "sh", "-c", say]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout
            pid = holder.stdout.readline().strip()
            told = (
                f"because the run {pid} (stronghold backup) is at it since 2025-11-25 10:04:00 UTC and did not end within 15 s;"
            )
            with pytest.raises(AssertionError, match=re.escape(told)):
                watch(net.db, tmp_path)
            holder.communicate("\n", timeout=10)

    def test_a_host_that_was_never_told_says_what_to_do(self, net: Net, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match=r"neither /etc/stronghold/firewall.nft nor .* declares it; apply stronghold"):
            watch(net.db, tmp_path)

    def test_what_a_removed_source_asked_the_server_for_ends(self, net: Net, tmp_path: Path) -> None:
        mongod = Mongod(tmp_path, 27217, bind="127.0.0.1,10.99.2.1")
        net.db.inside(mongod.start)
        try:
            with net.db.inside(mongod.client) as client:
                net.db.inside(lambda: client.a.b.insert_one({}))

                def asked() -> bool:
                    found = client.admin.aggregate([{"$currentOp": {}}, {"$match": {"ns": "a.b", "op": "query"}}])
                    return bool(list(found))

                groups = [{"name": "app", "sources": ["10.99.1.0/24"]}, {"name": "support", "sources": ["10.99.2.2"]}]
                net.db.allow(groups=groups, ports=[27217])
                with subprocess.Popen([*net.stranger.within, sys.executable, "-c", ASK], stderr=subprocess.DEVNULL) as stranger:
                    until(asked, 20)
                    net.db.allow(name="support", state="absent")
                    until(lambda: not asked(), 5)
                    stranger.kill()
        finally:
            mongod.stop(kill=True)


@pytest.fixture
def listening(net: Net, tmp_path: Path) -> Iterator[Path]:
    """What it tells, of a host that has rules, with nothing to be told of them."""
    net.db.allow(name="app", sources=["10.99.1.0/24"])
    told = tmp_path / "told"
    with told.open("w") as output, subprocess.Popen(python(net.db, LISTEN), stdout=output) as process:
        try:
            until(lambda: told.read_text() == "look\n", 10)
            yield told
            assert process.poll() is None
        finally:
            process.kill()


class TestNotices:
    def test_what_another_tool_changes_is_mended_long_before_the_clock(self, net: Net, listening: Path) -> None:
        good = net.db.rules()
        for change in (
            "flush ruleset",
            "delete table inet stronghold_mongodb",
            "insert rule inet stronghold_mongodb judge accept",
            "add element inet stronghold_mongodb app_4 { 10.99.2.0/24 }",
        ):
            net.db.nft("-f", "-", script=change)
            assert until(lambda: net.db.rules() == good, 5) < 3, change
        assert not net.stranger.connects("10.99.2.1")
        settled = looks(listening)
        assert len(listening.read_text().splitlines()) == settled + 4, "more, or less, than the four changes was mended"
        net.db.nft("add", "table", "ip", "foreign")
        net.db.nft("delete", "table", "ip", "foreign")
        time.sleep(0.5)
        assert looks(listening) == settled

    def test_many_entries_at_once_are_one_change(self, net: Net, listening: Path) -> None:
        net.db.allow(name="app", sources=[f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(0, 20000, 2)])
        assert looks(listening) <= 4

    def test_a_notice_is_of_our_table_alone_and_one_that_was_lost_counts(self, net: Net) -> None:
        with closing(net.db.inside(lambda: Notices("stronghold_mongodb"))) as notices:
            net.db.nft("add", "table", "ip", "foreign")
            assert notices.wait(0.2) is False
            net.db.nft("add", "table", "inet", "stronghold_mongodb")
            assert notices.wait(5) is True
            notices.settle()
            assert notices.wait(0.2) is False
            many = "".join(f"add chain ip foreign chain_{number:0100}\n" for number in range(5000))
            net.db.nft("-f", "-", script=many)
            assert notices.wait(5) is True, "more was told than fits into its queue, and none of it is of our table"
            assert notices.wait(0.2) is False


def looks(told: Path) -> int:
    """How often it has looked, when it does so no more."""
    count = -1
    while (now := told.read_text().splitlines().count("look")) != count:
        count = now
        time.sleep(1)
    return count


class TestTrial:
    def test_it_is_refused_where_nobody_would_take_it_back(self, net: Net) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        before = net.db.state()
        failed = net.db.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=5)
        assert "systemd does not run here, which would take it back; leave confirm_timeout out" in failed["msg"]
        assert net.db.state() == before

    def test_it_is_refused_where_there_is_nothing_to_go_back_to(self, net: Net) -> None:
        failed = net.db.allow(name="app", sources=["10.99.2.0/24"], confirm_timeout=5)
        assert "there are no rules to which it could be taken back" in failed["msg"]
        assert "give the seconds" in net.db.allow(name="app", confirm_timeout=0)["msg"]


GROUPS: list[dict[str, Any]] = [
    {"name": "members", "sources": ["10.99.1.2", "10.99.1.3"]},
    {"name": "backup", "sources": ["10.99.3.2"]},
    {"name": "clients", "sources": ["10.99.2.0/24"]},
]


class TestSafety:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ({"name": "backup", "state": "absent"}, "it would cut off what is protected: 10.99.3.2; admit it"),
            ({"name": "backup", "sources": [], "state": "exact"}, "it would cut off what is protected: 10.99.3.2"),
            ({"groups": [], "purge": True}, "it would cut off what is protected: 10.99.1.2, 10.99.1.3, 10.99.3.2"),
            ({"name": "members", "protected": ["192.0.2.1"]}, "it would cut off what is protected: 192.0.2.1"),
            ({"groups": [], "purge": True, "protected": []}, "it would cut off everybody; admit somebody, or set force"),
            ({"groups": [], "purge": True, "protected": [], "persist": False}, "it would cut off everybody"),
        ],
    )
    def test_a_change_that_shuts_out_what_must_stay_is_refused_unless_forced(
        self, net: Net, arguments: dict[str, Any], told: str
    ) -> None:
        net.db.allow(groups=GROUPS, protected=["10.99.1.2", "10.99.1.3", "10.99.3.2"])
        before = net.db.state()
        for check in (True, False):
            failed = net.db.allow(check=check, **arguments)
            assert failed["rc"]
            assert told in failed["msg"]
            assert net.db.state() == before
        assert net.db.allow(force=True, **arguments)["changed"]

    def test_what_another_group_holds_is_not_cut_off(self, net: Net) -> None:
        net.db.allow(groups=[*GROUPS, {"name": "all", "sources": ["10.99.0.0/16"]}], protected=["10.99.1.2", "10.99.3.2"])
        assert net.db.allow(name="backup", state="absent")["groups"] == ["all", "clients", "members"]

    def test_members_of_the_running_set_are_not_cut_off(self, net: Net, tmp_path: Path) -> None:
        mongod = Mongod(tmp_path, 27117, options=["--replSet", "rs"], bind="127.0.0.1,10.99.1.1")
        net.db.inside(mongod.start)
        try:
            net.db.inside(lambda: shape(mongod, "10.99.1.2:27117", "10.99.1.4:27117"))
            plain = {"tls": False, "login_host": "127.0.0.1", "ports": [27117]}
            net.db.allow(groups=GROUPS, **plain)
            refused = net.db.allow(name="members", sources=["10.99.1.2"], state="absent", **plain)
            assert "cut off members of the running replica set: 10.99.1.2:27117 (10.99.1.2), 10.99.1.4:27117" in refused["msg"]
            assert "admit them, remove them from the set first, or set force" in refused["msg"]
            net.db.allow(name="members", sources=["10.99.1.4"], **plain)
            assert net.db.allow(name="members", sources=["10.99.1.3"], state="absent", **plain)["changed"]
            unasked = net.db.allow(name="clients", state="absent", ports=[27117])
            assert ["could not be told" in str(warning) for warning in unasked["warnings"]] == [True]
        finally:
            mongod.stop(kill=True)


def shape(mongod: Mongod, *others: str) -> None:
    with mongod.client() as client:
        client.admin.command("replSetInitiate", {"_id": "rs", "members": [{"_id": 0, "host": "10.99.1.1:27117"}]})
        deadline = time.monotonic() + 20
        while not client.admin.command("hello")["isWritablePrimary"]:  # until then its configuration is still changed by itself
            assert time.monotonic() < deadline
            time.sleep(0.1)
        config = client.admin.command("replSetGetConfig")["config"]
        config["members"] += [{"_id": number, "host": host} for number, host in enumerate(others, 1)]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
        while set(others) - set(client.admin.command("hello").get("hosts", ())):
            assert time.monotonic() < deadline
            time.sleep(0.1)


class TestManagement:
    def test_all_else_on_the_host_is_closed_but_ssh_for_those_named(self, net: Net) -> None:
        listeners = serve(net.db, 22, 8080)
        try:
            assert net.stranger.connects("10.99.2.1", 8080)
            net.db.allow(name="app", sources=["10.99.1.0/24"])
            assert net.stranger.connects("10.99.2.1", 22)
            closed = net.db.allow(name="app", management=["10.99.2.0/30", "fd99:2::/64"])
            assert "SSH for 10.99.2.0/30, fd99:2::/64 at port 22" in closed["changes"][0]
            assert not net.db.allow(name="app", management=["10.99.2.0/30", "fd99:2::/64"])["changed"]
            assert net.stranger.connects("10.99.2.1", 22)
            assert net.stranger.connects("fd99:2::1", 22)
            assert not net.stranger.connects("10.99.2.1", 22, source="10.99.2.4")
            assert not net.client.connects("10.99.1.1", 22)
            assert net.client.connects("10.99.1.1", 27017)
            for port in (8080, 27017):
                assert not net.stranger.connects("10.99.2.1", port)
            for address in ("127.0.0.1", "::1"):
                assert net.db.connects(address, 8080)
            assert net.db.connects("10.99.3.2")  # what the host itself asks for is answered
            net.db.nft("delete", "chain", "inet", "stronghold_mongodb", "host")
            assert net.stranger.connects("10.99.2.1", 8080)
            assert "chain host is not as it was loaded" in net.db.allow(name="app")["changes"][0]
            assert not net.stranger.connects("10.99.2.1", 8080)
            net.db.allow(name="app", management_port=8080)
            assert net.stranger.connects("10.99.2.1", 8080)
            assert not net.stranger.connects("10.99.2.1", 22)
            assert "SSH for all" in net.db.allow(name="app", management=[])["changes"][0]
            assert net.client.connects("10.99.1.1", 22)
        finally:
            for listener in listeners:
                listener.close()


class TestInfo:
    def info(self, net: Net) -> dict[str, Any]:
        return run_module("mongodb_allowlist_info", within=net.db.within)

    def test_who_may_who_does_and_who_knocks(self, net: Net) -> None:
        assert self.info(net)["guarded"] is False
        entry = {"source": "10.99.1.0/24", "comment": "office", "expires": "2035-01-01T00:00:00Z"}
        net.db.allow(
            groups=[{"name": "app", "sources": [entry]}, {"name": "ops", "sources": ["fd99:1::/64"]}], protected=["10.99.1.2"]
        )
        net.db.allow(name="support", sources=["192.0.2.1"], persist=False)
        assert net.client.connects("10.99.1.1")
        assert not net.stranger.connects("10.99.2.1", source="10.99.2.3")
        assert not net.stranger.connects("fd99:2::1", source="fd99:2::2")
        before = net.db.state()
        told = self.info(net)
        assert net.db.state() == before
        assert (told["changed"], told["guarded"], told["drift"], told["ports"]) == (False, True, [], [27017])
        app, ops, support = told["groups"]
        assert app["sources"] == [entry]
        assert app["packets"] > 3
        assert (ops["packets"], ops["bytes"], ops["persistent"]) == (0, 0, True)
        assert (support["persistent"], support["sources"][0]["expires"]) == (False, None)
        assert (told["protected"], told["on_trial"]) == (["10.99.1.2"], False)
        assert {knock["source"] for knock in told["knocking"]} == {"10.99.2.3", "fd99:2::2"}
        assert sum(knock["packets"] for knock in told["knocking"]) == told["dropped"]["packets"] >= 2
        seen = [datetime.fromisoformat(knock["last_seen"].replace("Z", "+00:00")) for knock in told["knocking"]]
        assert all(abs(datetime.now(timezone.utc) - time) < timedelta(seconds=30) for time in seen)

    def test_drift_is_told_and_left(self, net: Net) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        net.db.nft("insert", "rule", "inet", "stronghold_mongodb", "judge", "accept")
        before = net.db.rules()
        assert self.info(net)["drift"] == ["chain judge is not as it was loaded"]
        assert net.db.rules() == before

    def test_who_knocks_is_no_drift(self, net: Net) -> None:
        arguments: dict[str, Any] = {"name": "app", "sources": ["10.99.1.0/24"]}
        net.db.allow(**arguments)
        assert not net.stranger.connects("10.99.2.1")
        net.db.sh("rm -r /run/stronghold")  # so that the kernel is asked
        assert not net.db.allow(**arguments)["changed"]


class TestWithoutAskingTheKernel:
    def test_what_was_loaded_last_is_known_and_a_few_entries_change_without_nft(self, net: Net) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/25", "10.99.1.200", "fd99:1::/64"])
        within = without_nft(net.db)
        unchanged = run_module("mongodb_allowlist", within=within, name="app", sources=["10.99.1.0/25"])
        assert (unchanged.get("rc"), unchanged["changed"]) == (None, False), unchanged
        more = {"sources": ["10.99.1.128-10.99.1.130", "10.99.2.2", "255.255.255.255"]}
        added = run_module("mongodb_allowlist", within=within, name="app", **more)
        assert added["changed"], added
        assert net.stranger.connects("10.99.2.1")
        amended = net.db.rules()
        net.db.nft("-f", str(FILE))
        assert net.db.rules() == amended
        run_module("mongodb_allowlist", within=without_nft(net.db), name="app", state="absent", **more)
        net.db.allow(name="app", state="absent", **more)
        assert not net.stranger.connects("10.99.2.1")

    def test_anybody_elses_change_ends_that_knowledge(self, net: Net) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        net.db.nft("add", "table", "ip", "foreign")
        failed = run_module("mongodb_allowlist", within=without_nft(net.db), name="app", sources=["10.99.1.0/24"])
        assert "nft is not installed" in failed["msg"]

    def test_a_batch_for_another_generation_is_refused(self, net: Net) -> None:
        net.db.allow(name="app", sources=["10.99.1.0/24"])
        before = net.db.rules()
        change = [netlink.Changed("app_4", 4, [], [(1, 9)])]
        generation = net.db.inside(netlink.generation)
        assert generation
        for wrong in (generation - 1, generation + 1):
            with pytest.raises(OSError, match="restart"):
                net.db.inside(lambda wrong=wrong: netlink.change_elements("stronghold_mongodb", change, wrong))
        with pytest.raises(FileNotFoundError):
            net.db.inside(
                lambda: netlink.change_elements("stronghold_mongodb", [netlink.Changed("none", 4, [], [(1, 9)])], generation)
            )
        assert net.db.rules() == before


ADDRESSES = {
    4: st.integers(0, 40) | st.integers(2**32 - 40, 2**32 - 1),
    6: st.integers(0, 40) | st.integers(2**128 - 40, 2**128 - 1),
}


def entries_of(version: int) -> st.SearchStrategy[Source]:
    pair = st.tuples(ADDRESSES[version], ADDRESSES[version]).map(sorted)
    return pair.map(lambda ends: Source(version, *ends))


DECLARATIONS = (
    st.lists(entries_of(4) | entries_of(6), max_size=6).map(tidy).map(lambda entries: Declaration(groups={"app": entries}))
)


def admits(declaration: Declaration, address: Any) -> bool:
    """By ``ipaddress``, from the words that the declaration is written in."""
    for entry in map(str, declaration.groups["app"]):
        first, _dash, last = entry.partition("-")
        if last:
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
            if low.version == address.version and low <= address <= high:
                return True
        elif address in ipaddress.ip_network(first):
            return True
    return False


@given(st.lists(DECLARATIONS, min_size=2, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_kernel_admits_what_ipaddress_says_after_any_steps(net: Net, steps: list[Declaration]) -> None:
    """Loaded by nft, then brought from one declaration to the next by batches of our own."""

    def work() -> Iterator[tuple[Declaration, dict[int, list[tuple[int, int]]]]]:
        nft = Nft("test")
        nft.load(render(steps[0]))
        for step in steps:
            listing = nft.listing()
            assert listing is not None
            changes = element_changes(step.ports, step.ranges(), listing)
            if changes is None:
                nft.load(render(step))
            elif changes:
                assert nft.amend(changes, netlink.generation())
            listing = nft.listing()
            assert listing is not None
            assert listing.alterations == []
            yield step, listing.groups["app"]

    for step, held in net.db.inside(lambda: list(work())):
        for version, kind in ((4, ipaddress.IPv4Address), (6, ipaddress.IPv6Address)):
            top = 2 ** (32 if version == 4 else 128)
            for probe in (*range(42), *range(top - 42, top)):
                assert any(first <= probe <= last for first, last in held[version]) == admits(step, kind(probe)), (step, probe)
