# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The allowlist through a real firewalld, in a network namespace with a system bus of its own.

Debian's package is unpacked beside the system, never installed: an installed firewalld would start and guard this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from integration import namespaces
from integration.harness import run_module
from integration.namespaces import LONGEST, Host, Net, answered

from lab.shell import CACHE, run

PACKAGES = (
    *("firewalld", "python3-firewall", "python3-nftables", "libnftables1", "python3-dbus", "python3-gi"),
    *("gir1.2-glib-2.0", "libgirepository-1.0-1", "dbus-daemon", "libdbus-1-3"),
)
BUS = """<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/></policy>
</busconfig>"""
POLICY = Path("/etc/firewalld/policies/stronghold-mongodb.xml")


def unpacked() -> Path:
    tree = CACHE / "firewalld"
    if not tree.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as scratch:
            run("apt-get", "-oAPT::Sandbox::User=", "download", *PACKAGES, cwd=Path(scratch))
            for package in Path(scratch).glob("*.deb"):
                run("dpkg-deb", "-x", package, Path(scratch) / "root")
            (Path(scratch) / "root").rename(tree)
    return tree


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    tree = unpacked()
    with namespaces.world(tmp_path_factory.mktemp("overlay")) as net:
        net.db.sh(
            f"mkdir -p /run/dbus /run/o/upper /run/o/work; cp -a {tree}/etc/firewalld /etc/; echo '{BUS}' >/run/dbus/bus.conf;"
            f"mount -t overlay -o lowerdir={tree}/usr:/usr,upperdir=/run/o/upper,workdir=/run/o/work none /usr;"
            # So that what the policy does not judge is open, and what is shut was shut by the policy.
            "sed -i 's/^DefaultZone=.*/DefaultZone=trusted/' /etc/firewalld/firewalld.conf"
        )
        started = []
        for command in (
            ("dbus-daemon", "--nofork", "--nopidfile", "--config-file=/run/dbus/bus.conf"),
            ("/usr/bin/python3", "/usr/sbin/firewalld", "--nofork", "--nopid", "--log-target=console"),
        ):
            started.append(subprocess.Popen([*net.db.within, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            net.db.sh("for i in $(seq 100); do busctl list >/dev/null 2>&1 && exit; sleep 0.1; done; exit 1")
        net.db.sh("for i in $(seq 200); do firewall-cmd --state >/dev/null 2>&1 && exit; sleep 0.1; done; exit 1")
        try:
            yield net
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(20)


@pytest.fixture
def net(running: Net) -> Net:
    """As before the first declaration."""
    running.db.sh(
        "rm -rf /etc/stronghold /run/stronghold /etc/firewalld/policies/stronghold-mongodb.xml;"
        "rm -f /etc/firewalld/ipsets/*.xml; firewall-cmd --reload"
    )
    return running


def allow(db: Host, **arguments: Any) -> dict[str, Any]:
    return run_module("mongodb_allowlist", within=db.within, **{"backend": "firewalld", **arguments})


def state(db: Host) -> str:
    return db.sh(
        f"cat {POLICY} /etc/firewalld/ipsets/*.xml /etc/stronghold/firewall.nft 2>/dev/null || :;"
        "nft --stateless list table inet firewalld; ls --inode -R /etc/firewalld"
    )


def test_without_any_group_only_loopback_is_answered(net: Net) -> None:
    assert net.stranger.connects("10.99.2.1")
    result = allow(net.db, groups=[])
    assert result["changed"], result
    assert (result["backend"], result["groups"], result["ports"]) == ("firewalld", [], [27017])
    for address in ("127.0.0.1", "::1", "10.99.1.1", "fd99:1::1"):
        assert net.db.connects(address), address
    for other, index in ((net.client, 1), (net.stranger, 2)):
        assert not other.connects(f"10.99.{index}.1")
        assert not other.connects(f"fd99:{index}::1")
    assert net.stranger.connects("10.99.2.1", 27018)  # a port that is not ours


def test_only_declared_sources_connect_also_after_a_reload(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2-10.99.1.3", "fd99:1::2/127"])
    for _time in ("at run time", "from the files"):
        for source in ("10.99.1.2", "10.99.1.3"):
            assert net.client.connects("10.99.1.1", source=source), source
        for source in ("fd99:1::2", "fd99:1::3"):
            assert net.client.connects("fd99:1::1", source=source), source
        assert not net.client.connects("10.99.1.1", source="10.99.1.4")
        assert not net.client.connects("fd99:1::1", source="fd99:1::4")
        assert not net.stranger.connects("10.99.2.1")
        assert not net.stranger.connects("fd99:2::1")
        net.db.sh("firewall-cmd --reload")


def test_a_removed_source_loses_its_connection_and_others_keep_theirs(net: Net) -> None:
    groups = [{"name": "app", "sources": ["10.99.1.0/24", "fd99:1::/64"]}, {"name": "ops", "sources": ["10.99.2.2"]}]
    allow(net.db, groups=groups)
    with (
        closing(net.client.socket("10.99.1.1")) as app,
        closing(net.client.socket("fd99:1::1")) as app6,
        closing(net.stranger.socket("10.99.2.1")) as ops,
        closing(net.db.socket("10.99.1.1")) as own,
    ):
        app.connect(("10.99.1.1", 27017))
        app6.connect(("fd99:1::1", 27017))
        ops.connect(("10.99.2.1", 27017))
        own.connect(("10.99.1.1", 27017))
        assert answered(app)
        result = allow(net.db, name="app", state="absent")
        assert result["groups"] == ["ops"]
        assert not [one for one in result.get("warnings", ()) if "may go on" in str(one)], result
        for lost in (app, app6):
            with pytest.raises(ConnectionError):
                lost.recv(1)
        assert answered(ops)
        assert answered(own)


STEPS: list[dict[str, Any]] = [
    {"groups": [{"name": "members", "sources": ["10.99.1.2", "fd99:1::2"]}], "state": "exact", "purge": True},
    {"name": "app", "sources": ["10.0.0.0/8", {"source": "10.1.0.0-10.1.0.7", "comment": "batch"}, "::/0", "::1.2.3.4"]},
    {"name": "app", "sources": ["10.0.0.0/9"], "state": "absent", "ports": [27017, 27019]},
    {"name": "app", "sources": [{"source": "192.0.2.1", "comment": "ütterly fine # { } <"}], "state": "exact"},
    {"name": "temporary", "sources": ["192.0.2.9"], "persist": False},
    {"name": "support", "sources": [{"source": "192.0.2.8", "expires": "2035-01-01T00:00:00+01:00"}], "protected": ["10.99.1.2"]},
    {"groups": [], "purge": True, "force": True, "protected": []},
]


def test_every_step_is_predicted_by_check_mode_and_unchanged_when_repeated(net: Net) -> None:
    for step in STEPS:
        before = state(net.db)
        predicted = allow(net.db, check=True, **step)
        assert state(net.db) == before, step
        done = allow(net.db, **step)
        assert done.get("rc") is None, done
        assert done["changed"], (step, done)
        assert {key: predicted[key] for key in ("changed", "changes", "diff", "groups", "ports")} == {
            key: done[key] for key in ("changed", "changes", "diff", "groups", "ports")
        }
        after = state(net.db)
        again = allow(net.db, **step)
        assert not again["changed"], (step, again["changes"])
        assert state(net.db) == after, step


def test_what_was_changed_behind_ansible_s_back_is_put_back(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2"])
    for harm in (
        "firewall-cmd --ipset=stronghold-mongodb-4 --add-entry=10.99.2.2",
        "firewall-cmd --ipset=stronghold-mongodb-4 --remove-entry=10.99.1.2",
        "firewall-cmd --policy=stronghold-mongodb --remove-rich-rule='rule priority=-1 port port=27017 protocol=tcp drop'",
        f"rm {POLICY}; firewall-cmd --reload",
        "nft delete table inet firewalld",
    ):
        net.db.sh(harm)
        assert net.client.connects("10.99.1.1") == net.stranger.connects("10.99.2.1"), harm
        result = allow(net.db, name="app")
        assert result["changed"], harm
        assert net.client.connects("10.99.1.1")
        assert not net.stranger.connects("10.99.2.1")


def test_run_time_only_is_gone_after_a_reload(net: Net) -> None:
    refused = allow(net.db, name="support", sources=["10.99.2.2"], persist=False)
    assert "persist: true first" in refused["msg"]
    allow(net.db, name="app", sources=["10.99.1.2"])
    allow(net.db, name="support", sources=["10.99.2.2"], persist=False)
    assert net.stranger.connects("10.99.2.1")
    net.db.sh("firewall-cmd --reload")
    assert not net.stranger.connects("10.99.2.1")


def test_protected_addresses_stay_admitted(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2", "10.99.1.3"], protected=["10.99.1.2"])
    result = allow(net.db, name="app", sources=["10.99.1.2"], state="absent")
    assert "protected: 10.99.1.2" in result["msg"]
    assert net.client.connects("10.99.1.1")


def test_the_table_of_the_other_backend_gives_way(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2"], backend="nftables")
    result = allow(net.db, name="ops", sources=["10.99.2.2"])
    assert result["groups"] == ["app", "ops"]
    assert "stronghold_mongodb" not in net.db.nft("list", "tables")
    assert net.client.connects("10.99.1.1")
    assert net.stranger.connects("10.99.2.1")


def test_the_report_knows_the_backend(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2"])
    told = run_module("mongodb_allowlist_info", within=net.db.within)
    assert (told["backend"], told["guarded"], told["drift"]) == ("firewalld", True, [])
    assert [group["name"] for group in told["groups"]] == ["app"]
    net.db.sh("firewall-cmd --ipset=stronghold-mongodb-4 --add-entry=10.99.2.2")
    assert run_module("mongodb_allowlist_info", within=net.db.within)["drift"] == ["admitted +0 -1"]


def test_a_permitted_client_never_fails_while_its_network_is_split_and_joined(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2"])
    failures: list[str] = []
    tries = 0
    done = threading.Event()

    def knock() -> None:
        nonlocal tries
        while not done.is_set():
            tries += 1
            if not net.client.connects("10.99.1.1", wait=LONGEST):
                failures.append("the client was shut out")

    def trespass() -> None:
        while not done.is_set():
            if net.stranger.connects("10.99.2.1"):
                failures.append("the stranger was let in")

    threads = [threading.Thread(target=work) for work in (knock, trespass)]
    for thread in threads:
        thread.start()
    try:
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for sources in (["10.99.1.2/31"], ["10.99.1.0/30"], ["10.99.1.2"]):
                assert allow(net.db, name="app", sources=sources, state="exact")["changed"]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert tries > 50


def test_many_entries_at_once_come_with_one_reload(net: Net) -> None:
    allow(net.db, name="app", sources=["10.99.1.2"])
    many = [f"192.0.{third}.{last}" for third in (2, 3) for last in range(0, 250, 2)]
    allow(net.db, name="app", sources=many)
    listed = net.db.sh("firewall-cmd --ipset=stronghold-mongodb-4 --get-entries").split()
    assert sorted(listed) == sorted([*many, "10.99.1.2"])
    assert net.client.connects("10.99.1.1")
    assert not net.stranger.connects("10.99.2.1")
    allow(net.db, name="app", sources=many, state="absent")
    assert net.db.sh("firewall-cmd --ipset=stronghold-mongodb-4 --get-entries").split() == ["10.99.1.2"]


@pytest.mark.parametrize(
    ("harm", "told"),
    [(f"rm {POLICY}; firewall-cmd --reload", f"write {POLICY}"), ("nft flush ruleset", "table firewalld is missing")],
)
def test_the_watch_mends_what_others_did(net: Net, harm: str, told: str) -> None:
    allow(net.db, name="app", sources=["10.99.1.2"])
    net.db.sh(harm)
    assert net.stranger.connects("10.99.2.1")
    watched = "from ansible_collections.stronghold.mongodb.plugins.module_utils._program.allowlist import run; run(None, print)"
    said = net.db.sh(f"PYTHONPATH={os.environ['ANSIBLE_COLLECTIONS_PATH']} {sys.executable} -c '{watched}'")
    assert told in said
    assert not net.stranger.connects("10.99.2.1")
    assert net.client.connects("10.99.1.1")
