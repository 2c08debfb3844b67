# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a certificate of each kind looks like: key types, usages, extensions (RFC 5280, section 4.2).

PRIVATE to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Union

with suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    PrivateKey = Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]

KINDS = ("member", "client", "backup", "issuer")
KEY_TYPES = ("ec-p256", "rsa-3072")

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def make_key(key_type: str) -> PrivateKey:
    """A new private key; ``key_type`` is one of ``KEY_TYPES``."""
    if key_type == "ec-p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(key_type.partition("-")[2]))


def key_type_of(public_key: Any) -> str:
    """In the words of ``KEY_TYPES``; other keys get a like name (``rsa-2048``, ``ec-secp384r1``, ``ed25519``)."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"rsa-{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return "ec-p256" if isinstance(public_key.curve, ec.SECP256R1) else f"ec-{public_key.curve.name}"
    return type(public_key).__name__.replace("PublicKey", "").lower().lstrip("_")


def usages(kind: str, key_type: str) -> list[tuple[str, x509.ExtensionType, bool]]:
    """What a certificate may be used for, as (name, extension, critical).

    A member and a backup host both serve and connect. Only an RSA key can encipher a session key. An issuer signs them.
    """
    if kind == "issuer":
        return authority_usages()
    permitted = {"digital_signature", "key_encipherment"} if key_type.startswith("rsa") else {"digital_signature"}
    return [
        ("basic constraints", x509.BasicConstraints(ca=False, path_length=None), True),
        ("key usage", _key_usage(permitted), True),
        ("extended key usage", x509.ExtendedKeyUsage(purposes_of(kind)), False),
    ]


def purposes_of(kind: str) -> list[x509.ObjectIdentifier]:
    """Extended key usages of a kind."""
    serves = [ExtendedKeyUsageOID.SERVER_AUTH] if kind in {"member", "backup"} else []
    return [*serves, ExtendedKeyUsageOID.CLIENT_AUTH]


def authority_usages(path_length: int = 0) -> list[tuple[str, x509.ExtensionType, bool]]:
    """The same for an authority that signs certificates, revocation lists and ``path_length`` levels of authorities."""
    return [
        ("basic constraints", x509.BasicConstraints(ca=True, path_length=path_length), True),
        ("key usage", _key_usage({"key_cert_sign", "crl_sign"}), True),
    ]


def _key_usage(permitted: set[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in permitted for usage in _KEY_USAGES})
