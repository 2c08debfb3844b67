# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._host.install_plan import key_problem
from ansible_collections.stronghold.mongodb.plugins.module_utils._host.pgp import fingerprints

KEYS = Path(__file__).parent / "rendered" / "keys"
ONE, TWO = ((KEYS / name).read_text() for name in ("one.asc", "two.asc"))
# As gpg prints them, which made these two keys.
ONE_FINGERPRINT = "57CEEBD080CB07759781C4AFF1947577AD1A79B6"
TWO_FINGERPRINT = "9D4264AC3E05DE629A3F8F076A7F481063A559CD"


def armour(data: bytes) -> str:
    body = base64.b64encode(data).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----\n"


def packets(text: str) -> bytes:
    body = text.split("\n\n", 1)[1]
    return base64.b64decode("".join(line for line in body.splitlines() if not line.startswith(("=", "-"))))


def test_fingerprint_as_gpg_computes_it() -> None:
    assert fingerprints(ONE) == [ONE_FINGERPRINT]
    assert fingerprints(TWO) == [TWO_FINGERPRINT]


@pytest.mark.parametrize(
    "text",
    [
        ONE.replace("\n", "\r\n"),
        ONE.replace("BLOCK-----\n\n", "BLOCK-----\nVersion: a vendor's\nComment: two lines\n\n", 1),
        "words before\n" + ONE + "words after\n",
    ],
    ids=["crlf", "armour headers", "text around"],
)
def test_the_forms_in_which_keys_are_published(text: str) -> None:
    assert fingerprints(text) == [ONE_FINGERPRINT]


def test_the_newer_packet_format() -> None:
    old = packets(ONE)
    length = old[1]
    assert old[0] == 0x98
    key = old[2 : 2 + length]
    assert fingerprints(armour(b"\xc6" + bytes([length]) + key)) == [ONE_FINGERPRINT]
    assert fingerprints(armour(b"\xc6\xff" + length.to_bytes(4, "big") + key)) == [ONE_FINGERPRINT]


def test_every_primary_key_is_seen() -> None:
    assert fingerprints(ONE + TWO) == [ONE_FINGERPRINT, TWO_FINGERPRINT]
    assert fingerprints(armour(packets(ONE) + packets(TWO))) == [ONE_FINGERPRINT, TWO_FINGERPRINT]


@pytest.mark.parametrize(
    "text",
    ["", "<html>404</html>", ONE[: len(ONE) // 2], armour(b"plain"), armour(packets(ONE)[:20]), armour(b"\xc6\xe1"), armour(b"")],
    ids=["empty", "page", "cut armour", "no packet", "cut packet", "partial length", "nothing inside"],
)
def test_what_is_no_key_has_no_fingerprint(text: str) -> None:
    assert fingerprints(text) == []
    assert "no ASCII-armoured OpenPGP key" in key_problem(text, ONE_FINGERPRINT)


def test_only_the_expected_key_alone_is_trusted() -> None:
    assert key_problem(ONE, ONE_FINGERPRINT) == ""
    assert TWO_FINGERPRINT in key_problem(TWO, ONE_FINGERPRINT)
    assert TWO_FINGERPRINT in key_problem(ONE + TWO, ONE_FINGERPRINT)
