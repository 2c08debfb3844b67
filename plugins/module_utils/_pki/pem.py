# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PEM files: a certificate, its chain and its private key in one, as mongod reads them.

mongod takes the first certificate as its own, the following ones as the chain, and the one private key,
wherever it stands (manual: net.tls.certificateKeyFile). Here the key comes last.

PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

with suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain (nearest issuer first) and, on the host that owns it, its private key."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    key: Any = None


class PemError(ValueError):
    """Why a text cannot be used; completes "because ..."."""


def read_pair(data: bytes) -> Pair:
    """A combined file. Raises PemError. Whether key and certificate belong together is for ``judge`` to say."""
    certificates = read_certificates(data)
    return Pair(certificates[0], certificates[1:], read_key(data))


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate in a text, at least one. Raises PemError."""
    blocks = [text for label, text in _blocks(data) if label == b"CERTIFICATE"]
    if not blocks:
        raise PemError("it holds no certificate")
    try:
        return tuple(x509.load_pem_x509_certificate(block) for block in blocks)
    except ValueError as error:
        raise PemError("a certificate in it is damaged") from error


def read_key(data: bytes) -> Any:
    """The one private key in a text. Raises PemError."""
    blocks = [(label, text) for label, text in _blocks(data) if label.endswith(b"PRIVATE KEY")]
    if len(blocks) != 1:
        raise PemError("it holds no private key" if not blocks else "it holds more than one private key")
    label, text = blocks[0]
    if label.startswith(b"ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in text:
        raise PemError("its private key is encrypted")
    try:
        return serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise PemError("its private key is damaged") from error


def read_lists(data: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """Every revocation list in a text, at least one. Raises PemError."""
    blocks = [text for label, text in _blocks(data) if label == b"X509 CRL"]
    if not blocks:
        raise PemError("it holds no revocation list")
    try:
        return tuple(x509.load_pem_x509_crl(block) for block in blocks)
    except ValueError as error:
        raise PemError("a revocation list in it is damaged") from error


def write_lists(lists: Iterable[x509.CertificateRevocationList]) -> bytes:
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in lists)


def _blocks(data: bytes) -> list[tuple[bytes, bytes]]:
    blocks = [(match.group(1), match.group(0)) for match in _BLOCK.finditer(data)]
    if data.count(b"-----BEGIN ") != len(blocks):
        raise PemError("it is cut off within a PEM block")
    if not blocks:
        raise PemError("it is DER and not PEM" if data.startswith(b"\x30") else "it is not PEM")
    return blocks


def write_certificates(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def write_key(key: Any, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    """PKCS #8, in clear unless ``encryption`` is given."""
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            encryption or serialization.NoEncryption(),
        )
    )


def write_pair(pair: Pair) -> bytes:
    return write_certificates([pair.certificate, *pair.chain]) + write_key(pair.key)


def public_bytes(key: Any) -> bytes:
    """A public key in a form that can be compared."""
    return bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
