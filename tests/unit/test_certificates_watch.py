# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timer over certificates, without hosts: settings, sentences, what a server presents, metrics."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch import certificates
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.settings import (
    WatchedCertificate,
    WatchedServer,
    accepted,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
PATH = "/etc/stronghold/tls/member.pem"
GOOD = {"ca_file": "/ca.pem", "certificates": [{"path": PATH}], "servers": [{"host": "localhost", "path": PATH}]}


def certificate(**fields: Any) -> dict[str, Any]:
    return {
        "path": PATH,
        "kind": "member",
        "subject": "CN=db-a,O=orders",
        "serial": "0A",
        "not_after": "2026-12-25T12:00:00Z",
        "days_left": 30,
        "near_end": False,
        "problems": [],
        **fields,
    }


def sentence(subject: certificates.Subject) -> str:
    return str(subject.failure("db-a") or "")


def test_settings_are_completed() -> None:
    found = accepted(GOOD)
    assert found.certificates == (WatchedCertificate(PATH, "member", (), 365),)
    assert found.servers == (WatchedServer("localhost", PATH, 27017, None, None),)
    assert (found.renew_before, found.timeout, found.crl_file, found.metrics_file) == ("third", 10, None, None)
    assert found.issuer() is None
    issuer = {"path": "/issuer.pem", "kind": "issuer"}
    assert accepted({**GOOD, "certificates": [{"path": PATH}, issuer]}).issuer() == WatchedCertificate(**issuer)


def test_metrics_that_wait_in_vain_hide_nothing_else(tmp_path: Path, locks_folder: Path) -> None:
    locks_folder.parent.mkdir(exist_ok=True)
    locks_folder.touch()
    missing = {"ca_file": str(tmp_path / "ca.pem"), "certificates": [{"path": str(tmp_path / "member.pem")}]}
    settings = accepted({**missing, "metrics_file": str(tmp_path / "certificates.prom")})
    told = [error.attempt for error in certificates.watch(settings, lambda _line: None)]
    assert told[-1] == f"write {tmp_path / 'certificates.prom'}"
    assert f"vouch for {tmp_path / 'member.pem'}" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colour": "blue"}, "it knows no colour"),
        ({"certificates": [{}], "servers": []}, "a certificate has no path"),
        ({"certificates": [{"path": PATH}, *({"path": f"/{n}.pem", "kind": "issuer"} for n in "ab")]}, "more than one issuer"),
        ({"servers": [{"path": PATH}]}, "a server has no host"),
        ({"servers": {"path": PATH}}, "servers is no list"),
        ({"servers": [{"host": "mongodb://a", "path": PATH}]}, "of a server host takes the name or the address of one server"),
        ({"servers": [{"host": "a:1", "port": 2, "path": PATH}]}, "'a:1' contradicts port, which is 2"),
        ({"certificates": [PATH]}, "a certificate is not an object"),
        ({"certificates": [{"path": PATH, "size": 1}]}, "a certificate knows no size"),
        ({"servers": [{"host": "localhost", "path": "/other.pem"}]}, "the path of a server is that of no certificate"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(StrongholdError, match=told):
        accepted({**GOOD, **change})


def test_settings_that_are_missing_are_named() -> None:
    with pytest.raises(StrongholdError, match="it has no ca_file; it has no certificates"):
        accepted({})


def test_a_good_certificate_is_a_line_and_no_failure() -> None:
    subject = certificates.of_certificate(certificate())
    assert subject.line() == f"{PATH}: serial 0A, 30 days left, until 2026-12-25T12:00:00Z"
    assert sentence(subject) == ""


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"near_end": True}, "it ends in 30 days, on 2026-12-25T12:00:00Z"),
        ({"near_end": True, "days_left": -1, "problems": ["it expired on 2026-11-24"]}, "it expired on 2026-11-24"),
        ({"near_end": True, "problems": ["it is revoked"]}, "it is revoked; it ends in 30 days, on 2026-12-25T12:00:00Z"),
    ],
)
def test_what_needs_somebody_is_one_sentence(fields: dict[str, Any], reason: str) -> None:
    told = sentence(certificates.of_certificate(certificate(**fields)))
    assert told == f"db-a: could not vouch for {PATH} because {reason}; run the playbook stronghold.mongodb.site."


def test_an_authority_is_replaced_and_not_renewed() -> None:
    name = "the authority CN=db-a,O=orders in /ca.pem"
    for fields, reason in (
        ({"near_end": True}, "it ends in 30 days, on 2026-12-25T12:00:00Z"),
        ({"near_end": True, "days_left": -1}, "it expired on 2026-12-25T12:00:00Z"),
    ):
        told = sentence(certificates.of_authority(certificate(**fields), "/ca.pem"))
        assert told.startswith(f"db-a: could not vouch for {name} because {reason}; replace it")
        assert "stronghold.mongodb.replace_authority" in told


def served(**fields: Any) -> dict[str, Any]:
    seen = {"presented": {"serial": "0B"}, "verified": True, "matches_file": True, "answered": True, "problems": []}
    return {"host": "localhost", "port": 27017, **seen, **fields}


REFUSED = {"verified": False, "problems": ["certificate has expired"]}


@pytest.mark.parametrize(
    ("fields", "age", "notes", "problems"),
    [
        ({}, 1e6, [], []),
        ({"matches_file": False}, 1e6, [], ["localhost:27017 still presents serial 0B"]),
        ({"matches_file": False}, 60, ["localhost:27017 still presents serial 0B"], []),
        (REFUSED, 60, [], ["clients refuse localhost:27017 (certificate has expired)"]),
        (
            {"presented": None, "matches_file": False, **REFUSED},
            1e6,
            [],
            ["clients refuse localhost:27017 (certificate has expired)"],
        ),
        (
            {"answered": False, "presented": None, "matches_file": False, "verified": False, "problems": ["refused"]},
            1e6,
            ["localhost:27017 does not answer (refused), so that what it presents is unknown"],
            [],
        ),
    ],
)
def test_what_a_server_presents(fields: dict[str, Any], age: float, notes: list[str], problems: list[str]) -> None:
    assert certificates.compared(served(**fields), age) == (notes, problems)


def text(*subjects: certificates.Subject) -> str:
    return "".join(gauge.text() for gauge in certificates.gauges(subjects, NOW))


def test_metrics_of_a_certificate() -> None:
    labels = f'{{path="{PATH}",kind="member",subject="CN=db-a,O=orders",serial="0A"}}'
    lines = [line for line in text(certificates.of_certificate(certificate(near_end=True))).splitlines() if line[0] != "#"]
    assert lines == [
        f"mongodb_certificate_not_after_seconds{labels} {datetime(2026, 12, 25, 12, tzinfo=timezone.utc).timestamp():.0f}",
        f"mongodb_certificate_near_end{labels} 1",
        f"mongodb_certificate_problems{labels} 0",
        f"mongodb_certificate_looked_at_seconds {NOW.timestamp():.0f}",
    ]


def test_a_file_that_cannot_be_read_has_problems_and_no_end() -> None:
    nothing = dict.fromkeys(("subject", "serial", "not_after", "days_left", "near_end"))
    told = text(certificates.of_certificate(certificate(**nothing, problems=["there is no such file"])))
    assert f'mongodb_certificate_problems{{path="{PATH}",kind="member"}} 1\n' in told
    assert "not_after_seconds{" not in told


def test_of_two_with_the_same_labels_the_sooner_end_counts() -> None:
    """Two series of one name would make the collector throw away the whole file."""
    item = {"issuer": "CN=authority", "near_end": False, "problems": []}
    late = certificates.of_list({**item, "next_update": "2027-12-25T12:00:00Z", "days_left": 395}, "/crl.pem")
    soon = certificates.of_list({**item, "next_update": "2026-12-25T12:00:00Z", "days_left": 30}, "/crl.pem")
    ends = [line for line in text(late, soon).splitlines() if line.startswith("mongodb_certificate_not_after_seconds{")]
    labels = '{path="/crl.pem",kind="revocation_list",subject="CN=authority"}'
    assert ends == [
        f"mongodb_certificate_not_after_seconds{labels} {datetime(2026, 12, 25, 12, tzinfo=timezone.utc).timestamp():.0f}"
    ]


def test_labels_are_escaped() -> None:
    gauge = metrics.Gauge("a", "Purpose.")
    gauge.add({"subject": 'CN=a\\,b"c\nd', "serial": ""}, 1)
    assert gauge.text() == '# HELP a Purpose.\n# TYPE a gauge\na{subject="CN=a\\\\,b\\"c\\nd"} 1\n'


def test_a_family_without_samples_is_left_out_and_the_file_is_readable_by_all(tmp_path: Path) -> None:
    full = metrics.Gauge("a", "Purpose.", [({}, 1)])
    metrics.write(tmp_path / "x.prom", [full, metrics.Gauge("b", "Purpose.")])
    assert (tmp_path / "x.prom").read_text() == full.text()
    assert (tmp_path / "x.prom").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["x.prom"]


@pytest.mark.parametrize(("age", "others_turn"), [(0, True), (3599, True), (3600, False), (3601, False)])
def test_a_server_has_an_hour_to_take_up_its_file(age: float, others_turn: bool) -> None:
    notes, problems = certificates.compared(served(matches_file=False), age)
    assert (bool(notes), bool(problems)) == (others_turn, not others_turn)


def test_a_server_that_presents_something_old_may_be_refused_as_well() -> None:
    both = served(matches_file=False, **REFUSED)
    refused = "clients refuse localhost:27017 (certificate has expired)"
    other = "localhost:27017 still presents serial 0B"
    assert certificates.compared(both, 0) == ([other], [refused])
    assert certificates.compared(both, 3600) == ([], [other, refused])


@pytest.mark.parametrize(("near", "days", "told"), [(True, 0, True), (True, 1, True), (True, -1, False), (False, 1, False)])
def test_an_end_that_is_near_needs_somebody_and_one_that_has_come_is_a_problem(near: bool, days: int, told: bool) -> None:
    assert bool(sentence(certificates.of_certificate(certificate(near_end=near, days_left=days)))) is told


@pytest.mark.parametrize(("days", "over"), [(-1, True), (0, False)])
def test_an_authority_is_over_after_its_last_day(days: int, over: bool) -> None:
    found = certificates.of_authority(certificate(days_left=days), "/ca.pem")
    assert found.problems == (["it expired on 2026-12-25T12:00:00Z"] if over else [])


def test_settings_are_refused_for_each_server_and_each_certificate() -> None:
    other = {"path": "/tls/client.pem", "kind": "client"}
    issuer = {"path": "/tls/issuer.pem", "kind": "issuer"}
    good = {**GOOD, "certificates": [{"path": PATH}, other, issuer]}
    assert len(accepted(good).certificates) == 3
    server = {"host": "localhost", "path": PATH}
    for change, told in (
        ({"certificates": [{"path": PATH}, {"kind": "client"}]}, "a certificate has no path"),
        ({"servers": [server, {"path": PATH}]}, "a server has no host"),
        ({"servers": [server, {"host": "localhost"}]}, "a server has no path"),
    ):
        with pytest.raises(StrongholdError, match=told):
            accepted({**good, **change})
