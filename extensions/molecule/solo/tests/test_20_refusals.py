# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be done ends soon, in one sentence with host, attempt, reason and remedy, and leaves nothing half-written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from scenario import playbook
from scenario.hosts import untouched

from lab import access, repetitions
from lab.fleet import Fleet, ssh
from lab.network import address

SENTENCE = re.compile(r"[^\s:]+(:\d+)?( on \S+)?: could not [^\n]+ because [^\n]+; [^\n]+\.")
TIMEOUT = 10  # seconds, the default of login_timeout
SHORT = 2
START_UP = 20  # seconds that ansible, SSH and Python may take besides on a busy machine; no promise
CA = "/etc/stronghold/tls/ca.pem"
STRANGE_CA = "/root/strange-ca.pem"
ON_SPARE = {"mongodb_hosts": "spare", "mongodb_cluster_group": "spare", "mongodb_cluster_name": "reserve"}


def refused(run: playbook.Run, *essentials: str) -> None:
    """The last failure of the run is one sentence that says all this."""
    assert run.rc != 0, run.output[-3000:]
    assert "Traceback" not in run.output
    assert run.failures, run.output[-3000:]
    sentence = run.failures[-1]
    assert SENTENCE.fullmatch(sentence), sentence
    assert [text for text in essentials if text not in sentence] == [], sentence


def ask(fleet: Fleet, module: str = "mongodb_replicaset_info", **options: Any) -> playbook.Run:
    """One module on the member, logged in as the administrator unless told otherwise."""
    login = {"login_user": access.ADMIN, "login_password": access.password(fleet), "tls_ca_file": CA}
    return playbook.module(fleet, "solo-1", module, **{**login, **options})


class TestConnections:
    def test_no_host_there(self, fleet: Fleet) -> None:
        nobody = address(fleet.slot, 1, 250)
        run = ask(fleet, login_host=nobody)
        refused(run, f"{nobody}:27017: could not", "no answer came within the timeout", "check that the host is up")
        assert run.seconds < TIMEOUT + START_UP

    def test_no_server_there(self, fleet: Fleet) -> None:
        users = [{"name": "nobody", "password": "secret-of-nobody", "roles": []}]
        run = ask(fleet, "mongodb_user", users=users, login_port=27999, login_timeout=SHORT)
        refused(run, "localhost:27999 on solo-1: could not", "nothing listens there", "start mongod")

    @pytest.mark.parametrize(
        ("options", "essentials"),
        [
            ({"tls": False, "tls_ca_file": None}, ("localhost:27017 on solo-1", "it demands TLS", "check the tls options")),
            ({"tls_ca_file": STRANGE_CA}, ("not signed by the trusted authority", "give the right tls_ca_file")),
            ({"tls_ca_file": "/root/absent.pem"}, ("a TLS file given to the client cannot be used", "check tls_ca_file")),
            # 127.1 is 127.0.0.1, by a name that the certificate does not carry.
            ({"login_host": "127.1"}, ("127.1:27017 on solo-1", "not valid for this name", "connect by a name")),
        ],
        ids=["no TLS", "another authority", "no such authority", "another name"],
    )
    def test_tls_mismatch(self, fleet: Fleet, options: dict[str, Any], essentials: tuple[str, ...]) -> None:
        ssh(
            fleet,
            "solo-1",
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /dev/null -out {STRANGE_CA} "
            "-subj /CN=strange -days 2 2>/dev/null",
        )
        run = ask(fleet, **options, login_timeout=SHORT)
        refused(run, *essentials)
        assert run.seconds < SHORT + START_UP


class TestMember:
    """Refusals on a member that serves: it goes on serving, with the same files."""

    def test_wrong_password(self, fleet: Fleet) -> None:
        with untouched(fleet, "solo-1"):
            run = playbook.run(fleet, "-vvv", variables={"mongodb_cluster_admin_password": "wrong-password"})
        refused(run, "solo-1:27017: could not", "refused the user name, the password", "check login_user, login_password")
        assert "wrong-password" not in re.sub(r"^.*ansible-playbook.*$", "", run.output, flags=re.MULTILINE)
        module = ask(fleet, **{"login_password": "wrong-password"})
        refused(module, "localhost:27017 on solo-1: could not", "refused the user name, the password")

    def test_another_set_name(self, fleet: Fleet) -> None:
        with untouched(fleet, "solo-1"):
            run = playbook.run(fleet, variables={"mongodb_cluster_name": "other"})
        refused(run, "solo-1: could not accept this host", "a member of the replica set 'solo'", "set mongodb_cluster_name")
        assert run.changed == {"solo-1": 0}
        module = ask(fleet, "mongodb_replicaset", replica_set="other", members=["solo-1"], allow=["zone_loss"])
        refused(module, "belongs to the replica set solo", "check replica_set")

    def test_a_shape_that_one_zone_can_end(self, fleet: Fleet) -> None:
        with untouched(fleet, "solo-1"):
            run = playbook.run(fleet, "--tags", "replica_set", variables={"mongodb_cluster_allow": []})
        refused(run, "solo-1:27017", "zone a holds 1 of 1 votes", "allow it with zone_loss")

    def test_no_zone(self, fleet: Fleet) -> None:
        run = playbook.run(fleet, variables={"mongodb_cluster_allow": [], "mongodb_cluster_zone": ""})
        refused(run, "solo-1: could not accept the declaration", "mongodb_cluster_zone is not set", "set it")

    @pytest.mark.parametrize(
        ("config", "essentials"),
        [
            ({"setParameter": {"nonsense": 1}}, ("solo-1: could not replace /etc/mongod.conf", "nonsense", "correct the option")),
            (
                {"net": {"prot": 1}, "auditLog": {"destination": "file"}},
                (
                    "solo-1: could not accept the declaration because net.prot is no option of mongod, and net.port is one",
                    "Community refuses",
                    "auditLog.destination",
                    "remove them",
                ),
            ),
        ],
        ids=["a parameter that mongod alone can judge", "a typing error, and an option of another edition"],
    )
    def test_an_option_that_mongod_refuses(self, fleet: Fleet, config: dict[str, Any], essentials: tuple[str, ...]) -> None:
        with untouched(fleet, "solo-1"):
            run = playbook.run(fleet, "--tags", "server", variables={"mongodb_server_config": config})
        refused(run, *essentials)

    @pytest.mark.parametrize(
        ("version", "essentials"),
        repetitions.todays(
            [
                ("5.0.3", ("mongodb-org-server 5.0.4 is installed and 5.0.3 is older", "restore a backup")),
                ("4.4", ("mongodb-org-server 5.0.4 is installed and 4.4 is older", "restore a backup")),
                ("6.0", ("mongodb-org-server 5.0.4 is installed and 6.0 is another series", "use the upgrade playbook")),
            ]
        ),
    )
    def test_another_release(self, fleet: Fleet, version: str, essentials: tuple[str, ...]) -> None:
        known = {"mongodb_install_key_fingerprint": "0" * 40} if version == "4.4" else {}
        with untouched(fleet, "solo-1"):
            run = playbook.run(fleet, "--tags", "install", variables={"mongodb_cluster_version": version, **known})
        refused(run, "solo-1: could not install MongoDB", *essentials)

    def test_an_option_that_only_fails_at_the_start(self, fleet: Fleet) -> None:
        """The one failure that cannot be foreseen: the sentence carries the server's own words, and a correction heals it."""
        engine = {"engineConfig": {"configString": "nonsense"}}
        run = playbook.run(fleet, variables={"mongodb_server_config": {"storage": {"wiredTiger": engine}}})
        refused(run, "solo-1: could not start mongod", "unknown configuration key: 'nonsense'", "mend the cause, and run again")
        assert playbook.converge(fleet).changed["solo-1"] > 0
        with access.client(fleet, fleet.host("solo-1")) as client:
            assert client.admin.command("hello")["isWritablePrimary"]

    def test_afterwards_nothing_is_left_to_do(self, fleet: Fleet) -> None:
        with untouched(fleet, "solo-1"):
            assert playbook.converge(fleet, "--tags", "server").changed == {"solo-1": 0}


@contextlib.contextmanager
def full_disk(fleet: Fleet, name: str, folder: str) -> Iterator[None]:
    """``folder`` on a file system with 64 KiB of room."""
    ssh(fleet, name, f"mount -t tmpfs -o size=64k tmpfs {folder} && mkdir -p {folder}/partial && chown _apt {folder}/partial")
    try:
        yield
    finally:
        ssh(fleet, name, f"umount {folder}")


def on_spare(fleet: Fleet, *words: str, **variables: Any) -> playbook.Run:
    return playbook.run(fleet, *words, variables={**ON_SPARE, **variables})


def server_packages(fleet: Fleet) -> list[str]:
    """What a host has of MongoDB's packages, found in the list of all that it has."""
    known = ssh(fleet, "spare-1", "dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n'").splitlines()
    assert "dpkg ii " in known
    return [line for line in known if line.startswith("mongodb-org")]


class TestBareHost:
    """In this order: each run gets one step further on the same host, which never gets a server."""

    def test_check_mode_on_a_bare_host(self, fleet: Fleet) -> None:
        with untouched(fleet, "spare-1"):
            run = on_spare(fleet, "--check", "--diff", mongodb_host_manage_names=False, mongodb_firewall_enabled=False)
        assert run.rc == 0, run.output[-3000:]
        assert run.changed["spare-1"] > 0
        assert "Have the names of the cluster resolved on the host itself" not in run.output
        assert "Admit members, backup hosts and declared sources, and nobody else" not in run.output
        assert "nftables" not in run.output

    def test_too_little_room_for_data(self, fleet: Fleet) -> None:
        with untouched(fleet, "spare-1"):
            run = on_spare(fleet, mongodb_host_min_free_mb=10**9)
        refused(run, "spare-1: could not accept this host", "MiB are free for /var/lib/mongodb", "free space or lower")

    def test_full_disk_while_the_host_is_prepared(self, fleet: Fleet) -> None:
        with full_disk(fleet, "spare-1", "/var/cache/apt/archives"):
            run = on_spare(fleet)
        refused(run, "spare-1: could not install ", "space", "free space on that file system and run again")

    def test_wrong_fingerprint(self, fleet: Fleet) -> None:
        run = on_spare(fleet, mongodb_install_key_fingerprint="A" * 40)
        refused(
            run, "spare-1: could not trust the package key", f"and not {'A' * 40}", "compare it with what its publisher states"
        )
        assert ssh(fleet, "spare-1", "find /etc/apt /usr/share/keyrings -name '*mongodb*'") == ""
        assert server_packages(fleet) == []

    def test_a_release_that_the_mirror_lacks(self, fleet: Fleet) -> None:
        run = on_spare(fleet, "--tags", "install", mongodb_cluster_version="5.0.99")
        refused(run, "spare-1: could not install mongodb-org-server=5.0.99 from http://", "choose a release that is there")
        assert server_packages(fleet) == []

    def test_full_disk_while_mongodb_is_installed(self, fleet: Fleet) -> None:
        with full_disk(fleet, "spare-1", "/var/cache/apt/archives"):
            run = on_spare(fleet, "--tags", "install")
        refused(run, "spare-1: could not install mongodb-org-server=5.0.4", "space", "free space on that file system")
        assert server_packages(fleet) == []
        assert ssh(fleet, "spare-1", "dpkg --audit") == ""
