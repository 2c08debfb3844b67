# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S106 (passwords of the tests alone)

"""``stronghold certificates`` as systemd runs it, beside a mongod with requireTLS: it warns; with an issuer it renews, too."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from integration import ports
from integration.harness import Mongod

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, describe, judge, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._program.bundle import build
from lab.certificates import issue as issued

PORT = ports.first(__file__)
DAY = timedelta(days=1)
NAMES = ("localhost", "127.0.0.1", "db-a.example.com")
MEMBER = Wanted(Path("/unused"), "member", Subject("db-a.example.com", "orders", "members"), NAMES, days=30)
CLIENT = Wanted(Path("/unused"), "client", Subject("db-a.example.com", "orders", "hosts"), days=30)
ISSUER = Wanted(Path("/unused"), "issuer", Subject("db-a.example.com", "orders", "issuers"), days=60, vouches=(MEMBER, CLIENT))
USER = "CN=db-a.example.com,OU=hosts,O=orders"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+)\})? ([0-9.e+]+)')


def now() -> datetime:
    return datetime.now(timezone.utc)


def issue(by: pem.Pair, wanted: Wanted, age: timedelta = timedelta()) -> pem.Pair:
    return issued(by, wanted, now() - age)


@dataclass
class Here:
    """A host: its certificates, its server, the program and its settings."""

    home: Path
    authority: pem.Pair
    server: Mongod | None = None

    def path(self, name: str) -> Path:
        return self.home / name

    def put(self, name: str, pair: pem.Pair, *, age: float = 0) -> pem.Pair:
        """A file that was written ``age`` seconds ago."""
        self.path(name).write_bytes(pem.write_pair(pair))
        os.utime(self.path(name), (time.time() - age, time.time() - age))
        return pair

    def fresh(self) -> None:
        self.put("member.pem", issue(self.authority, MEMBER))
        self.put("client.pem", issue(self.authority, CLIENT))

    def settings(self, **options: Any) -> dict[str, Any]:
        certificates = [
            {"path": str(self.path("member.pem")), "names": list(NAMES), "days": 30},
            {"path": str(self.path("client.pem")), "kind": "client", "days": 30},
        ]
        server = {"host": "localhost", "port": PORT, "path": str(self.path("member.pem"))}
        return {
            "ca_file": str(self.path("ca.pem")),
            "certificates": certificates,
            "servers": [{**server, "certificate_key_file": str(self.path("client.pem"))}],
            "metrics_file": str(self.path("metrics") / "x.prom"),
            "timeout": 5,
            **options,
        }

    def with_issuer(self) -> dict[str, Any]:
        settings = self.settings()
        settings["certificates"].append({"path": str(self.path("issuer.pem")), "kind": "issuer"})
        settings["servers"][0]["record"] = str(self.path("record"))
        return settings

    def run(self, settings: dict[str, Any] | None = None) -> tuple[int, str, str]:
        """Without environment and home."""
        self.path("certificates.json").write_text(json.dumps(settings or self.settings()))
        words = [str(self.path("stronghold")), "certificates", "--config", str(self.path("certificates.json"))]
        done = subprocess.run(words, env={"PATH": "/usr/bin"}, cwd="/", text=True, capture_output=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def metrics(self) -> dict[tuple[str, str], float]:
        """(family, name of the file) -> value. Every line has to be one of the format's."""
        found = {}
        for line in (self.path("metrics") / "x.prom").read_text().splitlines():
            if line.startswith(("# HELP mongodb_certificate", "# TYPE mongodb_certificate")):
                continue
            match = SAMPLE.fullmatch(line)
            assert match, line
            labels = dict(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found[match[1].replace("mongodb_certificate_", ""), Path(labels.get("path", "")).name] = float(match[3])
        return found

    def serial(self) -> int:
        seen = presented("localhost", PORT, str(self.path("ca.pem")), certificate_file=str(self.path("client.pem")))
        assert seen.certificate, seen.problem
        assert seen.problem == ""
        return seen.certificate.serial_number

    def in_file(self, name: str = "member.pem") -> x509.Certificate:
        return pem.read_pair(self.path(name).read_bytes()).certificate

    def rotate(self) -> None:
        assert self.server
        with self.server.client(
            username="root",
            password="r00t",
            tls=True,
            tlsCAFile=str(self.path("ca.pem")),
            tlsCertificateKeyFile=str(self.path("client.pem")),
        ) as client:
            client.admin.command({"rotateCertificates": 1})

    def record(self) -> None:
        """As the unit writes it at each start."""
        paths = [self.path(name) for name in ("member.pem", "ca.pem")]
        self.path("record").write_text(
            "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n" for path in paths)
            + f"{'0' * 64}  /etc/mongod.conf\n"
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    home = tmp_path_factory.mktemp("certificates")
    key = make_key("ec-p256")
    top = authority.sign_authority(key, Subject('the "first"\\', "orders"), 1000, now(), path_length=1)
    here = Here(home, pem.Pair(top, (), key))
    here.path("metrics").mkdir()
    here.path("stronghold").write_bytes(build(sys.executable))
    here.path("stronghold").chmod(0o755)
    here.path("ca.pem").write_bytes(pem.write_certificates([top]))
    here.fresh()
    options = ["--auth", "--tlsMode", "requireTLS", "--tlsCAFile", str(here.path("ca.pem"))]
    options += [
        "--tlsCertificateKeyFile",
        str(here.path("member.pem")),
        "--setParameter",
        "authenticationMechanisms=SCRAM-SHA-256,MONGODB-X509",
    ]
    here.server = Mongod(home / "server", PORT, options=options)
    here.server.start()
    try:
        tls = {"tls": True, "tlsCAFile": str(here.path("ca.pem")), "tlsCertificateKeyFile": str(here.path("client.pem"))}
        with here.server.client(**tls) as client:
            client.admin.command("createUser", "root", pwd="r00t", roles=["root"])
        with here.server.client(username="root", password="r00t", **tls) as client:
            privileges = [{"resource": {"cluster": True}, "actions": ["rotateCertificates"]}]
            client.admin.command("createRole", "stronghold_rotation", privileges=privileges, roles=[])
            client["$external"].command("createUser", USER, roles=[{"role": "stronghold_rotation", "db": "admin"}])
        yield here
    finally:
        here.server.stop(kill=True)


@pytest.fixture
def here(running: Here) -> Here:
    """All as it should be."""
    running.fresh()
    running.put("issuer.pem", issue(running.authority, ISSUER))
    running.rotate()
    running.record()
    return running


def told(result: tuple[int, str, str], *reasons: str) -> None:
    """One sentence on standard error for each reason, and the exit code of a failure."""
    code, _out, err = result
    assert code == 1
    assert len(err.splitlines()) == len(reasons), err
    for line, reason in zip(err.splitlines(), reasons):
        assert reason in line
        assert "could not " in line
        assert line.endswith(".")


def test_all_is_well(here: Here) -> None:
    code, out, err = here.run()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.partition(":")[0].rpartition("/")[2] for line in lines] == ["member.pem", "client.pem", "ca.pem"]
    assert lines[0] == (
        f"{here.path('member.pem')}: serial {describe.hexadecimal(here.in_file().serial_number)}, 29 days left, "
        f"until {here.in_file().not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert here.metrics() == {
        **{
            ("not_after_seconds", name): here.in_file(name).not_valid_after_utc.timestamp()
            for name in ("member.pem", "client.pem")
        },
        ("not_after_seconds", "ca.pem"): here.authority.certificate.not_valid_after_utc.timestamp(),
        **{(family, name): 0 for family in ("near_end", "problems") for name in ("member.pem", "client.pem", "ca.pem")},
        ("looked_at_seconds", ""): pytest.approx(time.time(), abs=30),
    }
    assert (here.path("metrics") / "x.prom").stat().st_mode & 0o777 == 0o644


def test_one_near_its_end_is_told_of_while_it_still_works(here: Here) -> None:
    here.put("client.pem", issue(here.authority, CLIENT, 25 * DAY))
    told(here.run(), "client.pem because it ends in 4 days, on ")
    assert here.metrics()["near_end", "client.pem"] == 1
    assert here.metrics()["near_end", "member.pem"] == 0
    told(here.run(here.settings(renew_before="30")), "member.pem because it ends in 29", "client.pem because it ends in 4")
    assert here.run(here.settings(renew_before="3"))[0] == 0


def test_a_server_with_another_certificate_than_its_file_is_told_of_after_an_hour(here: Here) -> None:
    before = here.serial()
    new = here.put("member.pem", issue(here.authority, MEMBER))
    code, out, err = here.run()
    assert (code, err) == (0, "")
    assert f"localhost:{PORT} still presents serial {describe.hexadecimal(before)}" in out
    here.put("member.pem", new, age=3700)
    told(
        here.run(), f"member.pem because localhost:{PORT} still presents serial {describe.hexadecimal(before)}; run the playbook"
    )
    assert here.metrics()["problems", "member.pem"] == 1
    here.rotate()
    assert here.run()[0] == 0


def test_a_server_that_is_down_is_no_fault_of_its_certificate(here: Here) -> None:
    settings = here.settings()
    settings["servers"][0]["port"] = PORT + 1
    code, out, err = here.run(settings)
    assert (code, err) == (0, "")
    assert f"localhost:{PORT + 1} does not answer" in out


def test_what_cannot_be_used_is_told_of_and_hides_nothing(here: Here) -> None:
    foreign = make_key("ec-p256")
    other = pem.Pair(authority.sign_authority(foreign, Subject("foreign"), 10, now()), (), foreign)
    here.put("member.pem", issue(other, MEMBER), age=3700)
    here.path("client.pem").unlink()
    code, out, err = here.run(here.settings(servers=[]))
    told((code, out, err), "member.pem because it is not signed by the authority", "client.pem because there is no such file")
    assert here.metrics()["problems", "client.pem"] == 1
    here.path("client.pem").mkdir()
    told(here.run(here.settings(servers=[])), "member.pem", "client.pem is not a regular file")
    assert here.metrics()["problems", "client.pem"] == 1
    here.path("client.pem").rmdir()
    result = here.run(here.settings(metrics_file=str(here.path("nowhere") / "x.prom"), servers=[]))
    told(result, "member.pem", "client.pem", "nowhere/x.prom because of 'No such file or directory'")


def test_authorities_and_lists_that_end_count_too(here: Here) -> None:
    key = make_key("ec-p256")
    old = pem.Pair(authority.sign_authority(key, Subject("old", "orders"), 100, now() - 95 * DAY), (), key)
    both = here.home / "both.pem"
    both.write_bytes(pem.write_certificates([here.authority.certificate, old.certificate]))
    lists = here.home / "crl.pem"
    lists.write_bytes(pem.write_lists([revocation.sign_list(here.authority, None, (), 10, now() - 6 * DAY)]))
    settings = here.settings(ca_file=str(both), crl_file=str(lists))
    told(here.run(settings), "the authority CN=old,O=orders in", "the revocation list of CN=the")
    assert here.metrics()["near_end", "crl.pem"] == 1


class TestIssuer:
    def test_what_is_near_its_end_is_renewed_and_taken_up_without_a_restart(self, here: Here) -> None:
        old = here.put("member.pem", issue(here.authority, MEMBER, 25 * DAY))
        here.path("member.pem").chmod(0o640)
        here.put("client.pem", issue(here.authority, CLIENT, 25 * DAY))
        here.rotate()
        here.record()
        assert here.server
        assert here.server.process
        pid, record = here.server.process.pid, here.path("record").read_text()
        code, out, err = here.run(here.with_issuer())
        assert (code, err) == (0, "")
        new = pem.read_pair(here.path("member.pem").read_bytes())
        assert here.serial() == new.certificate.serial_number != old.certificate.serial_number
        assert f"renewed {here.path('member.pem')}: serial {describe.hexadecimal(new.certificate.serial_number)}, until" in out
        assert f"localhost:{PORT} has taken up {here.path('member.pem')} without a restart" in out
        assert pem.public_bytes(new.key.public_key()) != pem.public_bytes(old.key.public_key())
        assert new.chain == (here.in_file("issuer.pem"),)
        assert here.path("member.pem").stat().st_mode & 0o777 == 0o640
        assert (here.server.process.pid, here.server.process.poll()) == (pid, None)
        changed = set(here.path("record").read_text().splitlines()) ^ set(record.splitlines())
        assert {line.split()[1] for line in changed} == {str(here.path("member.pem"))}
        assert judge.judge(new, MEMBER, [here.authority.certificate], now()) == [], "the next run of Ansible keeps it"
        client = pem.read_pair(here.path("client.pem").read_bytes())
        assert judge.judge(client, CLIENT, [here.authority.certificate], now()) == []
        files = {path.name: path.read_bytes() for path in here.home.glob("*.pem")}
        code, again, err = here.run(here.with_issuer())
        assert (code, err) == (0, "")
        assert "renewed" not in again
        assert "taken up" not in again
        assert {path.name: path.read_bytes() for path in here.home.glob("*.pem")} == files

    def test_what_is_not_near_its_end_is_left_alone(self, here: Here) -> None:
        here.put("member.pem", issue(here.authority, MEMBER, 15 * DAY))
        here.rotate()
        kept = here.path("member.pem").read_bytes()
        code, out, err = here.run(here.with_issuer())
        assert (code, err) == (0, "")
        assert "renewed" not in out
        assert here.path("member.pem").read_bytes() == kept

    def test_it_passes_openssl_s_strict_verification(self, here: Here) -> None:
        here.put("member.pem", issue(here.authority, MEMBER, 25 * DAY))
        assert here.run(here.with_issuer())[0] == 0
        assert verified(here, pem.read_pair(here.path("member.pem").read_bytes())) == ""

    def test_a_run_that_was_killed_before_the_rotation_is_finished_by_the_next(self, here: Here) -> None:
        before = here.serial()
        here.put("member.pem", issue(here.authority, MEMBER, 25 * DAY))
        stopped = here.with_issuer()
        stopped["servers"] = []
        assert here.run(stopped)[0] == 0
        assert here.serial() == before != here.in_file().serial_number
        code, out, err = here.run(here.with_issuer())
        assert (code, err) == (0, "")
        assert "has taken up" in out
        assert here.serial() == here.in_file().serial_number

    def test_none_outlasts_the_issuer_and_none_is_renewed_for_nothing(self, here: Here) -> None:
        issuer = here.put("issuer.pem", issue(here.authority, ISSUER, 50 * DAY))
        here.put("member.pem", issue(here.authority, MEMBER, 25 * DAY))
        told(here.run(here.with_issuer()), "issuer.pem because it ends in 9 days")
        assert here.in_file().not_valid_after_utc == issuer.certificate.not_valid_after_utc
        here.put("member.pem", issue(here.authority, MEMBER, 20 * DAY + timedelta(hours=1)))
        kept = here.path("member.pem").read_bytes()
        here.rotate()
        told(here.run(here.with_issuer()), "member.pem because it ends in 9 days", "issuer.pem because it ends in 9 days")
        assert here.path("member.pem").read_bytes() == kept

    @pytest.mark.parametrize("spoil", ["expired", "foreign", "missing", "of another name"])
    def test_a_bad_issuer_is_told_of_and_changes_nothing(self, here: Here, spoil: str) -> None:
        here.put("member.pem", issue(here.authority, MEMBER, 25 * DAY))
        key = make_key("ec-p256")
        foreign = pem.Pair(authority.sign_authority(key, Subject("foreign"), 10, now(), path_length=1), (), key)
        other = replace(ISSUER, vouches=(replace(MEMBER, names=("localhost",)), CLIENT))
        pairs = {
            "expired": issue(here.authority, ISSUER, 61 * DAY),
            "foreign": issue(foreign, ISSUER),
            "of another name": issue(here.authority, other),
        }
        if spoil in pairs:
            here.put("issuer.pem", pairs[spoil])
        else:
            here.path("issuer.pem").unlink()
        kept = here.path("member.pem").read_bytes()
        here.rotate()
        code, _out, err = here.run(here.with_issuer())
        assert code == 1
        reasons = {
            "expired": "it expired on",
            "foreign": "not signed by",
            "missing": "No such file",
            "of another name": "vouch for 127.0.0.1",
        }
        assert re.search(rf"could not renew \S*member.pem.* because .*{reasons[spoil]}", err)
        assert here.path("member.pem").read_bytes() == kept

    def test_a_refused_rotation_is_told_of(self, here: Here) -> None:
        here.put("member.pem", issue(here.authority, MEMBER, 25 * DAY))
        nobody = replace(CLIENT, subject=Subject("nobody", "orders", "hosts"))
        here.put("client.pem", issue(here.authority, nobody))
        told(here.run(here.with_issuer()), "because it refused to rotate its certificates")


def verified(here: Here, pair: pem.Pair) -> str:
    """What openssl says against it, empty where it accepts the chain."""
    for name, certificates in (("leaf", [pair.certificate]), ("chain", pair.chain)):
        here.path(f"{name}.crt").write_bytes(pem.write_certificates(certificates))
    words = [
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        here.path("ca.pem"),
        "-untrusted",
        here.path("chain.crt"),
        here.path("leaf.crt"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (replace(MEMBER, subject=Subject("db-b.example.com", "orders", "members")), "permitted subtree violation"),
        (replace(CLIENT, subject=Subject("alice", "orders", "people")), "permitted subtree violation"),
        (replace(MEMBER, names=("db-b.example.com",)), "permitted subtree violation"),
        (replace(MEMBER, names=("localhost", "192.0.2.9")), "permitted subtree violation"),
    ],
)
def test_openssl_refuses_what_an_issuer_does_not_vouch_for(here: Here, wanted: Wanted, reason: str, monkeypatch: Any) -> None:
    """Somebody who has taken the key of an issuer is held by no check of ours."""
    monkeypatch.setattr(authority.Permitted, "outside", lambda *_: [])
    issuer = issue(here.authority, ISSUER)
    taken = replace(issue(issuer, wanted), chain=(issuer.certificate,))
    assert reason in verified(here, taken)
    assert verified(here, replace(issue(issuer, MEMBER), chain=(issuer.certificate,))) == ""


def test_an_issuer_of_a_host_without_a_server_vouches_for_no_address() -> None:
    key = make_key("ec-p256")
    top = pem.Pair(authority.sign_authority(key, Subject("top"), 100, now(), path_length=1), (), key)
    found = (
        issue(top, replace(ISSUER, vouches=(CLIENT,))).certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    )
    assert found.permitted_subtrees
    assert [tree.value for tree in found.permitted_subtrees if isinstance(tree, x509.DNSName)] == ["db-a.example.com"]
    assert [str(tree.value) for tree in found.excluded_subtrees or ()] == ["0.0.0.0/0", "::/0"]
