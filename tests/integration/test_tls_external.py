# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a company's own authority, which openssl makes here: ready files, and requests signed elsewhere."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.harness import run_module
from integration.tls_site import MEMBER_USAGES, Company, Site, openssl


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path / "company")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def options(site: Site, company: Company, **member: Any) -> dict[str, Any]:
    declared = {"names": ["localhost"], "source": company.source(), **member}
    return {
        "mode": "external",
        "trusted": company.path("root.crt").read_text(),
        "ca_file": str(site.tls / "ca.pem"),
        "certificates": [site.member(**{name: value for name, value in declared.items() if value is not None})],
    }


def test_ready_files_are_taken_and_renewed_and_stay_where_they_are(site: Site, company: Company) -> None:
    company.member()
    before = {path: path.read_bytes() for path in company.home.iterdir()}
    predicted = site.good(options(site, company), "--check")
    assert site.files() == {}
    result = site.good(options(site, company))
    assert predicted["changes"] == result["changes"]
    sentence = f"take the member certificate {site.tls}/member.pem from its source: there is none yet"
    assert result["changes"] == [f"trust CN=root,O=Company,C=DE in {site.tls}/ca.pem", sentence]
    path = str(site.tls / "member.pem")
    assert (site.tls / "member.pem").stat().st_mode & 0o777 == 0o600
    openssl("verify", "-CAfile", str(site.tls / "ca.pem"), "-untrusted", path, "-purpose", "sslserver", path)
    assert {path: path.read_bytes() for path in company.home.iterdir()} == before
    assert not site.good(options(site, company))["changed"]

    company.member()
    renewed = run_module("mongodb_tls", **options(site, company))
    assert renewed["certificates"][0]["reasons"] == ["its source holds another certificate"]
    assert renewed["certificates"][0]["serial"] == openssl(
        "x509", "-in", str(company.path("db-a.crt")), "-noout", "-serial"
    ).strip().removeprefix("serial=")
    assert not run_module("mongodb_tls", **options(site, company))["changed"]

    company.member(days=100)
    near = run_module("mongodb_tls", **{**options(site, company), "renew_before": "120"})
    assert "db-a.crt is to be replaced: it expires in 99 days" in str(near["warnings"])


def cut(company: Company) -> None:
    path = company.path("db-a.crt")
    path.write_bytes(path.read_bytes()[:-40])


def foreign(company: Company) -> None:
    other = Company(company.home / "other")
    company.path("root.crt").write_bytes(other.path("root.crt").read_bytes())


# One of each way in which the answer comes about; all the reasons are told apart in the unit tests of ``judge`` and ``pem``.
BAD: dict[str, tuple[Callable[[Company], None], str]] = {
    "cut": (cut, "it cannot be used: it is cut off within a PEM block"),
    "foreign": (foreign, "it is not signed by the authority"),
    "expired": (lambda company: company.member(days=-1), "it expired on"),
    "wrong name": (lambda company: company.member(names="DNS:db-b.example"), "it is not valid for localhost"),
    "no key": (lambda company: company.path("db-a.key").unlink(), "db-a.key is not there"),
}


@pytest.mark.parametrize("kind", BAD)
def test_ready_files_that_cannot_be_used_are_refused_and_nothing_is_touched(site: Site, company: Company, kind: str) -> None:
    company.member()
    run_module("mongodb_tls", **options(site, company))
    before = site.files()
    damage, reason = BAD[kind]
    damage(company)
    for declared in (options(site, company), options(site, company, path=str(site.tls / "fresh.pem"))):
        result = run_module("mongodb_tls", **declared)
        assert result["failed"]
        if kind != "foreign":
            assert "could not take" in result["msg"]
            assert reason in result["msg"]
        else:
            assert "could not trust the authority" in result["msg"], "what the host trusts is not replaced either"
        assert site.files() == before


def test_a_foreign_certificate_on_a_fresh_host_and_a_revoked_one(site: Site, company: Company) -> None:
    company.member()
    foreign(company)
    assert "it is not signed by the authority" in run_module("mongodb_tls", **options(site, company))["msg"]
    assert site.files() == {}


def test_a_revoked_certificate_of_a_company_is_refused(site: Site, company: Company) -> None:
    company.member()
    lists = {name: company.revocation_list(name) for name in ("between", "root")}
    listed = {"crl_file": str(site.tls / "crl.pem"), "crl": lists["between"]}
    alone = run_module("mongodb_tls", **{**options(site, company), **listed})
    assert "there is no revocation list of CN=root,O=Company,C=DE" in alone["msg"]
    listed["crl"] = "".join(lists.values())
    assert run_module("mongodb_tls", **{**options(site, company), **listed})["changed"]
    path = str(site.tls / "member.pem")
    files = ("-CAfile", str(site.tls / "ca.pem"), "-untrusted", path, "-crl_check_all", "-CRLfile", str(site.tls / "crl.pem"))
    openssl("verify", *files, path)
    before = site.files()
    listed["crl"] = company.revocation_list("between", "db-a") + lists["root"]
    refused = run_module("mongodb_tls", **{**options(site, company), **listed})
    assert "because it is revoked; correct that" in refused["msg"]
    assert site.files() == before


def test_a_company_may_drop_what_has_expired_and_an_old_list_is_told_apart(site: Site, company: Company) -> None:
    company.member()
    company.member("laptop")
    first = "".join(company.revocation_list(name) for name in ("between", "root"))
    company.revocation_list("between", "laptop")
    time.sleep(1)  # what lists say of their time is whole seconds
    second = "".join(company.revocation_list(name) for name in ("between", "root"))
    time.sleep(1)
    company.path("between.index").write_text("")
    third = "".join(company.revocation_list(name) for name in ("between", "root"))

    def brought(lists: str) -> dict[str, Any]:
        return run_module("mongodb_tls", **{**options(site, company), "crl_file": str(site.tls / "crl.pem"), "crl": lists})

    assert brought(first)["changed"]
    assert brought(second)["changed"]
    assert "is older than the one on this host; bring the newest" in brought(first)["msg"]
    assert brought(third)["changed"]
    assert not brought(third)["changed"]


def test_a_request_is_signed_by_the_company_and_brought_back_without_its_chain(site: Site, company: Company) -> None:
    declared = options(site, company, source=None)
    (asked,) = site.good(declared)["certificates"]
    company.path("asked.csr").write_text(asked["request"])
    extensions = ("subjectAltName=DNS:localhost", MEMBER_USAGES)
    company.sign("asked", "between", *extensions)
    declared["certificates"][0]["certificate"] = company.path("asked.crt").read_text()
    assert "it is not signed by the authority" in run_module("mongodb_tls", **declared)["msg"]
    declared["chain"] = company.path("between.crt").read_text()
    assert site.good(declared)["certificates"][0]["issued"]
    path = str(site.tls / "member.pem")
    openssl("verify", "-CAfile", str(site.tls / "ca.pem"), "-untrusted", path, path)
    assert not site.good(declared)["changed"]


def test_modes_and_sources_that_do_not_fit_are_refused(site: Site, company: Company) -> None:
    private = site.options(site.member(source=company.source()))
    assert "give trusted instead of authority" in site.run(private)["msg"]
    assert "mode private needs authority" in site.run({**options(site, company), "mode": "private"})["msg"]


# clocks

SHIFTED = """
import datetime
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(minutes={minutes})
datetime.datetime = Shifted
"""


def interpreter(site: Site, minutes: float) -> tuple[str, str]:
    """A Python on the host whose clock is off."""
    folder = site.home / f"clock{minutes}"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIFTED.format(minutes=minutes))
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return "-e", f"ansible_python_interpreter={program}"


@pytest.mark.parametrize(("minutes", "off"), [(-7.5, "behind"), (7.5, "ahead of")])
def test_a_host_whose_clock_is_off_is_named_before_anything_is_signed(site: Site, minutes: float, off: str) -> None:
    words = interpreter(site, minutes)
    refused = site.run(None, *words)
    assert refused["failed"]
    assert f"db-a: could not issue certificates because its clock is 7 minutes {off} the controller's; set" in refused["msg"]
    assert not site.authority.exists()


def test_where_nothing_has_to_be_issued_a_clock_that_is_off_is_a_warning(site: Site) -> None:
    site.good()
    assert not site.good(None, *interpreter(site, 7.5))["changed"]
    assert "The clock of this host is 7 minutes ahead of the controller's" in " ".join(site.output.split())


def test_a_clock_within_the_allowance_is_none_to_speak_of(site: Site) -> None:
    assert site.good(None, *interpreter(site, -3))["changed"]
    assert "clock of this host" not in site.output
    subprocess.run(["openssl", "verify", "-CAfile", str(site.tls / "ca.pem"), str(site.tls / "client.pem")], check=True)
