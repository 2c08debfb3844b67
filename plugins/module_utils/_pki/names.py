# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subjects and alternative names.

PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

with suppress(ImportError):
    from cryptography import x509
    from cryptography.x509.oid import NameOID

# RFC 5280, appendix A.1: ub-common-name, ub-organization-name, ub-organizational-unit-name.
LONGEST_ATTRIBUTE = 64

# OpenSSL's (objects.txt), by OID.
_SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.16": "postalAddress",
    "2.5.4.17": "postalCode",
    "2.5.4.18": "postOfficeBox",
    "2.5.4.20": "telephoneNumber",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.72": "role",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.3": "mail",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.643.3.131.1.1": "INN",
    "1.2.643.100.1": "OGRN",
    "1.2.643.100.3": "SNILS",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.8": "unstructuredAddress",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_SPECIAL = set(',+"\\<>;')


@dataclass(frozen=True)
class Subject:
    """Who a certificate is for. MongoDB takes two members for one cluster by organization and unit alone."""

    common_name: str
    organization: str = ""
    organizational_unit: str = ""

    def problems(self) -> list[str]:
        """What X.520 does not admit, as clauses."""
        parts = {
            "common_name": self.common_name,
            "organization": self.organization,
            "organizational_unit": self.organizational_unit,
        }
        found = [
            f"{key} is longer than {LONGEST_ATTRIBUTE} characters" for key, text in parts.items() if len(text) > LONGEST_ATTRIBUTE
        ]
        return found if self.common_name else ["common_name is empty", *found]

    def to_name(self) -> x509.Name:
        """From the widest to the narrowest attribute, so that RFC 2253 prints the common name first."""
        parts = (
            (NameOID.ORGANIZATION_NAME, self.organization),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, self.organizational_unit),
            (NameOID.COMMON_NAME, self.common_name),
        )
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])


def rfc2253(name: x509.Name) -> str:
    """The subject as MongoDB writes it, which is the user name of a client certificate in ``$external``.

    That is what ``openssl x509 -subject -nameopt RFC2253`` prints, but for attributes that OpenSSL has no name for: MongoDB
    writes their number, and the text as it is.
    """
    return ",".join("+".join(map(_attribute, reversed(list(rdn)))) for rdn in reversed(list(name.rdns)))


def _attribute(attribute: x509.NameAttribute[Any]) -> str:
    kind = attribute.oid.dotted_string
    return f"{_SHORT_NAMES.get(kind, kind)}={_escape(str(attribute.value))}"


def _escape(value: str) -> str:
    """RFC 2253, section 2.4; bytes outside printable ASCII as pairs of hexadecimal digits."""
    last = len(value) - 1
    escaped = []
    for position, char in enumerate(value):
        if char in _SPECIAL or (position == 0 and char in "# ") or (position == last and char == " "):
            escaped.append("\\" + char)
        elif " " <= char <= "~":
            escaped.append(char)
        else:
            escaped.extend(f"\\{byte:02X}" for byte in char.encode())
    return "".join(escaped)


def parse_names(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order: DNS names in lower case without a final dot, addresses in their shortest form.

    Raises ValueError with a clause that names the entry.
    """
    return tuple(dict.fromkeys(_parse_name(name) for name in names))


def _parse_name(name: str) -> str:
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    text = name.lower().rstrip(".")
    labels = text.split(".")
    if labels[0] == "*" and len(labels) > 2:  # noqa: PLR2004 - a wildcard needs two labels below it
        labels = labels[1:]
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():  # noqa: PLR2004
        raise ValueError(f"'{name}' is neither a DNS name (ASCII, without port) nor an IP address")
    return text


def to_alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    """The extension for names from ``parse_names``."""
    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(general)


@dataclass(frozen=True)
class Permitted:
    """What an authority may issue certificates for: DNS names and all below them, and networks."""

    domains: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Permitted:
        """Raises ValueError with a clause that names the entry."""
        domains, networks = [], []
        for entry in entries:
            try:
                networks.append(str(ipaddress.ip_network(entry)))
            except ValueError:
                domains.append(_parse_name(entry.lstrip(".")))
        if networks and not domains:
            raise ValueError("permitted_names has networks and no DNS name")
        return cls(tuple(dict.fromkeys(domains)), tuple(dict.fromkeys(networks)))

    @classmethod
    def of(cls, authority: x509.Certificate) -> Permitted:
        try:
            extension = authority.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return cls()
        return cls.of_trees(extension.permitted_subtrees)

    @classmethod
    def of_trees(cls, trees: Iterable[x509.GeneralName] | None) -> Permitted:
        """DNS names and networks of one list of name constraints."""
        found = list(trees or ())
        return cls(
            tuple(str(tree.value).lower().lstrip(".") for tree in found if isinstance(tree, x509.DNSName)),
            tuple(str(tree.value) for tree in found if isinstance(tree, x509.IPAddress)),
        )

    def to_constraints(self) -> x509.NameConstraints:
        """Without a network, every address is excluded, which name constraints otherwise leave open."""
        trees: list[x509.GeneralName] = [x509.DNSName(name) for name in self.domains]
        trees += [x509.IPAddress(ipaddress.ip_network(network)) for network in self.networks]
        everything = [x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0")]
        return x509.NameConstraints(trees, None if self.networks else everything)

    def outside(self, names: Iterable[str], common_name: str) -> list[str]:
        """Those for which it may not issue. A common name counts where a verifier takes it for a DNS name."""
        if not self.domains:
            return []
        names = list(names)
        named = any(not _is_address(name) for name in names)
        taken = [] if named or "." not in common_name or not _is_name(common_name) else [common_name.lower()]
        return [name for name in (*names, *taken) if not self.covers(name)]

    def covers(self, name: str) -> bool:
        """Whether the name or address is among them."""
        name = name.lower()
        if _is_address(name):
            address = ipaddress.ip_address(name)
            return any(address in ipaddress.ip_network(network) for network in self.networks)
        return any(not domain or name == domain or name.endswith(f".{domain}") for domain in self.domains)


def vouching(subjects: Iterable[Subject], names: Iterable[str]) -> x509.NameConstraints:
    """For an authority that may issue certificates of these subjects and names alone.

    For whichever kind has none, everything is excluded, which name constraints otherwise leave open. Verifiers take a
    common name with a dot for a DNS name where there is no other.
    """
    subjects = list(subjects)
    common = [item.common_name.lower() for item in subjects if "." in item.common_name and _is_name(item.common_name)]
    names = list(dict.fromkeys([*names, *common]))
    addresses = [x509.IPAddress(ipaddress.ip_network(name)) for name in names if _is_address(name)]
    domains = [x509.DNSName(name) for name in names if not _is_address(name)]
    everywhere = [x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints(
        [*(x509.DirectoryName(subject.to_name()) for subject in subjects), *domains, *addresses],
        [*([] if domains else [x509.DNSName("")]), *([] if addresses else everywhere)] or None,
    )


def unvouched(issuer: x509.Certificate, certificate: x509.Certificate) -> list[str]:
    """The subject and the names of a certificate for which an issuer by ``vouching`` does not vouch."""
    trees = issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    subjects = [tree.value for tree in trees if isinstance(tree, x509.DirectoryName)]
    permitted = Permitted.of(issuer)
    return [
        *([] if certificate.subject in subjects else [rfc2253(certificate.subject)]),
        *(name for name in alternative_names(certificate) if not permitted.covers(name)),
    ]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    try:
        _parse_name(text)
    except ValueError:
        return False
    return True


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """DNS names and addresses of a certificate, in its order; other kinds as ``kind:value``."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        str(name.value) if isinstance(name, (x509.DNSName, x509.IPAddress)) else f"{type(name).__name__}:{name.value}"
        for name in extension
    )


def valid_for(certificate: x509.Certificate, name: str) -> bool:
    """Whether verifiers take the certificate for this DNS name or address.

    That is where MongoDB and OpenSSL (X509_check_host(3)) agree: whatever the case of letters, with a wildcard that is the whole
    first label, stands for one label, and has at least two below it. An address is none, and no text. A final dot counts in the
    certificate and not in the name.
    """
    try:
        general = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    if _is_address(name):
        return ipaddress.ip_address(name) in general.get_values_for_type(x509.IPAddress)
    wanted = name.lower().rstrip(".")
    present = {other.lower() for other in general.get_values_for_type(x509.DNSName)}
    below = wanted.partition(".")[2]
    return wanted in present or ("." in below and f"*.{below}" in present)
