# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running server presents.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass

with suppress(ImportError):
    from cryptography import x509


@dataclass(frozen=True)
class Presented:
    """The certificate, None where there was no handshake, and why a client that verifies would not go on (empty: it would).

    ``answered`` is false where nobody speaks TLS, or at all.
    """

    certificate: x509.Certificate | None
    problem: str = ""
    answered: bool = True


def presented(
    host: str, port: int, ca_file: str, *, certificate_file: str | None = None, crl_file: str | None = None, timeout: float = 10
) -> Presented:
    """By a handshake that verifies chain and name; one that does not verify tells what was presented where that fails.

    ``certificate_file`` is shown to a server that asks for one. An OSError about a file of ours passes through.
    """
    context = _context(ca_file, certificate_file)
    if crl_file:
        context.load_verify_locations(crl_file)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    try:
        return Presented(_handshake(context, host, port, timeout))
    except ssl.SSLCertVerificationError as error:
        problem = error.verify_message or str(error)
    except OSError as error:
        return Presented(None, str(error), isinstance(error, ssl.SSLError))
    blind = _context(ca_file, certificate_file)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    try:
        return Presented(_handshake(blind, host, port, timeout), problem)
    except OSError as error:
        return Presented(None, str(error), isinstance(error, ssl.SSLError))


def _context(ca_file: str, certificate_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file:
        context.load_cert_chain(certificate_file)
    return context


def _handshake(context: ssl.SSLContext, host: str, port: int, timeout: float) -> x509.Certificate:
    with socket.create_connection((host, port), timeout) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
