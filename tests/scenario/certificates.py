# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet's own authority, and what its servers say to certificates."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from pymongo.errors import ServerSelectionTimeoutError

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from lab import access, certificates
from lab.fleet import Fleet, Host, ssh

PORT = 27017
LOG = "/var/log/mongodb/mongod.log"
SAID = "SSL peer certificate validation failed: "


def opened(fleet: Fleet) -> pem.Pair:
    """The fleet's authority with its key."""
    return certificates.opened(access.secrets(fleet) / "authority", access.secrets(fleet) / "authority-passphrase")


def processes(fleet: Fleet) -> list[str]:
    """The servers' process numbers, which a restart changes."""
    return [ssh(fleet, host.name, "systemctl show --property=MainPID --value mongod") for host in access.members(fleet)]


def refused(fleet: Fleet, host: Host, certificate: Path) -> str:
    """Why a member ended the connection of a client with this certificate, in its own words; empty where it served the client."""
    seen = int(ssh(fleet, host.name, f"stat -c %s {LOG}"))
    with access.client(fleet, host, log_in=False, serverSelectionTimeoutMS=500, tlsCertificateKeyFile=str(certificate)) as client:
        try:
            client.admin.command("ping")
        except ServerSelectionTimeoutError as error:
            assert "connection closed" in str(error)
            told = ssh(fleet, host.name, f"tail -c +{seen + 1} {LOG} | grep -o '{SAID}[^\"]*' | sort -u")
            (reason,) = told.splitlines()
            return reason.removeprefix(SAID)
    return ""


def alert(fleet: Fleet, host: Host, version: ssl.TLSVersion, suites: str = "ALL") -> str:
    """The alert by which a member ends a handshake in ``version``, in OpenSSL's words; empty where it goes through.

    This side allows everything, or all of ``suites`` (ciphers(1)), so that it is the server that refuses.
    """
    options = access.tls_options(fleet)
    context = ssl.create_default_context(cafile=options["tlsCAFile"])
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(options["tlsCertificateKeyFile"])
    with socket.create_connection((host.address, PORT), 5) as plain:
        try:
            context.wrap_socket(plain, server_hostname=host.address).close()
        except OSError as error:  # also a connection that is reset
            return str(getattr(error, "reason", None) or error)
    return ""
