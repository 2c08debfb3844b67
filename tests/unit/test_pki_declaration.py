# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declarations that are refused before anything is done, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import argument_spec, wanted_certificates
from ansible_collections.stronghold.mongodb.plugins.modules import mongodb_tls_info
from ansible_collections.stronghold.mongodb.plugins.modules.mongodb_tls import DOCUMENTATION


def entry(**options: Any) -> dict[str, Any]:
    return {
        "path": "/tls/member.pem",
        "kind": "member",
        "common_name": "db-a",
        "organization": "orders",
        "organizational_unit": "members",
        "names": ["DB-A"],
        "days": 90,
        "key_type": "ec-p256",
        "owner": None,
        "group": None,
        "mode": "0600",
        "certificate": None,
        **options,
    }


def client(**options: Any) -> dict[str, Any]:
    return entry(path="/tls/client.pem", kind="client", organizational_unit="clients", names=[], **options)


def parse(*entries: dict[str, Any], renew_before: str = "third") -> Any:
    params = {"certificates": list(entries), "renew_before": renew_before, "ca_file": "/tls/ca.pem"}
    return wanted_certificates(params, "db-a")


def test_a_good_declaration() -> None:
    member, other = parse(entry(mode="640"), client(), renew_before="30")
    assert (member.names, member.mode, member.renew_before) == (("db-a",), 0o640, timedelta(days=30))
    assert (other.kind, other.names) == ("client", ())
    assert parse(client())[0].renew_before is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"names": ["db-a:27017"]}, "'db-a:27017' is neither a DNS name"),
        ({"names": []}, "without names"),
        ({"path": "tls/member.pem"}, "not absolute"),
        ({"path": "/tls/ca.pem"}, "two files are declared there"),
        ({"days": 0}, "days is less than 1"),
        ({"common_name": "x" * 65}, "common_name is longer"),
        ({"mode": "0644"}, "within 0660"),
        ({"mode": "0700"}, "within 0660"),
        ({"mode": "384"}, "within 0660"),
        ({"mode": "-600"}, "within 0660"),
    ],
)
def test_each_refusal(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(StrongholdError, match="could not accept the declaration of") as caught:
        parse(entry(**options))
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("renew_before", "reason"), [("soon", "neither 'third' nor"), ("90", "renewed on every run"), ("-1", "neither")]
)
def test_renew_before(renew_before: str, reason: str) -> None:
    with pytest.raises(StrongholdError, match=reason):
        parse(entry(), renew_before=renew_before)


def test_a_client_that_would_count_as_member_is_refused() -> None:
    with pytest.raises(StrongholdError, match="taken for a member"):
        parse(entry(), {**client(), "organizational_unit": "members"})
    assert len(parse({**client(), "organizational_unit": "members"})) == 1


def issuer(**options: Any) -> dict[str, Any]:
    return entry(path="/tls/issuer.pem", kind="issuer", organizational_unit="issuers", **{"names": [], **options})


def test_an_issuer_vouches_for_what_is_beside_it() -> None:
    params = {"certificates": [entry(), issuer(), client()], "renew_before": "third", "ca_file": "/tls/ca.pem"}
    member, found, other = wanted_certificates({**params, "authority": {"dir": "/a"}}, "db-a")
    assert found.vouches == (member, other)
    assert (member.vouches, other.vouches) == ((), ())


@pytest.mark.parametrize(
    ("entries", "options", "reason"),
    [
        ([entry(), issuer(names=["db-a"])], {}, "an issuer has no names"),
        ([issuer()], {}, "nothing that an issuer could renew"),
        ([entry(), issuer()], {"crl_file": "/tls/crl.pem"}, "mongod wants a revocation list of every issuer"),
        ([entry(), issuer()], {"authority": None}, "signed by authority alone"),
    ],
)
def test_issuers_that_are_refused(entries: list[dict[str, Any]], options: dict[str, Any], reason: str) -> None:
    params = {"certificates": entries, "renew_before": "third", "ca_file": "/tls/ca.pem", "authority": {"dir": "/a"}, **options}
    with pytest.raises(StrongholdError, match=reason):
        wanted_certificates(params, "db-a")


def test_one_path_for_two_is_refused() -> None:
    with pytest.raises(StrongholdError, match="two files"):
        parse(entry(), client() | {"path": "/tls/member.pem"})


@pytest.mark.parametrize(
    ("documentation", "spec"),
    [(DOCUMENTATION, argument_spec()), (mongodb_tls_info.DOCUMENTATION, mongodb_tls_info.ARGUMENT_SPEC)],
)
def test_the_documented_options_are_those_that_are_checked(documentation: str, spec: dict[str, Any]) -> None:
    """Names, types, defaults and choices, in sub-options too."""

    def shape(options: dict[str, Any], nested: str) -> dict[str, Any]:
        keys = ("type", "elements", "required", "default", "choices")
        return {
            name: {**{key: option.get(key) for key in keys}, "nested": shape(option.get(nested, {}), nested)}
            for name, option in options.items()
        }

    assert shape(yaml.safe_load(documentation)["options"], "suboptions") == shape(spec, "options")


@pytest.mark.parametrize("unit", ["", "clients"])
def test_a_backup_needs_a_unit_of_its_own(unit: str) -> None:
    backup = {**client(), "path": "/tls/backup.pem", "kind": "backup", "organizational_unit": unit}
    with pytest.raises(StrongholdError, match="a backup needs an organizational unit of its own"):
        parse(client(), backup)
    assert parse(client(), {**backup, "organizational_unit": "backups"})[1].kind == "backup"
