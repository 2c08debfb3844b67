# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a converged host looks like from inside and from outside."""

from __future__ import annotations

import re
import socket

import pytest
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern
from scenario import load
from testinfra.host import Host

from lab import access, podman, status
from lab.fleet import Fleet

MEMBERS = ["db-a", "db-b", "db-c"]
READER = "KanarienvogelAReader"


@pytest.mark.parametrize("name", MEMBERS)
def test_private_files_are_private(hosts: dict[str, Host], name: str) -> None:
    host = hosts[name]
    for path, owner, mode in (
        ("/etc/mongod.conf", "root", 0o640),
        ("/etc/stronghold/tls/member.pem", "root", 0o640),
        ("/etc/stronghold/tls/client.pem", "root", 0o600),
        ("/etc/stronghold/tls/ca.pem", "root", 0o644),
        ("/var/lib/mongodb", "mongodb", 0o750),
        ("/var/log/mongodb", "mongodb", 0o750),
    ):
        file = host.file(path)
        assert (file.user, oct(file.mode)) == (owner, oct(mode)), path
    strict = "-type f ! -perm /077 -user mongodb"
    assert "/var/lib/mongodb/WiredTiger" in host.check_output(f"find /var/lib/mongodb {strict}").splitlines()
    assert host.check_output("find /var/lib/mongodb -type f -perm /077 -o ! -user mongodb") == ""


@pytest.mark.parametrize("name", MEMBERS)
def test_the_service_is_confined(hosts: dict[str, Host], name: str) -> None:
    host = hosts[name]
    pid = host.check_output("systemctl show mongod -P MainPID")
    limits = host.file(f"/proc/{pid}/status").content_string
    facts = dict(line.split(":\t", 1) for line in limits.splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    assert int(facts["CapBnd"], 16) == 0
    assert facts["Uid"].split()[0] == host.check_output("id -u mongodb")
    assert re.search(r"^Max core file size +0 +0 ", host.file(f"/proc/{pid}/limits").content_string, re.MULTILINE)
    mounts = host.file(f"/proc/{pid}/mountinfo").content_string.splitlines()
    root = next(line.split() for line in mounts if line.split()[4] == "/")
    assert "ro" in root[5].split(",")


@pytest.mark.parametrize("name", MEMBERS)
def test_it_listens_on_loopback_and_its_own_address_only(hosts: dict[str, Host], fleet: Fleet, name: str) -> None:
    listening = {line.split()[3] for line in hosts[name].check_output("ss -Hltn").splitlines()}
    mongod = {address for address in listening if address.endswith(":27017")}
    assert mongod == {"127.0.0.1:27017", f"{fleet.host(name).address}:27017"}


@pytest.mark.parametrize("name", MEMBERS)
def test_the_package_is_held_and_starts_at_boot(hosts: dict[str, Host], name: str) -> None:
    host = hosts[name]
    assert "mongodb-org-server" in host.check_output("apt-mark showhold")
    assert host.service("mongod").is_enabled
    assert host.service("stronghold-firewall").is_enabled


@pytest.mark.parametrize("name", MEMBERS)
def test_plaintext_and_strangers_are_turned_away(fleet: Fleet, name: str) -> None:
    row = dict(zip(status.HEADINGS, status.row(fleet, fleet.host(name))))
    assert row["STATE"] in {"PRIMARY", "SECONDARY"}
    assert row["TLS"] == "TLSv1.3, required"
    assert row["AUTHENTICATION"] == "required"
    assert row["FIREWALL"] == "declared sources only"


def test_the_backup_host_reaches_the_port(hosts: dict[str, Host], fleet: Fleet) -> None:
    attempt = f"import socket; socket.create_connection(('{fleet.host('db-a').address}', 27017), 3)"
    assert hosts["vault-c"].run(f'python3 -c "{attempt}"').rc == 0


def test_the_firewall_leaves_other_ports_alone(fleet: Fleet) -> None:
    attempt = f"import socket; socket.create_connection(('{fleet.host('db-a').address}', 22), 3)"
    podman.call("exec", f"{fleet.name}-mirror", "python3", "-c", attempt)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((fleet.host("db-a").address, 27018), 3).close()


@pytest.mark.parametrize("name", MEMBERS)
def test_the_localhost_exception_is_closed(fleet: Fleet, hosts: dict[str, Host], name: str) -> None:
    with access.client(fleet, fleet.host(name)) as client:
        parameter = client.admin.command({"getParameter": 1, "enableLocalhostAuthBypass": 1})
    assert parameter["enableLocalhostAuthBypass"] is False


@pytest.mark.parametrize("name", MEMBERS)
def test_who_may_read_does_not_run_code_on_the_server(fleet: Fleet, hosts: dict[str, Host], name: str) -> None:
    preference = {"readPreference": "secondaryPreferred"}
    with access.client(fleet, fleet.host(name), username="reports", password=READER, **preference) as client:
        assert list(client.orders.none.find({})) == []
        with pytest.raises(OperationFailure, match=r"(?i)engine"):
            list(client.orders.none.find({"$where": "true"}))
    assert hosts[name].check_output("systemctl show mongod -P MemoryDenyWriteExecute") == "yes"


def test_the_log_is_kept_within_bounds(hosts: dict[str, Host]) -> None:
    host = hosts["db-b"]
    host.check_output("truncate --size +101M /var/log/mongodb/mongod.log && systemctl start stronghold-logs.service")
    former, log = (host.file(f"/var/log/mongodb/{name}") for name in ("mongod.log.1", "mongod.log"))
    assert [(file.user, oct(file.mode)) for file in (former, log)] == [("mongodb", "0o600")] * 2
    pid = host.check_output("systemctl show mongod -P MainPID")
    assert host.check_output(f"readlink /proc/{pid}/fd/* | grep /var/log/mongodb/") == log.path
    assert "mongodb_storage_free_bytes{path=" in host.file("/var/lib/stronghold/metrics/mongodb_storage.prom").content_string


def test_zone_placement(fleet: Fleet) -> None:
    with access.client(fleet, load.primary(fleet)) as client:
        config = client.admin.command("replSetGetConfig")["config"]
        concern = client.admin.command("getDefaultRWConcern")["defaultWriteConcern"]
    assert [(member["host"], member["priority"], member["tags"]) for member in config["members"]] == [
        ("db-a:27017", 3, {"zone": "a"}),
        ("db-b:27017", 2, {"zone": "b"}),
        ("db-c:27017", 1, {"zone": "c"}),
    ]
    assert config["settings"]["getLastErrorModes"] == {"acrossZones": {"zone": 2}}
    assert concern["w"] == "majority"


def test_a_write_concern_spans_zones(fleet: Fleet) -> None:
    with access.client(fleet, load.primary(fleet)) as client:
        spans = client.test.get_collection("spans", write_concern=WriteConcern(w="acrossZones", wtimeout=10000))
        assert spans.insert_one({}).acknowledged
        with pytest.raises(OperationFailure, match="acrossOceans"):
            spans.with_options(write_concern=WriteConcern(w="acrossOceans")).insert_one({})
        client.drop_database("test")
