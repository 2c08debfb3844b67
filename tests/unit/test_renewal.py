# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the issuer on a host renews, what it leaves alone, and what it must not put in place of a certificate in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import authority, judge, pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.library import validity
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of, make_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.renewal import Renewal
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import accepted

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NAMES = ("localhost", "127.0.0.1")
MEMBER = Wanted(Path("/unused"), "member", Subject("db-a", "orders", "members"), NAMES, days=30)
CLIENT = Wanted(Path("/unused"), "client", Subject("db-a", "orders", "hosts"), days=30)
ISSUER = Wanted(Path("/unused"), "issuer", Subject("db-a", "orders", "issuers"), days=60, vouches=(MEMBER, CLIENT))


def issue(by: pem.Pair, wanted: Wanted, at: datetime) -> pem.Pair:
    key = make_key(wanted.key_type)
    return pem.Pair(authority.sign(by, key.public_key(), wanted, at), by.chain, key)


class Host:
    """Files of a host, made at ``now``; ``told`` is what the run said."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.now = datetime.now(timezone.utc).replace(microsecond=0)
        self.told: list[str] = []
        key = make_key("ec-p256")
        self.authority = pem.Pair(
            authority.sign_authority(key, Subject("authority", "orders"), 1000, self.now, path_length=1), (), key
        )
        (home / "ca.pem").write_bytes(pem.write_certificates([self.authority.certificate]))
        self.put("issuer.pem", ISSUER, timedelta(0))
        self.put("member.pem", MEMBER, 25 * DAY)

    def put(self, name: str, wanted: Wanted, age: timedelta, by: pem.Pair | None = None) -> pem.Pair:
        pair = issue(by or self.authority, wanted, self.now - age)
        (self.home / name).write_bytes(pem.write_pair(pair))
        return pair

    def run(self, *entries: dict[str, Any], **options: Any) -> Sequence[Exception]:
        """One run over the member's certificate, and what failed."""
        member = {"path": str(self.home / "member.pem"), "names": NAMES, "days": 30}
        given = {
            "ca_file": str(self.home / "ca.pem"),
            "certificates": [*(entries or [member]), {"path": str(self.home / "issuer.pem"), "kind": "issuer"}],
            **options,
        }
        return self.renewal(given).certificates()

    def renewal(self, given: dict[str, Any]) -> Renewal:
        settings = accepted(given)
        issuer = settings.issuer()
        assert issuer
        return Renewal(settings, issuer, self.told.append)

    def member(self) -> pem.Pair:
        return pem.read_pair((self.home / "member.pem").read_bytes())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_is_near_its_end_is_renewed_with_a_key_of_its_own(host: Host) -> None:
    before = host.member()
    assert host.run() == []
    after = host.member()
    assert after.certificate.subject == before.certificate.subject
    assert not judge.key_matches(replace(after, key=before.key))
    assert judge.key_matches(after)
    assert abs(validity(after.certificate)[1] - host.now - 30 * DAY) < timedelta(minutes=2)
    assert [item.subject for item in after.chain] == [pem.read_pair((host.home / "issuer.pem").read_bytes()).certificate.subject]
    assert judge.faults(after, [host.authority.certificate], host.now, kind="member", names=NAMES) == []
    assert [line.split(":")[0] for line in host.told] == [f"renewed {host.home / 'member.pem'}"]


def test_nothing_else_is_touched(host: Host) -> None:
    host.put("member.pem", MEMBER, 5 * DAY)
    before = host.member()
    assert host.run() == []
    assert host.run({"path": str(host.home / "missing.pem")}) == []
    assert (host.member().certificate, host.told) == (before.certificate, [])
    assert not (host.home / "missing.pem").exists()


def test_days_before_the_end_are_as_declared(host: Host) -> None:
    before = host.member()
    assert host.run(renew_before="4") == []
    assert host.member().certificate == before.certificate
    assert host.run(renew_before="6") == []
    assert host.member().certificate != before.certificate


def test_owner_and_mode_stay(host: Host) -> None:
    path = host.home / "member.pem"
    path.chmod(0o640)
    assert host.run() == []
    assert path.stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(
    ("present", "names", "reason"),
    [
        (MEMBER, (*NAMES, "db-b"), "it is not valid for db-b"),
        (CLIENT, (), "its extended key usage does not allow it as a server"),
    ],
)
def test_a_new_one_that_would_be_refused_never_takes_the_place_of_one_that_works(
    host: Host, present: Wanted, names: Sequence[str], reason: str
) -> None:
    """A new certificate says what the present one does, which a declaration may have left behind."""
    host.put("member.pem", present, 25 * DAY)
    before = (host.home / "member.pem").read_bytes()
    (failure,) = host.run({"path": str(host.home / "member.pem"), "days": 30, "names": names})
    assert reason in str(failure)
    assert ((host.home / "member.pem").read_bytes(), host.told) == (before, [])


def test_nobody_is_vouched_for_beyond_what_the_issuer_may_sign(host: Host) -> None:
    host.put("member.pem", replace(MEMBER, names=("localhost", "db-z")), 25 * DAY)
    before = (host.home / "member.pem").read_bytes()
    (failure,) = host.run({"path": str(host.home / "member.pem"), "days": 30})
    assert "the issuer does not vouch for db-z" in str(failure)
    assert (host.home / "member.pem").read_bytes() == before


@pytest.mark.parametrize(
    ("wanted", "age", "reason"),
    [
        (replace(MEMBER, days=60), timedelta(0), "it may not sign certificates"),
        (replace(ISSUER, days=20), 20 * DAY, "it expired on"),
        (replace(ISSUER, days=60), -DAY, "it is not valid before"),
    ],
)
def test_an_issuer_that_may_not_sign_renews_nothing(host: Host, wanted: Wanted, age: timedelta, reason: str) -> None:
    before = host.member()
    host.put("issuer.pem", wanted, age)
    (failure,) = host.run()
    assert reason in str(failure)
    assert (host.member().certificate, host.told) == (before.certificate, [])


def test_one_failure_does_not_keep_others_from_being_renewed(host: Host) -> None:
    (host.home / "client.pem").write_text("nonsense")
    entries = [
        {"path": str(host.home / name), "kind": kind} for name, kind in (("client.pem", "client"), ("member.pem", "member"))
    ]
    (failure,) = host.run(*entries)
    assert f"renew {host.home / 'client.pem'}" in str(failure)
    assert len(host.told) == 1


@pytest.mark.parametrize(("gain", "renewed"), [(DAY, True), (DAY - SECOND, False), (-DAY, False)])
def test_a_new_one_lives_a_day_longer_at_least(host: Host, gain: timedelta, renewed: bool) -> None:
    """None outlasts the issuer, and files that change for minutes would have servers rotate on every run."""
    before = validity(host.member().certificate)[1]
    issuer = replace(ISSUER, days=10)
    host.put("issuer.pem", issuer, host.now + 10 * DAY - before - gain)
    assert host.run() == []
    after = validity(host.member().certificate)[1]
    assert after - before == (gain if renewed else timedelta(0))


def test_a_kind_of_key_stays_and_one_that_is_not_made_any_more_gives_way(host: Host) -> None:
    host.put("member.pem", replace(MEMBER, key_type="rsa-3072"), 25 * DAY)
    assert host.run() == []
    assert key_type_of(host.member().certificate.public_key()) == "rsa-3072"


def test_its_own_is_what_the_issuer_signed(host: Host) -> None:
    entries = [
        {"path": str(host.home / name), "kind": kind} for name, kind in (("member.pem", "member"), ("issuer.pem", "issuer"))
    ]
    renewal = host.renewal({"ca_file": str(host.home / "ca.pem"), "certificates": entries})
    assert not renewal.is_own(str(host.home / "member.pem"))
    assert host.run() == []
    assert renewal.is_own(str(host.home / "member.pem"))
    assert not renewal.is_own(str(host.home / "missing.pem"))
    (host.home / "member.pem").write_text("nonsense")
    assert not renewal.is_own(str(host.home / "member.pem"))
