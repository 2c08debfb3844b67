# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several trusted authorities, and revocation, as Ansible brings them to hosts, judged by openssl."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from integration.tls_site import Site, openssl, serials

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import hexadecimal
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import currency
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject

PHRASE = "a phrase of the tests"


@pytest.fixture
def issued(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    assert site.good()["changed"]
    return site


def beside(site: Site, **options: Any) -> dict[str, Any]:
    """The site's options with further ones of its authority."""
    found = site.options()
    found["authority"].update(options)
    return found


def subjects_and_serials(path: Path) -> list[int]:
    return [item.serial_number for item in pem.read_certificates(path.read_bytes())]


def test_a_replacement_of_the_authority_step_by_step(issued: Site) -> None:
    """Trust both, issue by the new one, trust the new one only; each step is predicted and each is done once."""
    old, new = issued.authority, issued.authority.with_name("next")
    first = serials(issued.good())
    both = beside(issued, successor=str(new))
    predicted = issued.good(both, "--check")
    assert not new.exists()
    result = issued.good(both)
    assert predicted["changes"] == result["changes"]
    assert result["changes"] == [
        f"create the authority {new} on the controller",
        f"trust CN=MongoDB authority, CN=MongoDB authority in {issued.tls}/ca.pem",
    ]
    numbers = [subjects_and_serials(folder / "ca.pem")[0] for folder in (old, new)]
    assert subjects_and_serials(issued.tls / "ca.pem") == numbers
    assert serials(result) == first
    assert not issued.good(both)["changed"]

    by_new = beside(issued, dir=str(new), former=str(old))
    result = issued.good(by_new)
    name = f"it is signed by CN=MongoDB authority (serial {hexadecimal(numbers[0])}), which is trusted and signs no more"
    assert [entry["reasons"] for entry in result["certificates"]] == [[name], [name]]
    assert subjects_and_serials(issued.tls / "ca.pem") == numbers[::-1]
    openssl("verify", "-x509_strict", "-CAfile", str(new / "ca.pem"), str(issued.tls / "member.pem"))
    assert serials(issued.good(both)) == serials(result), "a run by the old declaration keeps what the successor has signed"
    issued.good(by_new)

    alone = beside(issued, dir=str(new))
    assert issued.good(alone)["changes"] == [f"trust CN=MongoDB authority in {issued.tls}/ca.pem"]
    assert subjects_and_serials(issued.tls / "ca.pem") == numbers[1:]
    refused = issued.run()
    assert "could not trust the authority in" in refused["msg"], "the old one alone would cut this host off"


def test_an_authority_of_others_is_trusted_and_signs_nothing_here(issued: Site, tmp_path: Path) -> None:
    other = authority.AuthorityFolder(tmp_path / "other", Subject("Applications"), passphrase=PHRASE)
    certificate = other.opened(datetime.now(timezone.utc))[0].certificate
    text = pem.write_certificates([certificate]).decode()
    before = issued.files()
    told = issued.run(issued.options(also_trust=[text]))["msg"]
    assert "could not trust CN=Applications because it could sign certificates of members and for the servers' name" in told
    assert issued.files() == before
    result = issued.good(issued.options(also_trust=[text], also_trust_as_members=True))
    assert result["changes"] == [f"trust CN=MongoDB authority, CN=Applications in {issued.tls}/ca.pem"]
    before = issued.files()
    lost = issued.run(issued.options(also_trust=["nonsense"], also_trust_as_members=True))
    assert "could not use the authorities in also_trust because it is not PEM" in lost["msg"]
    twice = issued.run(beside(issued, successor=str(issued.authority)))
    assert "because it is declared twice" in twice["msg"]
    missing = issued.run(beside(issued, former=str(tmp_path / "missing")))
    assert "because it is not there; put it back from your backup" in missing["msg"]
    assert issued.files() == before


def revoking(site: Site, *revoked: str, **options: Any) -> dict[str, Any]:
    return {**beside(site, revoked=list(revoked), **options), "crl_file": str(site.tls / "crl.pem")}


def test_a_revoked_certificate_is_issued_again_and_refused_by_openssl(issued: Site) -> None:
    kept = issued.home / "stolen.pem"
    kept.write_bytes((issued.tls / "client.pem").read_bytes())
    number = pem.read_pair(kept.read_bytes()).certificate.serial_number
    options = revoking(issued, str(kept))
    predicted = issued.good(options, "--check")
    assert not (issued.authority / "crl.pem").exists()
    assert not (issued.tls / "crl.pem").exists()
    result = issued.good(options)
    assert predicted["changes"] == result["changes"]
    assert result["changes"][0] == (
        f"make a revocation list of the authority {issued.authority} on the controller, which revokes {hexadecimal(number)}"
    )
    assert [entry["issued"] for entry in result["certificates"]] == [False, True]
    assert result["certificates"][1]["reasons"] == ["it is revoked"]
    listed = ("-crl_check_all", "-CRLfile", str(issued.tls / "crl.pem"), "-CAfile", str(issued.tls / "ca.pem"))
    for name in ("member", "client"):
        openssl("verify", "-x509_strict", *listed, str(issued.tls / f"{name}.pem"))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        openssl("verify", *listed, str(kept))
    assert "certificate revoked" in refused.value.stderr
    assert not issued.good(options)["changed"]

    again = issued.good(revoking(issued))
    assert not again["changed"], "a revocation stays when its entry leaves the declaration"
    further = issued.good(revoking(issued, "00:AB", "cafe"))
    assert further["changes"][0].endswith("which revokes AB, CAFE")
    assert revocation.serials(pem.read_lists((issued.tls / "crl.pem").read_bytes())[0]) == {number, 0xAB, 0xCAFE}


def test_a_revocation_list_is_made_anew_long_before_its_end(issued: Site) -> None:
    issued.good(revoking(issued, "AB", crl_days=400))
    path = issued.authority / "crl.pem"
    (young,) = pem.read_lists(path.read_bytes())
    start, end = currency(young)
    assert end - start == timedelta(days=400, minutes=5)
    passphrase = (issued.home / "controller" / "passphrase").read_text().strip()
    folder = authority.AuthorityFolder(issued.authority, Subject("x"), passphrase=passphrase)
    then = datetime.now(timezone.utc) - timedelta(days=201)
    aged = revocation.sign_list(folder.opened(then)[0], young, (), 400, then)
    path.write_bytes(pem.write_lists([aged]))
    result = issued.good(revoking(issued, crl_days=400))
    assert result["changes"] == [
        f"make a revocation list of the authority {issued.authority} on the controller",
        f"have the revocation lists of CN=MongoDB authority in {issued.tls}/crl.pem",
    ]
    (renewed,) = pem.read_lists((issued.tls / "crl.pem").read_bytes())
    assert currency(renewed)[1] > datetime.now(timezone.utc) + timedelta(days=399)
    assert revocation.serials(renewed) == {0xAB}


def test_lists_that_would_shut_out_or_let_in_again_are_refused(issued: Site, tmp_path: Path) -> None:
    issued.good(revoking(issued, "AB"))
    before = issued.files()
    (issued.authority / "crl.pem").unlink()
    forgotten = issued.run(revoking(issued))
    assert "certificates that this host knows as revoked would come in again, serials AB" in forgotten["msg"]
    issued.good(revoking(issued, "AB"))
    before = issued.files()

    now = datetime.now(timezone.utc)
    other = authority.AuthorityFolder(tmp_path / "other", Subject("Applications"), passphrase=PHRASE)
    pair = other.opened(now)[0]
    trusting = {
        **revoking(issued),
        "also_trust_as_members": True,
        "also_trust": [pem.write_certificates([pair.certificate]).decode()],
    }
    expired = revocation.sign_list(pair, None, (), 1, now - timedelta(days=2))
    future = revocation.sign_list(pair, None, (), 9, now + timedelta(days=1))
    forged = revocation.sign_list(pem.Pair(pair.certificate, (), folder_key(tmp_path)), None, (), 9, now)
    wrong = {
        "there is no revocation list of CN=Applications": "",
        "the revocation list of CN=Applications expired on": pem.write_lists([expired]).decode(),
        "the revocation list of CN=Applications is not valid before": pem.write_lists([future]).decode(),
        "the revocation list of CN=Applications is not signed by a trusted": pem.write_lists([forged]).decode(),
        "could not use the revocation lists in crl because it is not PEM": "nonsense",
    }
    for reason, text in wrong.items():
        result = issued.run({**trusting, "crl": text})
        assert result["failed"], reason
        assert reason in result["msg"]
        assert issued.files() == before
    good = pem.write_lists([revocation.sign_list(pair, None, [1], 9, now)]).decode()
    assert issued.good({**trusting, "crl": good})["changed"]
    assert not issued.good({**trusting, "crl": good})["changed"]


def folder_key(home: Path) -> Any:
    folder = authority.AuthorityFolder(home / "forger", Subject("Applications"), passphrase=PHRASE)
    return folder.opened(datetime.now(timezone.utc))[0].key


def test_revocation_before_there_is_an_authority_and_through_its_replacement(tmp_path: Path) -> None:
    site = Site(tmp_path)
    options = revoking(site, "AB")
    predicted = site.good(options, "--check")
    assert f"have the revocation list of the new authority in {site.tls}/crl.pem" in predicted["changes"]
    assert site.files() == {}
    site.good(options)
    former = site.home / "former.pem"
    former.write_bytes((site.tls / "client.pem").read_bytes())
    new = site.authority.with_name("next")
    site.good(revoking(site, successor=str(new)))
    result = site.good(revoking(site, dir=str(new), former=str(site.authority)))
    assert [entry["issued"] for entry in result["certificates"]] == [True, True]
    assert len(pem.read_lists((site.tls / "crl.pem").read_bytes())) == 2
    listed = ("-crl_check_all", "-CRLfile", str(site.tls / "crl.pem"), "-CAfile", str(site.tls / "ca.pem"))
    for path in (former, site.tls / "client.pem"):
        openssl("verify", "-x509_strict", *listed, str(path))
    without_file = site.run(beside(site, revoked=["AB"]))
    assert "because no server would learn of them without a file; set crl_file" in without_file["msg"]
    own = f"{subjects_and_serials(site.authority / 'ca.pem')[0]:X}"
    assert "its own certificate is among those to revoke" in site.run(revoking(site, own))["msg"]


# an intermediate, and names that are permitted

PERMITTED = ["orders.example.com", "localhost", "127.0.0.0/8", "::1/128"]


def with_intermediate(site: Site, **options: Any) -> dict[str, Any]:
    between = {"dir": str(site.authority.with_name("between")), "days": 900}
    found = beside(site, intermediate=between, permitted_names=PERMITTED, **options)
    found["crl_file"] = str(site.tls / "crl.pem")
    found["certificates"].append(
        site.client(path=str(site.tls / "backup.pem"), kind="backup", common_name="vault", organizational_unit="backups")
    )
    return found


def test_an_intermediate_signs_and_its_authority_may_be_away(tmp_path: Path) -> None:
    site = Site(tmp_path)
    between = site.authority.with_name("between")
    options = with_intermediate(site)
    predicted = site.good(options, "--check")
    assert site.files() == {}
    result = site.good(options)
    created = [f"create the authority {folder} on the controller" for folder in (site.authority, between)]
    assert [change for change in result["changes"] if change.startswith("create")] == created
    assert {change for change in predicted["changes"] if change.startswith("create")} == set(created)
    assert result["intermediate"]["subject"] == "CN=MongoDB issuing authority"
    assert subjects_and_serials(site.tls / "ca.pem") == subjects_and_serials(site.authority / "ca.pem")
    assert not site.good(options)["changed"]

    root, listed = str(site.tls / "ca.pem"), ("-crl_check_all", "-CRLfile", str(site.tls / "crl.pem"))
    for name, purpose in (("member", "sslserver"), ("member", "sslclient"), ("client", "sslclient"), ("backup", "sslclient")):
        path = site.tls / f"{name}.pem"
        assert len(pem.read_certificates(path.read_bytes())) == 2, "the intermediate follows the certificate"
        strict = ("verify", "-x509_strict", "-purpose", purpose, "-CAfile", root, "-untrusted", str(path), *listed)
        openssl(*strict, str(path))
    with pytest.raises(subprocess.CalledProcessError):
        openssl("verify", "-CAfile", root, str(site.tls / "member.pem"))

    ends = [currency(item)[1] - datetime.now(timezone.utc) for item in pem.read_lists((site.tls / "crl.pem").read_bytes())]
    assert [round(left / timedelta(days=1)) for left in ends] == [365, 900], "the authority's lasts while its key is away"
    (site.authority / "ca.key").rename(site.home / "safe.key")
    options["certificates"][1]["common_name"] = "other"
    assert [entry["issued"] for entry in site.good(options)["certificates"]] == [False, True, False]
    age_intermediate(site, between, days=700)
    assert site.good(options)["intermediate"]["days_left"] == 199
    assert "bring its key back for a run" in " ".join(site.output.split())
    (site.home / "safe.key").rename(site.authority / "ca.key")
    for words in (("--check",), ()):
        renewed = site.good(options, *words)
        assert f"sign the intermediate authority {between} on the controller again" in renewed["changes"][0]
    assert renewed["intermediate"]["days_left"] == 899
    assert [entry["issued"] for entry in renewed["certificates"]] == [False, False, False]
    assert not site.good(options)["changed"]


def age_intermediate(site: Site, folder: Path, days: int) -> None:
    phrase = (site.home / "controller" / "passphrase").read_text().strip()
    (site.home / "safe.key").rename(site.authority / "ca.key")
    root = authority.AuthorityFolder(site.authority, Subject("x"), passphrase=phrase).opened(datetime.now(timezone.utc))[0]
    key = authority.AuthorityFolder(folder, Subject("x"), passphrase=phrase).opened(datetime.now(timezone.utc))[0].key
    then = datetime.now(timezone.utc) - timedelta(days=days)
    aged = authority.sign_authority(key, Subject("MongoDB issuing authority"), 900, then, by=root)
    (folder / "ca.pem").write_bytes(pem.write_certificates([aged]))
    (site.authority / "ca.key").rename(site.home / "safe.key")


def test_names_outside_what_is_permitted_are_refused_before_issue(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.good(with_intermediate(site))
    before = site.files()
    for options, outside in (
        ({"names": ["localhost", "db-a.elsewhere.example"]}, "db-a.elsewhere.example"),
        ({"names": ["localhost", "192.0.2.1"]}, "192.0.2.1"),
        ({"names": ["127.0.0.1"], "common_name": "db-a.elsewhere.example"}, "db-a.elsewhere.example"),
    ):
        declared = with_intermediate(site)
        declared["certificates"][0].update(options)
        result = site.run(declared)
        assert f"authority may not issue for {outside}; declare other names" in result["msg"]
        assert {name: data for name, data in site.files().items() if not name.endswith(".pending")} == before
    inside = with_intermediate(site)
    inside["certificates"][0]["names"] += ["db-a.orders.example.com"]
    inside["certificates"][0]["common_name"] = "db-a.orders.example.com"
    assert site.good(inside)["certificates"][0]["issued"]
    path = str(site.tls / "member.pem")
    openssl("verify", "-x509_strict", "-CAfile", str(site.tls / "ca.pem"), "-untrusted", path, path)


def test_an_authority_of_one_level_takes_no_intermediate(issued: Site) -> None:
    options = beside(issued, intermediate={"dir": str(issued.authority.with_name("between"))})
    options["certificates"][1]["common_name"] = "other"
    refused = issued.run(options)
    assert "CN=MongoDB authority may sign no further authority (its path length is 0)" in refused["msg"]
