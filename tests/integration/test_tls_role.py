# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of the role mongodb_tls, on hosts that are all this machine: what it refuses, and a company's authority."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.harness import ROOT
from integration.tls_site import BIN, MEMBER_USAGES, Company, openssl

ADDRESS = "192.0.2.1"


@dataclass
class Cluster:
    """Hosts with a folder each below ``home``, and the controller's folder of secrets."""

    home: Path
    hosts: tuple[str, ...] = ("db-a",)

    def __post_init__(self) -> None:
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "mongodb_cluster_name": "orders",
            "mongodb_cluster_version": "6.0",
            "mongodb_cluster_allow": ["zone_loss", "even_votes"],
            "mongodb_cluster_zone": "{{ inventory_hostname[-1] }}",
            "mongodb_cluster_tls_dir": f"{self.home}/{{{{ inventory_hostname }}}}",
            "mongodb_cluster_python": sys.executable,
            "mongodb_cluster_service_user": "root",
            "mongodb_tls_watch": False,
            "mongodb_cluster_program_later": True,  # it would be installed on this machine
        }
        hosts: dict[str, Any] = {"hosts": {host: {"mongodb_cluster_address": ADDRESS} for host in self.hosts}}
        inventory = {"all": {"vars": variables, "children": {"mongodb": hosts}}}
        (self.home / "hosts.json").write_text(json.dumps(inventory))
        for name in ("certificates", "replace", "replaced"):
            role = {} if name == "certificates" else {"tasks_from": name}
            task = {"ansible.builtin.include_role": {"name": "stronghold.mongodb.mongodb_tls", **role}}
            play = {
                "hosts": "mongodb",
                "gather_subset": ["!all", "!min", "distribution"],
                "any_errors_fatal": True,
                "tasks": [task],
            }
            (self.home / f"{name}.json").write_text(json.dumps([play]))

    @property
    def secrets(self) -> Path:
        return self.home / ".stronghold" / "orders"

    def command(self, play: str, variables: dict[str, Any], *words: str) -> list[str]:
        given = ["-i", str(self.home / "hosts.json"), "-e", json.dumps(variables), *words]
        return [str(BIN / "ansible-playbook"), *given, str(self.home / f"{play}.json")]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree"), "ANSIBLE_NOCOLOR": "1"}

    def run(self, play: str = "certificates", *words: str, **variables: Any) -> str:
        """What was printed, on one line."""
        command = self.command(play, variables, *words)
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        return " ".join((done.stdout + done.stderr).split())

    def good(self, play: str = "certificates", *words: str, **variables: Any) -> str:
        output = self.run(play, *words, **variables)
        assert set(counts(output, "failed")) == {"0"}, output[-3000:]
        return output

    def files(self) -> dict[str, bytes]:
        """All that is there, on the controller and on the hosts, but for keys and what is no file."""
        return {str(path.relative_to(self.home)): path.read_bytes() for path in self.home.rglob("*") if path.is_file()}


def counts(output: str, word: str = "changed") -> list[str]:
    return re.findall(rf"{word}=(\d+)", output.partition("PLAY RECAP")[2])


def shown(title: str) -> dict[str, Any]:
    """The variables of the first block below a title of the guide, as they stand there."""
    text = (ROOT / "docs" / "tls.md").read_text().partition(f"\n### {title}\n")[2]
    found: dict[str, Any] = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    return found


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_two_levels_with_limits_and_revocation(cluster: Cluster) -> None:
    declared = {
        **shown("An authority of two levels, or of few names"),
        **shown("Refuse a certificate that was stolen"),
        "mongodb_cluster_host": "{{ inventory_hostname }}.example.com",
    }
    stolen = cluster.home / "certificates" / "alice.pem"
    stolen.parent.mkdir()
    stolen.write_text(Company(cluster.home / "elsewhere").path("root.crt").read_text())
    cluster.good(**declared)
    again = cluster.run(**declared)
    assert set(counts(again)) == {"0"}, again
    folder = cluster.home / "db-a"
    listed = ("-crl_check_all", "-CRLfile", str(folder / "crl.pem"), "-CAfile", str(folder / "ca.pem"))
    for name, purpose in (("member", "sslserver"), ("client", "sslclient")):
        path = str(folder / f"{name}.pem")
        openssl("verify", "-x509_strict", "-purpose", purpose, *listed, "-untrusted", path, path)
    assert (cluster.secrets / "authority" / "issuing" / "ca.pem").exists()
    before = cluster.files()
    outside = cluster.run(**declared, mongodb_tls_extra_names=["elsewhere.example"])
    assert "orders issuing authority,O=orders may not issue for elsewhere.example" in outside
    assert {path: data for path, data in cluster.files().items() if "pending" not in path} == before
    refused = cluster.run("replace", **declared, mongodb_tls_replace_phase="trust_both")
    assert (
        "orders: could not accept the declaration because an authority with an intermediate is not replaced while servers look at"
        " revocation lists, so set mongodb_tls_revocation: false until it is; nothing was changed." in refused
    )
    assert not cluster.secrets.joinpath("authority-next").exists()


def test_an_intermediate_comes_with_the_next_authority(cluster: Cluster) -> None:
    """In every phase hosts have certificates that those of another phase accept."""
    cluster.run()
    before = cluster.files()
    wanted: dict[str, Any] = {"mongodb_tls_intermediate": True}
    assert "orders authority,O=orders may sign no further authority (its path length is 0); replace that" in cluster.run(**wanted)
    assert cluster.files() == before
    cas: list[Path] = []
    members = [cluster.home / "db-a" / "member.pem"]
    for phase in ("trust_both", "reissue", "trust_new"):
        cluster.good("replace", **wanted, mongodb_tls_replace_phase=phase)
        for kind, kept in (("ca", cas), ("member", members)):
            copy = cluster.home / f"{kind}-{phase}.pem"
            copy.write_bytes((cluster.home / "db-a" / f"{kind}.pem").read_bytes())
            kept.append(copy)
    for ca, certificates in ((cas[0], members[1:3]), (cas[1], members[1:3]), (cas[2], members[2:])):
        for path in certificates:
            openssl("verify", "-x509_strict", "-CAfile", str(ca), "-untrusted", str(path), str(path))
    cluster.good("replaced", **wanted)
    assert (cluster.secrets / "authority" / "issuing" / "ca.key").exists()
    again = cluster.run(**wanted)
    assert set(counts(again)) == {"0"}, again


def test_killed_between_its_two_moves_the_next_run_finishes(cluster: Cluster) -> None:
    """A mv that ends Ansible instead of its second move."""
    cluster.run()
    cluster.run("replace", mongodb_tls_replace_phase="trust_both")
    old, new = ((cluster.secrets / name / "ca.pem").read_bytes() for name in ("authority", "authority-next"))
    programs, victim = cluster.home / "programs", cluster.home / "victim"
    programs.mkdir()
    kill = f'case "$*" in *-next\\ *) kill -KILL "$(cat {victim})"; exit 1;; esac'
    (programs / "mv").write_text(f'#!/bin/sh\n{kill}\nPATH="${{PATH#*:}}" exec mv "$@"\n')
    (programs / "mv").chmod(0o755)
    environment = {**cluster.environment(), "PATH": f"{programs}:{os.environ['PATH']}"}
    with subprocess.Popen(
        cluster.command("replaced", {}), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        victim.write_text(str(process.pid))
        assert process.wait(timeout=60) == -9
    folders = {path.name.partition("-former-")[0]: path for path in cluster.secrets.iterdir() if path.is_dir()}
    assert sorted(path.name for path in folders.values() if "former" not in path.name) == ["authority-next"]
    former = folders["authority"]
    assert former.name.startswith("authority-former-")

    # Until it is finished, the new authority is the one that counts, where it is.
    cluster.good(mongodb_tls_extra_names=["further"])
    assert not cluster.secrets.joinpath("authority").exists()
    assert set(counts(cluster.run("replace", mongodb_tls_replace_phase="trust_both"))) == {"0"}
    cluster.good("replaced")
    assert (cluster.secrets / "authority" / "ca.pem").read_bytes() == new
    assert (former / "ca.pem").read_bytes() == old
    assert sorted(path.name for path in cluster.secrets.iterdir() if path.is_dir()) == ["authority", former.name]
    assert set(counts(cluster.run(mongodb_tls_extra_names=["further"]))) == {"0"}


# a company's authority


def answer(cluster: Cluster, company: Company, name: str, days: int = 365) -> None:
    """What the company does with a request: it takes names and subject over, and looks at nothing else."""
    request = cluster.secrets / "requests" / f"{name}.csr"
    text = openssl("req", "-in", str(request), "-noout", "-text")
    found = re.search(r"Subject Alternative Name: *\n *(.*)", text)
    extensions = [MEMBER_USAGES if found else "extendedKeyUsage=clientAuth"]
    extensions += ["subjectAltName=" + found[1].replace("IP Address:", "IP:").replace(" ", "")] if found else []
    company.sign(name, "between", *extensions, request=request, days=days)
    request.with_suffix(".pem").write_bytes(company.path(f"{name}.crt").read_bytes())


def test_a_company_s_authority_by_requests_and_answers(tmp_path: Path) -> None:
    cluster, company = Cluster(tmp_path, ("db-a", "db-b")), Company(tmp_path / "company")
    declared = shown("Certificates by an authority of the company")
    assert set(declared) == {"mongodb_tls_trusted", "mongodb_tls_chain"}
    lists = "".join(company.revocation_list(name) for name in ("between", "root"))
    declared.update(mongodb_tls_revocation=True, mongodb_tls_crl=lists)
    requests = [f"{host}-{kind}" for host in cluster.hosts for kind in ("member", "client")]
    cluster.good("certificates", "--check", "--diff", **declared)
    assert not cluster.secrets.joinpath("requests").exists()
    assert counts(cluster.run(**declared), "failed") == ["1", "1"]
    folder = cluster.secrets / "requests"
    assert sorted(path.name for path in folder.iterdir()) == sorted([".gitignore", *(f"{name}.csr" for name in requests)])
    written = cluster.files()
    waiting = cluster.run(**declared)
    assert counts(waiting) == ["0", "0"], "requests that wait stay as they are"
    assert cluster.files() == written
    assert (
        f"db-b: could not go on because {tmp_path}/db-b/member.pem and {tmp_path}/db-b/client.pem cannot be used before"
        f" the company's authority has signed; have {folder}/db-b-member.csr and {folder}/db-b-client.csr signed" in waiting
    )

    for name in requests:
        answer(cluster, company, name, days=300)
    cluster.good(**declared)
    for host in cluster.hosts:
        path = str(tmp_path / host / "member.pem")
        openssl("verify", "-purpose", "sslserver", "-CAfile", str(tmp_path / host / "ca.pem"), "-untrusted", path, path)
    assert not cluster.secrets.joinpath("authority").exists()
    assert "because the certificates come from those in mongodb_tls_trusted" in cluster.run(
        "replace", mongodb_tls_replace_phase="trust_both", **declared
    )

    # Near its end a certificate is requested again, and serves until the answer is there.
    served = (tmp_path / "db-a" / "member.pem").read_bytes()
    near = {**declared, "mongodb_tls_renew_before": "320"}
    due = cluster.good(**near)
    assert "db-a/member.pem is to be replaced: it expires in 299 days, on" in due
    assert f"have {folder}/db-a-member.csr signed." in due
    quiet = cluster.good(**near)
    assert counts(quiet) == ["0", "0"], quiet
    renamed = cluster.run(**near, mongodb_tls_extra_names=["further"])
    assert "db-a: could not go on because" in renamed, "a name that is lacking is not left lacking"
    assert (tmp_path / "db-a" / "member.pem").read_bytes() == served
    for name in requests[:2]:
        answer(cluster, company, name)
    renewed = cluster.run(**near, mongodb_tls_extra_names=["further"])
    assert counts(renewed, "failed") == ["0", "1"], "the other host still waits"
    assert (tmp_path / "db-a" / "member.pem").read_bytes() != served


def test_a_company_s_files_and_what_does_not_go_together(cluster: Cluster) -> None:
    company = Company(cluster.home / "company")
    company.member(names=f"IP:127.0.0.1,IP:::1,DNS:localhost,DNS:db-a,IP:{ADDRESS}")
    company.request("db-a-client", "/O=orders/OU=hosts/CN=db-a")
    company.sign("db-a-client", "between", "extendedKeyUsage=clientAuth")
    declared: dict[str, Any] = {
        "mongodb_tls_trusted": company.path("root.crt").read_text(),
        "mongodb_tls_chain": company.path("between.crt").read_text(),
        "mongodb_tls_revocation": True,
        "mongodb_tls_crl": company.revocation_list("between") + company.revocation_list("root"),
        **{
            f"mongodb_tls_{kind}_source": {
                what: f"{company.home}/{{{{ inventory_hostname }}}}{suffix}.{ending}"
                for what, ending in (("certificate", "crt"), ("key", "key"))
            }
            for kind, suffix in (("member", ""), ("client", "-client"))
        },
    }
    cluster.good(**declared)
    again = cluster.run(**declared)
    assert set(counts(again)) == {"0"}, again
    assert not cluster.secrets.joinpath("requests").exists()
    revoked = {**declared, "mongodb_tls_crl": company.revocation_list("between", "db-a") + company.revocation_list("root")}
    assert "because it is revoked; correct that" in cluster.run(**revoked)
    before = cluster.files()
    for variables, reason in (
        ({"mongodb_tls_revoked": ["AB"]}, "no server looks at it without mongodb_tls_revocation: true"),
        ({**declared, "mongodb_tls_revoked": ["AB"]}, "the company alone revokes its certificates, whose lists belong into"),
        ({**declared, "mongodb_tls_intermediate": True}, "the certificates come from the authority in mongodb_tls_trusted"),
        ({"mongodb_tls_member_source": {"certificate": "/x"}}, "is declared and mongodb_tls_trusted is not"),
    ):
        told = cluster.run(**variables)
        assert "orders: could not accept the declaration because mongodb_tls_" in told
        assert reason in told
        assert cluster.files() == before
