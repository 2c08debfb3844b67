# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S105 (passwords of the tests alone)

"""SCRAM derivation against credentials that mongod 6.0.27 stored."""

from __future__ import annotations

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts import scram
from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.scram import SHA_1, SHA_256, matches, prepare

PLAIN = {
    SHA_1: {
        "iterationCount": 10000,
        "salt": "b1+N6gAt9aZDXezHSc2j4w==",
        "storedKey": "JFKs9PT1ERZ1PU6R+6WA011oXPU=",
    },
    SHA_256: {
        "iterationCount": 15000,
        "salt": "geXGngL/3y35NQhP/JJpuYEPrOLRpRjmlwke3w==",
        "storedKey": "r9shnaHKivdlk0666Pu41PDpfHrEQUsa2Doqohq73k4=",
    },
}
PREPARED = {
    SHA_1: {
        "iterationCount": 10000,
        "salt": "g3emPiByLgi2vaMpnOc9KQ==",
        "storedKey": "wzlJiFvLiyVKqiylQEXD7cjXXno=",
    },
    SHA_256: {
        "iterationCount": 15000,
        "salt": "aHge/mG7Vg/5EKfGmaoOaDib5vm2FON5KUN5Ow==",
        "storedKey": "/7lq1ns4mYEFfiDAdgFv8UbjkYZXqHF+NMes78+WciM=",
    },
}
PREPARED_NAME = "it's@dot.ted"
PREPARED_PASSWORD = "p\u00e4ss\u00a0\u2168\u00ad!"


@pytest.mark.parametrize("library", [scram.PBKDF2HMAC, None], ids=["cryptography", "hashlib"])
@pytest.mark.parametrize("mechanism", [SHA_1, SHA_256])
def test_each_mechanism_knows_its_password(monkeypatch: pytest.MonkeyPatch, mechanism: str, library: object) -> None:
    monkeypatch.setattr(scram, "PBKDF2HMAC", library)
    assert matches({mechanism: PLAIN[mechanism]}, "a", "x") is True
    assert matches({mechanism: PLAIN[mechanism]}, "a", "X") is False
    assert matches({mechanism: PREPARED[mechanism]}, PREPARED_NAME, PREPARED_PASSWORD) is True


def test_the_name_is_part_of_sha_1_only() -> None:
    assert matches({SHA_1: PLAIN[SHA_1]}, "b", "x") is False
    assert matches({SHA_256: PLAIN[SHA_256]}, "b", "x") is True


def test_spellings_that_saslprep_makes_one_are_one_password_for_sha_256_only() -> None:
    assert matches({SHA_256: PREPARED[SHA_256]}, PREPARED_NAME, "p\u00e4ss IX!") is True
    assert matches({SHA_1: PREPARED[SHA_1]}, PREPARED_NAME, "p\u00e4ss IX!") is False


def test_the_strongest_credential_decides() -> None:
    assert matches({SHA_1: PREPARED[SHA_1], SHA_256: PLAIN[SHA_256]}, "a", "x") is True
    assert matches({SHA_1: PLAIN[SHA_1], SHA_256: PREPARED[SHA_256]}, "a", "x") is False


def test_credentials_without_scram_tell_nothing() -> None:
    assert matches({"external": True}, "a", "x") is None


@pytest.mark.parametrize("password", ["", "\u00ad", "\x07", "\U0001f600", "\u06271", "a\u0378"])
def test_what_mongod_refuses_is_refused_and_matches_nothing(password: str) -> None:
    with pytest.raises(ValueError, match="SASLprep"):
        prepare(password)
    assert matches({SHA_256: PLAIN[SHA_256]}, "a", password) is False
