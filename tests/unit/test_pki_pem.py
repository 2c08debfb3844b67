# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people put where a combined PEM file belongs."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import sign_authority
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key

KEY = make_key("ec-p256")
CERTIFICATE = sign_authority(KEY, Subject("x"), 1, datetime.now(timezone.utc))
CERT = pem.write_certificates([CERTIFICATE])
PRIVATE = pem.write_key(KEY)
ENCRYPTED = pem.write_key(KEY, serialization.BestAvailableEncryption(b"secret"))
LEGACY = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.BestAvailableEncryption(b"secret")
)


@pytest.mark.parametrize("data", [CERT + PRIVATE, PRIVATE + CERT, b"Bag Attributes\n" + CERT + b"\n# key\n" + PRIVATE])
def test_order_and_remarks_do_not_matter(data: bytes) -> None:
    pair = pem.read_pair(data)
    assert pair.certificate == CERTIFICATE
    assert pem.public_bytes(pair.key.public_key()) == pem.public_bytes(KEY.public_key())


def test_the_first_certificate_is_the_own_one() -> None:
    other = sign_authority(KEY, Subject("y"), 1, datetime.now(timezone.utc))
    pair = pem.read_pair(CERT + pem.write_certificates([other]) + PRIVATE)
    assert (pair.certificate, pair.chain) == (CERTIFICATE, (other,))
    assert pem.read_pair(pem.write_pair(pair)).chain == (other,)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not PEM"),
        (b"hello", "it is not PEM"),
        (CERTIFICATE.public_bytes(serialization.Encoding.DER), "it is DER and not PEM"),
        (CERT, "it holds no private key"),
        (PRIVATE, "it holds no certificate"),
        (CERT + PRIVATE[:-40], "it is cut off within a PEM block"),
        (CERT[:200], "it is cut off within a PEM block"),
        (CERT + PRIVATE + PRIVATE, "it holds more than one private key"),
        (CERT + ENCRYPTED, "its private key is encrypted"),
        (CERT + LEGACY, "its private key is encrypted"),
        (CERT[:300] + b"AAAA\n" + CERT[304:] + PRIVATE, "a certificate in it is damaged"),
        (CERT + PRIVATE[:100] + b"####" + PRIVATE[104:], "its private key is damaged"),
    ],
)
def test_each_foreign_input_has_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(pem.PemError) as caught:
        pem.read_pair(data)
    assert str(caught.value) == reason
