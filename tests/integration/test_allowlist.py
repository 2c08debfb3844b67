# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The allowlist against a real kernel: what is declared, what is in force, what is noticed."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from integration.harness import run_module
from integration.namespaces import FILE, Net, answered

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import Listing, script, update

CLIENT = 0x0A630102  # 10.99.1.2


def test_without_any_group_only_loopback_is_answered(net: Net) -> None:
    assert net.stranger.connects("10.99.2.1")  # the port is open before the first declaration
    result = net.db.allow(groups=[])
    assert result["changed"], result
    assert result["groups"] == []
    assert result["ports"] == [27017]
    for address in ("127.0.0.1", "::1", "10.99.1.1", "fd99:1::1"):
        assert net.db.connects(address), address
    for other, index in ((net.client, 1), (net.stranger, 2)):
        assert not other.connects(f"10.99.{index}.1")
        assert not other.connects(f"fd99:{index}::1")
    assert net.stranger.connects("10.99.2.1", 27018)  # a port that is not ours


def test_a_declared_source_connects_and_another_does_not(net: Net) -> None:
    net.db.allow(name="app", sources=["10.99.1.2-10.99.1.3", "fd99:1::2/127"])
    for source in ("10.99.1.2", "10.99.1.3"):
        assert net.client.connects("10.99.1.1", source=source), source
    for source in ("fd99:1::2", "fd99:1::3"):
        assert net.client.connects("fd99:1::1", source=source), source
    assert not net.client.connects("10.99.1.1", source="10.99.1.4")
    assert not net.client.connects("fd99:1::1", source="fd99:1::4")
    assert not net.stranger.connects("10.99.2.1")
    assert not net.stranger.connects("fd99:2::1")


def test_a_removed_source_loses_its_connection_and_others_keep_theirs(net: Net) -> None:
    groups = [{"name": "app", "sources": ["10.99.1.0/24"]}, {"name": "ops", "sources": ["10.99.2.2"]}]
    net.db.allow(groups=groups)
    with closing(net.client.socket("10.99.1.1")) as app, closing(net.stranger.socket("10.99.2.1")) as ops:
        app.connect(("10.99.1.1", 27017))
        ops.connect(("10.99.2.1", 27017))
        assert answered(app)
        result = net.db.allow(name="app", state="absent")
        assert result["groups"] == ["ops"]
        assert not answered(app)
        assert answered(ops)


def test_removing_a_part_of_a_network_leaves_the_rest(net: Net) -> None:
    net.db.allow(name="app", sources=[{"source": "10.99.1.0/24", "comment": "office"}])
    result = net.db.allow(name="app", sources=["10.99.1.3"], state="absent")
    assert net.client.connects("10.99.1.1", source="10.99.1.2")
    assert not net.client.connects("10.99.1.1", source="10.99.1.3")
    assert net.client.connects("10.99.1.1", source="10.99.1.4")
    assert "group app: 10.99.1.3\n" in result["diff"][0]["before"]
    assert "10.99.1.4-10.99.1.255  office" in net.db.file()


@pytest.mark.parametrize("everything", [("0.0.0.0/0", "::/0"), ("0.0.0.0-255.255.255.255", "8000::/1", "::/1")])
def test_the_whole_address_space_is_admitted_with_a_warning(net: Net, everything: tuple[str, ...]) -> None:
    arguments: dict[str, Any] = {"name": "all", "sources": list(everything)}
    result = net.db.allow(**arguments)
    assert net.stranger.connects("10.99.2.1")
    assert net.stranger.connects("fd99:2::1")
    assert [f"IPv{version}" in str(warning) for version, warning in zip((4, 6), result["warnings"])] == [True, True]
    assert not net.db.allow(**arguments)["changed"]


STEPS: list[dict[str, Any]] = [
    {"groups": [{"name": "members", "sources": ["10.99.1.2", "fd99:1::2"]}], "state": "exact", "purge": True},
    {"name": "app", "sources": ["10.0.0.0/8", {"source": "10.1.0.0-10.1.0.7", "comment": "batch \\"}, "10.1.0.8", "10.1.0.8"]},
    {"name": "app", "sources": ["2001:db8::/32"]},
    {"name": "app", "sources": ["10.0.0.0/9"], "state": "absent"},
    {"name": "app", "sources": [{"source": "192.0.2.1", "comment": "ütterly fine # { }"}], "state": "exact"},
    {"name": "app", "ports": [27017, 27019]},
    {"name": "app", "sources": [], "state": "exact"},
    {"name": "temporary", "sources": ["192.0.2.9"], "persist": False},
    {"name": "app", "state": "absent"},
    {"name": "support", "sources": [{"source": "192.0.2.8", "expires": "2035-01-01T00:00:00+01:00"}], "persist": False},
    {"name": "support", "sources": [{"source": "192.0.2.8", "comment": "on duty"}], "persist": False},
    {"name": "support", "sources": [{"source": "192.0.2.8", "expires": "2036-01-01T00:00:00Z"}], "persist": False},
    {"name": "support", "sources": [{"source": "192.0.2.8", "expires": ""}], "persist": False},
    {"name": "members", "protected": ["10.99.1.2"]},
    {"groups": [], "purge": True, "force": True, "protected": []},
]


def test_every_step_is_predicted_by_check_mode_and_unchanged_when_repeated(net: Net) -> None:
    for step in STEPS:
        before = net.db.state()
        predicted = net.db.allow(check=True, **step)
        assert net.db.state() == before, step
        done = net.db.allow(**step)
        assert done.get("rc") is None, done
        assert done["changed"], step
        assert {key: predicted[key] for key in ("changed", "changes", "diff", "groups", "ports")} == {
            key: done[key] for key in ("changed", "changes", "diff", "groups", "ports")
        }
        after = net.db.state()
        again = net.db.allow(**step)
        assert not again["changed"], (step, again["changes"])
        assert again["diff"] == []
        assert net.db.state() == after, step
        assert net.db.allow(check=True, **step)["changed"] is False
    assert net.db.allow(groups=[])["ports"] == [27017, 27019]


def test_the_diff_names_the_entries_per_group(net: Net) -> None:
    net.db.allow(groups=[{"name": "app", "sources": ["192.0.2.0/24", "2001:db8::1"]}, {"name": "ops", "sources": ["192.0.2.9"]}])
    groups = [{"name": "app", "sources": ["192.0.2.0/25", {"source": "198.51.100.1", "comment": "lab"}]}]
    kernel, file = net.db.allow(groups=groups, state="exact", purge=True)["diff"]
    assert kernel["before_header"] == "table inet stronghold_mongodb"
    assert kernel["before"].splitlines() == [
        "group app: 192.0.2.128/25",
        "group app: 2001:db8::1",
        "group ops",
        "group ops: 192.0.2.9",
    ]
    assert kernel["after"].splitlines() == ["group app: 198.51.100.1"]
    assert file["before_header"] == str(FILE)
    assert file["before"].splitlines() == [
        "group app: 192.0.2.0/24",
        "group app: 2001:db8::1",
        "group ops",
        "group ops: 192.0.2.9",
    ]
    assert file["after"].splitlines() == ["group app: 192.0.2.0/25", "group app: 198.51.100.1  lab"]


TABLE = "inet stronghold_mongodb"
DRIFT = {
    "the table is missing": f"delete table {TABLE}",
    "chain judge is not as it was loaded": f"insert rule {TABLE} judge accept",
    "chain count is not as it was loaded": f"insert rule {TABLE} count accept",
    "chain refuse is not as it was loaded": f"flush chain {TABLE} refuse",
    "chain input is not as it was loaded": f"flush chain {TABLE} input",
    "chain prerouting is not as it was loaded": f"add chain {TABLE} prerouting {{ policy drop; }}",
    "table stronghold_mongodb is not as it was loaded": f"add table {TABLE} {{ flags dormant; }}",
    "chain extra is not as it was loaded": f"add chain {TABLE} extra",
    "set extra is not as it was loaded": f"add set {TABLE} extra {{ type mark; }}",
    "group app +1 -0": f"delete element {TABLE} app_4 {{ 10.99.1.0/24 }}",
    "group app +0 -1": f"add element {TABLE} app_6 {{ 2001:db8::/32 }}",
    "ports 27017": f"add element {TABLE} ports {{ 27018 }}",
}


@pytest.mark.parametrize(("named", "command"), DRIFT.items(), ids=DRIFT)
def test_a_table_altered_by_hand_is_noticed_and_put_back(net: Net, named: str, command: str) -> None:
    arguments: dict[str, Any] = {"name": "app", "sources": ["10.99.1.0/24"]}
    net.db.allow(**arguments)
    good = net.db.rules()
    net.db.nft("-f", "-", script=command)
    assert net.db.rules() != good
    mended = net.db.allow(**arguments)
    assert len(mended["changes"]) == 1
    assert named in mended["changes"][0]
    assert "write" not in mended["changes"][0]
    assert net.db.rules() == good


def test_a_deleted_table_comes_back_whole_although_the_task_names_one_group(net: Net) -> None:
    net.db.allow(groups=[{"name": "app", "sources": ["10.99.1.0/24"]}, {"name": "ops", "sources": ["10.99.2.0/24"]}])
    good = net.db.rules()
    for persist in (True, False):
        net.db.nft("delete", "table", "inet", "stronghold_mongodb")
        assert net.db.allow(name="app", persist=persist)["groups"] == ["app", "ops"]
        assert net.db.rules() == good


FILE_DRIFT = {
    "the file is missing": f"rm {FILE}",
    "the file holds no declaration": f"printf 'flush ruleset\\n\\377' >{FILE}",
    "its rules were edited": f"sed -i s/drop/accept/ {FILE}",
    "owner root and mode 0600 put back": f"chmod 0644 {FILE}",
    "group app new, +1": f"sed -i '/group app/d; /10.99.1/d' {FILE}",
}


@pytest.mark.parametrize(("named", "command"), FILE_DRIFT.items(), ids=FILE_DRIFT)
def test_a_file_altered_by_hand_is_noticed_and_put_back(net: Net, named: str, command: str) -> None:
    net.db.allow(groups=[{"name": "app", "sources": ["10.99.1.0/24"]}, {"name": "ops", "sources": ["10.99.2.0/24"]}])
    good, rules = net.db.file(), net.db.rules()
    net.db.sh(command)
    mended = net.db.allow(name="app", sources=["10.99.1.0/24"])
    assert len(mended["changes"]) == 1, mended["changes"]
    assert mended["changes"][0].startswith(f"write {FILE}: ")
    assert named in mended["changes"][0]
    assert net.db.file() == good
    assert net.db.sh(f"stat --format '%a %u' {FILE}") == "600 0\n"
    assert net.db.rules() == rules


def test_the_file_alone_restores_the_rules_at_boot_and_on_reload(net: Net) -> None:
    net.db.allow(name="app", sources=["10.99.1.2", "fd99:1::/64"], ports=[27017, 27018])
    rules = net.db.rules()
    net.db.nft("flush", "ruleset")
    for _boot_then_reload in range(2):
        net.db.nft("-f", str(FILE))
        assert net.db.rules() == rules
    assert net.db.sh("ls -A /etc/stronghold") == "firewall.nft\n"


def test_without_persist_the_file_stays_and_the_group_survives_other_tasks_until_a_purge(net: Net) -> None:
    net.db.allow(name="app", sources=["10.99.1.0/24"])
    file = net.db.file()
    net.db.allow(name="support", sources=["10.99.2.2"], persist=False)
    assert net.db.file() == file
    assert net.stranger.connects("10.99.2.1")
    assert net.db.allow(name="app", sources=["10.99.1.9"])["groups"] == ["app", "support"]
    assert "support" not in net.db.file()
    assert net.stranger.connects("10.99.2.1")
    assert net.db.allow(name="app", purge=True)["groups"] == ["app"]
    assert not net.stranger.connects("10.99.2.1")


FOREIGN = """table inet filter {
	set ours { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.1 comment "kept" } }
	chain input { type filter hook input priority filter; policy accept; ip saddr @ours counter packets 7 bytes 4 accept; }
}
table ip stronghold_mongodb { chain a { counter packets 3 bytes 4; }; }
"""


def test_other_tables_survive_byte_for_byte(net: Net) -> None:
    net.db.nft("-f", "-", script=FOREIGN)
    tables = ("inet filter", "ip stronghold_mongodb")
    before = [net.db.nft("-a", "list", "table", *table.split()) for table in tables]
    net.db.allow(name="app", sources=["192.0.2.0/24"])
    net.db.nft("-f", str(FILE))
    assert net.db.allow(groups=[], purge=True, force=True)["changed"]
    assert [net.db.nft("-a", "list", "table", *table.split()) for table in tables] == before


def test_address_translation_is_no_way_around(net: Net) -> None:
    net.db.nft(
        "-f",
        "-",
        script="""table ip nat { chain prerouting { type nat hook prerouting priority dstnat;
        ip daddr { 10.99.1.1, 10.99.2.1 } tcp dport 27017 dnat to 10.99.3.2
        tcp dport 30000 redirect to 27017; }; }""",
    )
    assert net.stranger.connects("10.99.2.1")
    assert net.stranger.connects("10.99.2.1", 30000)
    net.db.allow(name="app", sources=["10.99.1.0/24"])
    for port in (27017, 30000):
        assert net.client.connects("10.99.1.1", port), port
        assert not net.stranger.connects("10.99.2.1", port), port
    assert net.stranger.connects("10.99.3.2")  # routed through this host to another one: not ours to judge


def test_a_script_that_fails_leaves_the_rules_as_they_were(net: Net) -> None:
    net.db.allow(name="app", sources=["10.99.1.0/24"])
    before = net.db.rules()
    broken = script([27017], {}) + "add rule inet stronghold_mongodb nosuch accept\n"
    done = subprocess.run([*net.db.within, "nft", "-f", "-"], input=broken, text=True, capture_output=True, check=False)
    assert done.returncode
    assert net.db.rules() == before


def test_a_run_that_may_not_load_says_so_and_changes_nothing(net: Net) -> None:
    before = net.db.state()
    within = [*net.db.within, "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    failed = run_module("mongodb_allowlist", within=within, name="app", sources=["10.99.1.0/24"])
    assert failed["rc"]
    assert failed["msg"].endswith("the account may not change the packet filter; run the task with become: true.")
    assert net.db.state() == before


def test_a_file_that_cannot_be_written_is_reported_with_what_was_done(net: Net) -> None:
    net.db.sh("touch /etc/stronghold")
    failed = net.db.allow(name="app", sources=["10.99.1.0/24"])
    assert failed["rc"]
    assert f"could not write {FILE}" in failed["msg"] or f"could not read {FILE}" in failed["msg"]
    net.db.sh("rm /etc/stronghold; mkdir /etc/stronghold; mount -t tmpfs -o size=4k none /etc/stronghold")
    net.db.sh("head -c 4096 /dev/zero >/etc/stronghold/filler")
    try:
        failed = net.db.allow(name="app", sources=["10.99.1.0/24"])
        assert f"could not write {FILE}" in failed["msg"]
        assert "No space left" in failed["msg"]
        assert [change.split(":")[0] for change in failed["applied"]] == ["load table inet stronghold_mongodb"]
        assert net.client.connects("10.99.1.1")
        assert net.db.sh("ls -A /etc/stronghold") == "filler\n"
    finally:
        net.db.sh("umount /etc/stronghold")
    assert [change.split(":")[0] for change in net.db.allow(name="app")["changes"]] == [f"write {FILE}"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "app", "sources": ["10.99.1.2", "10.99.1.300"]}, "use the entry '10.99.1.300' of group 'app'"),
        ({"name": "app", "sources": [{"source": "10.0.0.1", "why": "x"}]}, "neither a string nor source with comment"),
        ({"name": "app", "sources": [{"comment": "x"}]}, "neither a string nor source with comment"),
        ({"name": "1app", "sources": []}, "use the group name '1app'"),
        ({"groups": [{"name": "a"}, {"name": "a"}]}, "it is declared twice"),
        ({"name": "app", "ports": []}, "open to all"),
        ({"name": "app", "ports": [0]}, "guard port 0"),
        ({"name": "app", "ports": [65536]}, "guard port 65536"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_by_name_and_changes_nothing(
    net: Net, arguments: dict[str, Any], words: str
) -> None:
    net.db.allow(groups=[])
    before = net.db.state()
    failed = net.db.allow(**arguments)
    assert failed["rc"]
    assert words in failed["msg"]
    assert net.db.state() == before


def who_opened(inode: int) -> set[str]:
    """The processes that have a file open."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if entry.stat().st_ino == inode:
                found.add(entry.parts[2])
    return found


def test_a_run_waits_for_another_to_finish(net: Net) -> None:
    net.db.allow(groups=[])
    inode = int(net.db.sh("stat --format %i /run/stronghold/locks/firewall"))
    holder = subprocess.Popen(
        [*net.db.within, "flock", "/run/stronghold/locks/firewall", "sh", "-c", "echo held; read end"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    before = who_opened(inode)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(net.db.allow, name="app")
        try:
            while who_opened(inode) <= before:
                assert not run.done(), run.result()
                time.sleep(0.02)
        finally:
            holder.communicate("\n", timeout=30)
        assert run.result()["groups"] == ["app"]


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_an_account_without_rights_can_hold_nobody_up(net: Net) -> None:
    net.db.allow(groups=[])
    net.db.sh("touch /run/stronghold-firewall.lock; chmod 644 /run/stronghold-firewall.lock")
    refused = []
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        for path in net.db.sh("find /run/stronghold* /etc/stronghold").split():
            words = [*net.db.within, *NOBODY, "flock", "--nonblock", path, "sh", "-c", "echo held; read end"]
            stranger = stack.enter_context(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            )
            stack.callback(stranger.kill)
            assert stranger.stdout
            if stranger.stdout.readline() != b"held\n":
                refused.append(path)
        run = pool.submit(net.db.allow, name="app")
        try:
            assert run.result(30)["groups"] == ["app"]
        finally:
            stack.close()
    assert "/run/stronghold/locks" in refused


def test_two_runs_at_once_lose_nothing(net: Net) -> None:
    names = ["a", "b", "c", "d"]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: net.db.allow(name=name, sources=["192.0.2.1"]), names))
    assert net.db.allow(groups=[])["groups"] == names
    assert not net.db.allow(name="a", sources=["192.0.2.1"])["changed"]


PROBE = """table inet probe {
	counter arrived { }
	counter passed { }
	chain first { type filter hook prerouting priority -400; ip saddr 10.99.1.2 tcp dport 27017 counter name arrived; }
	chain last { type filter hook input priority 10; ip saddr 10.99.1.2 tcp dport 27017 counter name passed; }
}
"""


def test_at_no_moment_open_to_a_stranger_or_closed_to_a_client(net: Net) -> None:
    net.db.nft("-f", "-", script=PROBE)
    net.db.allow(name="app", sources=["10.99.1.2"])
    first = Listing((27017,), {"app": {4: [(CLIENT, CLIENT)], 6: []}})
    second = Listing((27017,), {"app": {4: [(CLIENT, CLIENT + 1)], 6: [(1, 9)]}, "more": {4: [(0, 9)], 6: []}})
    scripts = [update(second.ports, second.groups, first), update(first.ports, first.groups, second)]
    done = threading.Event()

    def work() -> None:
        for index in range(1000):
            net.db.nft("-f", "-", script=scripts[index % 2])
        done.set()

    updates = threading.Thread(target=work)
    updates.start()
    attempts: list[socket.socket] = []
    with closing(net.client.socket("10.99.1.1")) as client:
        client.settimeout(30)
        client.connect(("10.99.1.1", 27017))
        while not done.is_set():
            assert answered(client)
            attempt = net.stranger.socket("10.99.2.1")
            attempt.setblocking(False)
            attempt.connect_ex(("10.99.2.1", 27017))
            attempts.append(attempt)
            time.sleep(0.02)
    updates.join()
    admitted = [attempt for attempt in attempts if attempt.connect_ex(("10.99.2.1", 27017)) == 0]
    for attempt in attempts:
        attempt.close()
    arrived, passed = (
        net.db.nft("list", "counter", "inet", "probe", name).split("packets ")[1].split()[0] for name in ("arrived", "passed")
    )
    assert int(arrived) > len(attempts) > 20
    assert admitted == []
    assert passed == arrived


def test_check_mode_predicts_on_a_host_that_has_no_nft_yet(net: Net) -> None:
    hide = 'mount --bind /dev/null /usr/sbin/nft; exec "$@"'
    within = [*net.db.within, "unshare", "--mount", "sh", "-euc", hide, "-"]
    predicted = run_module("mongodb_allowlist", within=within, check=True, name="app", sources=["10.99.1.2"])
    assert predicted["changed"], predicted
    failed = run_module("mongodb_allowlist", within=within, name="app", sources=["10.99.1.2"])
    assert "nft is not installed; install the package nftables" in failed["msg"]
