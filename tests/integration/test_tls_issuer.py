# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An issuer on a host: what signs it, for what it vouches, and what becomes of certificates that it signed."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from integration.tls_site import Site

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.renewal import Renewal
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import CertificateSettings, WatchedCertificate
from lab.certificates import issue

KINDS = ("member", "client", "issuer")


def options(site: Site, *, issuers: bool = True, member: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    issuer = site.client(path=str(site.tls / "issuer.pem"), kind="issuer", organizational_unit="issuers", days=90)
    found = site.options(site.member(**(member or {})), site.client(), issuer)
    found["authority"] = {**found["authority"], "issuers": issuers, **more}
    return found


def age(site: Site, folder: str = "authority") -> None:
    """Put a member certificate in place that was issued 25 of its 30 days ago."""
    by = site.opened(folder)
    wanted = Wanted(Path("/unused"), "member", Subject("db-a", "orders", "members"), ("localhost", "127.0.0.1", "::1"), days=30)
    pair = issue(by, wanted, datetime.now(timezone.utc) - timedelta(days=25))
    pair = replace(pair, chain=() if folder == "authority" else (by.certificate,))
    (site.tls / "member.pem").write_bytes(pem.write_pair(pair))


def renew(site: Site) -> list[str]:
    """What the timer does."""
    told: list[str] = []
    certificates = tuple(WatchedCertificate(str(site.tls / f"{kind}.pem"), kind, days=30) for kind in KINDS)
    renewal = Renewal(CertificateSettings(str(site.tls / "ca.pem"), certificates), certificates[-1], told.append)
    assert renewal.certificates() == []
    return [line.partition(":")[0] for line in told]


def accepted(site: Site, name: str) -> str:
    """By openssl, with all strictness; why not, or nothing."""
    found = pem.read_pair((site.tls / f"{name}.pem").read_bytes())
    (site.home / "leaf.crt").write_bytes(pem.write_certificates([found.certificate]))
    (site.home / "chain.crt").write_bytes(pem.write_certificates(found.chain))
    chain = ["-untrusted", str(site.home / "chain.crt")] if found.chain else []
    words = ["openssl", "verify", "-x509_strict", "-CAfile", str(site.tls / "ca.pem"), *chain, str(site.home / "leaf.crt")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def test_it_is_issued_beside_the_others_and_follows_them(tmp_path: Path) -> None:
    site = Site(tmp_path)
    first = site.good(options(site))
    assert [entry["kind"] for entry in first["certificates"]] == ["member", "client", "issuer"]
    assert accepted(site, "issuer") == ""
    assert site.good(options(site))["changed"] is False
    wider = {"names": ["localhost", "127.0.0.1", "::1", "db-a.example.com"]}
    changed = site.good(options(site, member=wider))
    reasons = {entry["kind"]: entry["reasons"] for entry in changed["certificates"]}
    assert reasons == {
        "member": ["it is not valid for db-a.example.com"],
        "client": [],
        "issuer": ["its limit of names is not that of an issuer certificate"],
    }


@pytest.mark.parametrize("folder", ["authority", "between"])
def test_what_it_renewed_is_kept_by_the_next_run(tmp_path: Path, folder: str) -> None:
    site = Site(tmp_path)
    between = {} if folder == "authority" else {"intermediate": {"dir": str(site.home / "controller" / folder)}}
    site.good(options(site, **between))
    assert accepted(site, "issuer") == ""
    age(site, folder)
    assert renew(site) == [f"renewed {site.tls / 'member.pem'}"]
    assert accepted(site, "member") == ""
    found = pem.read_pair((site.tls / "member.pem").read_bytes())
    issuer = pem.read_pair((site.tls / "issuer.pem").read_bytes())
    assert found.chain == (issuer.certificate, *issuer.chain)
    assert site.good(options(site, **between))["changed"] is False
    assert renew(site) == []


def test_an_authority_without_room_signs_none_and_nothing_is_changed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.good()
    files = site.files()
    refused = site.run(options(site))
    assert refused["failed"]
    assert (
        "CN=MongoDB authority was created without room for one (its path length is 0); replace that authority" in refused["msg"]
    )
    assert {name: data for name, data in site.files().items() if not name.endswith(".pending")} == files
    assert site.good()["changed"] is False


def test_what_leads_to_a_former_authority_is_issued_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.good(options(site))
    age(site)
    assert renew(site)
    moved = options(site, dir=str(site.home / "controller" / "next"), former=str(site.authority))
    result = site.good(moved)
    assert [entry["issued"] for entry in result["certificates"]] == [True, True, True]
    assert {text.rpartition(", ")[2] for entry in result["certificates"] for text in entry["reasons"]} == {
        "which is trusted and signs no more"
    }
    assert accepted(site, "issuer") == accepted(site, "member") == ""
    assert site.good(moved)["changed"] is False
