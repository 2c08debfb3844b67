# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches MongoDB, tried by real packets from hosts that are declared and hosts that are not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import pymongo
import pytest
import yaml
from pymongo.errors import PyMongoError
from scenario import playbook
from testinfra.host import Host

from ansible_collections.stronghold.mongodb.plugins.module_utils._program.bundle import digest
from lab import access
from lab import fleet as fleets
from lab.fleet import Fleet

WALL, MONITOR, CLIENT, STRANGER = "solo-1", "monitor-1", "client-1", "spare-1"
STATES = "systemctl --no-pager --lines 20 status stronghold-firewall mongod; systemctl --no-pager list-jobs"
FILE = "/etc/stronghold/firewall.nft"
LAYERS = ("--tags", "firewall,accounts")
A_MINUTE = 65  # seconds: the promise, and a little for looking
V6 = {WALL: "fd00:27::1", CLIENT: "fd00:27::2", STRANGER: "fd00:27::3"}

Allow = Callable[..., dict[str, Any]]


@pytest.fixture
def allow(fleet: Fleet) -> Allow:
    """mongodb_allowlist on the database host, which must succeed."""

    def run(**arguments: Any) -> dict[str, Any]:
        done = playbook.module(fleet, WALL, "mongodb_allowlist", **login(), **arguments)
        assert done.rc == 0, done.output
        return done.result

    return run


def login() -> dict[str, str]:
    return {"tls_ca_file": "/etc/stronghold/tls/ca.pem", "tls_certificate_key_file": "/etc/stronghold/tls/client.pem"}


def reaches(fleet: Fleet, name: str, hosts: dict[str, Host], address: str = "") -> bool:
    """Whether packets of a host arrive: a connection is made or refused, and not left without an answer."""
    target = address or fleet.host(WALL).address
    return bool(hosts[name].run(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{target}/27017'").rc != 124)


def until(reached: Callable[[], bool], limit: float) -> bool:
    deadline = time.monotonic() + limit
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def now(hosts: dict[str, Host]) -> str:
    """The instant by the clock of the journal, in seconds and their parts."""
    return hosts[WALL].check_output("date +%s.%N")


def journal(hosts: dict[str, Host], since: str) -> str:
    return hosts[WALL].check_output(f"journalctl -t stronghold-allowlist -o cat --no-pager --since @{since}")


def test_the_watch_is_known_by_its_digest(hosts: dict[str, Host]) -> None:
    """By which a run sees at the controller that it is there already."""
    record = json.loads(hosts[WALL].file("/etc/stronghold/program.json").content_string)
    program = hosts[WALL].file("/opt/stronghold/bin/stronghold").sha256sum
    assert record == {"program": program, "python": "/opt/stronghold/venv/bin/python", "sources": digest()}


def test_only_who_is_declared_connects(fleet: Fleet, hosts: dict[str, Host], allow: Allow) -> None:
    assert hosts[WALL].run("timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/27017'").rc == 0
    assert reaches(fleet, MONITOR, hosts)  # by its group in the inventory
    assert not reaches(fleet, CLIENT, hosts)
    allow(name="clients", sources=[fleet.host(CLIENT).address])
    assert reaches(fleet, CLIENT, hosts)
    assert not reaches(fleet, STRANGER, hosts)
    assert hosts[STRANGER].run(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{fleet.host(WALL).address}/22'").rc == 0


def test_the_same_holds_for_ipv6(fleet: Fleet, hosts: dict[str, Host], allow: Allow) -> None:
    for name, address in V6.items():
        hosts[name].check_output(f"ip -6 address replace {address}/64 dev eth0 nodad")
    allow(name="clients", sources=[V6[CLIENT]])
    assert reaches(fleet, CLIENT, hosts, V6[WALL])
    assert not reaches(fleet, STRANGER, hosts, V6[WALL])


def test_a_removed_source_loses_its_open_connection(fleet: Fleet, allow: Allow) -> None:
    (here,) = fleet_sources(fleet)
    with closing(pings(fleet)) as client:
        client.admin.command("ping")
        allow(name="clients", sources=[here], state="absent")
        with pytest.raises(PyMongoError), pymongo.timeout(2):
            client.admin.command("ping")
        allow(name="clients", sources=[here])
        client.admin.command("ping")


def fleet_sources(fleet: Fleet) -> list[str]:
    """What the lab's inventory declares: the machine that runs the tests."""
    inventory = yaml.safe_load((fleet.home / "inventory" / "hosts.yml").read_text())
    return list(inventory["all"]["vars"]["mongodb_firewall_sources"])


def pings(fleet: Fleet) -> pymongo.MongoClient[dict[str, Any]]:
    return access.client(fleet, fleet.host(WALL), maxPoolSize=1, serverSelectionTimeoutMS=20000)


@pytest.mark.parametrize("change", ["flush ruleset", "insert rule inet stronghold_mongodb judge accept"])
def test_what_another_tool_changed_is_mended_at_once(fleet: Fleet, hosts: dict[str, Host], change: str) -> None:
    """The kernel tells of it, so that nobody has to wait for the clock, which comes twice a minute."""
    wall = hosts[WALL]

    def mended() -> bool:
        judge = wall.run("nft list chain inet stronghold_mongodb judge").stdout
        return "goto refuse" in judge and "\t\taccept\n" not in judge

    assert mended()
    wall.check_output("systemctl stop stronghold-allowlist.timer")
    try:
        wall.check_output(f"nft {change}")
        assert until(mended, 5)
    finally:
        wall.check_output("systemctl start stronghold-allowlist.timer")
    assert not reaches(fleet, STRANGER, hosts)


def test_what_another_tool_flushed_is_told_of(fleet: Fleet, hosts: dict[str, Host]) -> None:
    begin = now(hosts)
    hosts[WALL].check_output("nft flush ruleset")
    assert until(lambda: not reaches(fleet, STRANGER, hosts), A_MINUTE)
    assert "load table inet stronghold_mongodb: the table is missing" in journal(hosts, begin)
    again = now(hosts)
    hosts[WALL].check_output("systemctl start stronghold-allowlist.service")
    assert journal(hosts, again) == ""


def test_access_for_a_time_ends_by_itself(fleet: Fleet, hosts: dict[str, Host], allow: Allow) -> None:
    begin = now(hosts)
    end = (datetime.now(timezone.utc) + timedelta(seconds=12)).isoformat()
    allow(name="support", sources=[{"source": fleet.host(STRANGER).address, "comment": "ticket 7", "expires": end}])
    assert reaches(fleet, STRANGER, hosts)
    assert until(lambda: not reaches(fleet, STRANGER, hosts), 12 + A_MINUTE)
    assert "group support +0 -1" in journal(hosts, begin)
    assert "ticket 7" not in hosts[WALL].file(FILE).content_string


class TestTrial:
    def test_it_is_taken_back_unless_it_is_confirmed(self, fleet: Fleet, hosts: dict[str, Host], allow: Allow) -> None:
        file = hosts[WALL].file(FILE).content_string
        source = fleet.host(STRANGER).address
        allow(name="trial", sources=[source], confirm_timeout=10)
        assert reaches(fleet, STRANGER, hosts)
        assert self.told(fleet)["on_trial"] is True
        assert hosts[WALL].file(FILE).content_string == file
        assert until(lambda: not reaches(fleet, STRANGER, hosts), 16)
        told = self.told(fleet)
        assert (told["on_trial"], told["drift"]) == (False, [])
        assert "trial" not in [group["name"] for group in told["groups"]]

    def test_it_stays_once_it_is_confirmed(self, fleet: Fleet, hosts: dict[str, Host], allow: Allow) -> None:
        source = fleet.host(STRANGER).address
        allow(name="trial", sources=[source], confirm_timeout=12)
        would_end = time.monotonic() + 12
        confirmed = allow(name="trial", sources=[source])
        assert confirmed["changes"] == [f"write {FILE}: group trial new, +1", "end the trial"]
        assert not allow(name="trial", sources=[source])["changed"]
        time.sleep(max(0.0, would_end - time.monotonic()) + 1)
        assert reaches(fleet, STRANGER, hosts)
        allow(name="trial", state="absent")
        assert not reaches(fleet, STRANGER, hosts)

    @staticmethod
    def told(fleet: Fleet) -> dict[str, Any]:
        return playbook.module(fleet, WALL, "mongodb_allowlist_info").result


class TestBoot:
    def test_the_rules_are_there_before_mongod_answers(self, fleet: Fleet, hosts: dict[str, Host]) -> None:
        attempt = "timeout 1 bash -c 'exec 3<>/dev/tcp/'$1/$port && echo $port"
        prober = f"for i in $(seq 60); do for port in 22 27017; do {attempt}; done; sleep 0.1; done"
        hosts[STRANGER].check_output(f"rm -f /root/prober; cat > /root/prober.sh <<'EOF'\n{prober}\nEOF")
        fleets.kill(fleet, WALL)
        address = fleet.host(WALL).address
        hosts[STRANGER].check_output(
            f"systemd-run --property=StandardOutput=file:/root/prober timeout 90 bash /root/prober.sh {address}"
        )
        fleets.start(fleet, WALL)
        assert until(lambda: reaches(fleet, MONITOR, hosts), 180)
        # The port may answer, by a refusal, before that.
        assert until(lambda: hosts[WALL].service("mongod").is_running, 180), hosts[WALL].run(STATES).stdout
        loaded = int(hosts[WALL].check_output("systemctl show stronghold-firewall -P ExecMainExitTimestampMonotonic"))
        began = int(hosts[WALL].check_output("systemctl show mongod -P ExecMainStartTimestampMonotonic"))
        assert 0 < loaded < began
        probed = hosts[STRANGER].file("/root/prober")
        assert until(lambda: "22" in probed.content_string.split(), 60)  # its packets arrive
        assert not reaches(fleet, STRANGER, hosts)
        assert "27017" not in probed.content_string.split()

    def test_what_loads_them_can_do_little_else(self, hosts: dict[str, Host]) -> None:
        told = hosts[WALL].run("systemd-analyze security --no-pager stronghold-firewall").stdout
        assert float(told.splitlines()[-1].split(": ")[1].split()[0]) < 2
        told = hosts[WALL].run("systemd-analyze security --no-pager stronghold-notices").stdout
        assert float(told.splitlines()[-1].split(": ")[1].split()[0]) < 2

    def test_with_rules_that_do_not_load_mongod_does_not_start(self, fleet: Fleet, hosts: dict[str, Host]) -> None:
        host = hosts[WALL]
        good = host.file(FILE).content_string
        assert listening(host) == {"127.0.0.1:27017", f"{fleet.host(WALL).address}:27017"}
        host.check_output("systemctl stop mongod stronghold-allowlist.timer stronghold-firewall")
        host.check_output(f"echo 'table inet stronghold_mongodb {{ nonsense }}' > {FILE}")
        try:
            assert host.run("systemctl start mongod").rc != 0
            assert not host.service("mongod").is_running
            assert listening(host) == set()
        finally:
            host.check_output(f"cat > {FILE} <<'EOF'\n{good}\nEOF")
            host.check_output("systemctl reset-failed; systemctl start stronghold-firewall stronghold-allowlist.timer mongod")
        assert host.service("mongod").is_running


def listening(host: Host) -> set[str]:
    """Where anything listens on MongoDB's port."""
    addresses = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    assert any(address.endswith(":22") for address in addresses)
    return {address for address in addresses if address.endswith(":27017")}


class TestLayers:
    """Last: it declares in the inventory, by the playbook."""

    def test_a_source_declared_once_is_in_the_filter_and_with_the_administrator(
        self, fleet: Fleet, hosts: dict[str, Host]
    ) -> None:
        (here,) = fleet_sources(fleet)
        client = fleet.host(CLIENT).address
        declared = [
            here,
            {"source": client, "group": "administrators"},
            {"source": "192.0.2.8-192.0.2.10", "group": "administrators"},
        ]
        run = playbook.converge(fleet, *LAYERS, variables={"mongodb_firewall_sources": declared})
        assert run.changed[WALL] > 0
        assert playbook.converge(fleet, *LAYERS, variables={"mongodb_firewall_sources": declared}).changed == {WALL: 0}
        assert until(lambda: reaches(fleet, CLIENT, hosts), 20)  # whose neighbour has a new link address since its boot
        with closing(pings(fleet)) as refused, pytest.raises(PyMongoError, match="Authentication failed"):
            refused.admin.command("ping")
        playbook.converge(fleet, *LAYERS)
        assert not reaches(fleet, CLIENT, hosts)
        with closing(pings(fleet)) as admitted:
            restrictions = admitted.admin.command({"usersInfo": "admin", "showAuthenticationRestrictions": True})["users"][0]
        assert restrictions["authenticationRestrictions"] == []


class TestManagement:
    def test_a_run_that_would_lock_itself_out_is_refused(self, fleet: Fleet, hosts: dict[str, Host]) -> None:
        before = hosts[WALL].file(FILE).content_string
        run = playbook.run(fleet, "-t", "firewall", variables={"mongodb_firewall_management_sources": ["192.0.2.0/24"]})
        (here,) = fleet_sources(fleet)
        assert f"could not limit SSH to management because this very run comes from {here}, which is not" in run.failures[-1]
        assert hosts[WALL].file(FILE).content_string == before

    def test_ssh_is_for_management_and_all_else_closed(self, fleet: Fleet, hosts: dict[str, Host]) -> None:
        ssh = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{fleet.host(WALL).address}/22'"
        assert hosts[STRANGER].run(ssh).rc == 0
        variables = {"mongodb_firewall_management_sources": fleet_sources(fleet)}
        assert playbook.run(fleet, "-t", "firewall", variables=variables).changed[WALL] > 0
        assert hosts[STRANGER].run(ssh).rc == 124
        assert reaches(fleet, MONITOR, hosts)
        assert playbook.run(fleet, "-t", "firewall").changed[WALL] > 0
        assert hosts[STRANGER].run(ssh).rc == 0
