# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table at the end of the demo: what each host is, found by trying it."""

from __future__ import annotations

import socket
import ssl

from pymongo.errors import OperationFailure, PyMongoError

from lab import access, podman
from lab.fleet import Fleet, Host

PORT = 27017
HEADINGS = ("HOST", "ZONE", "STATE", "VERSION", "TLS", "AUTHENTICATION", "FIREWALL")
UNAUTHORIZED = 13


def show(fleet: Fleet) -> str:
    rows = [HEADINGS] + [row(fleet, host) for host in fleet.hosts]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]
    return "\n".join(["", *lines, "", *_backups(fleet), *_connect(fleet, rows), ""])


def row(fleet: Fleet, host: Host) -> tuple[str, ...]:
    if host not in access.members(fleet):
        return (host.name, host.zone, "backup host", "-", "-", "-", "-")
    with access.client(fleet, host) as client:
        try:
            hello = client.admin.command("hello")
            version = client.admin.command("buildInfo")["version"]
        except PyMongoError as error:
            return (host.name, host.zone, f"DOWN: {error.__class__.__name__}", "-", "-", "-", _firewall(fleet, host))
    state = "PRIMARY" if hello["isWritablePrimary"] else "SECONDARY" if hello["secondary"] else "OTHER"
    return (host.name, host.zone, state, version, _tls(fleet, host), _authentication(fleet, host), _firewall(fleet, host))


def _tls(fleet: Fleet, host: Host) -> str:
    """The protocol agreed on with full verification, and whether plaintext is answered."""
    options = access.tls_options(fleet)
    context = ssl.create_default_context(cafile=options["tlsCAFile"])
    context.load_cert_chain(options["tlsCertificateKeyFile"])
    with (
        socket.create_connection((host.address, PORT), 5) as plain,
        context.wrap_socket(plain, server_hostname=host.name) as wrapped,
    ):
        protocol = wrapped.version() or "none"
    with access.client(fleet, host, log_in=False, serverSelectionTimeoutMS=1500, **_WITHOUT_TLS) as client:
        try:
            client.admin.command("hello")
        except PyMongoError:
            return f"{protocol}, required"
    return f"{protocol}, NOT required"


_WITHOUT_TLS = {"tls": False, "tlsCAFile": None, "tlsCertificateKeyFile": None}


def _authentication(fleet: Fleet, host: Host) -> str:
    with access.client(fleet, host, log_in=False) as client:
        try:
            client.admin.command("listDatabases")
        except OperationFailure as error:
            return "required" if error.code == UNAUTHORIZED else f"error {error.code}"
    return "NOT required"


def _firewall(fleet: Fleet, host: Host) -> str:
    """Whether a host that nobody declared, the package mirror, reaches the port."""
    reached = podman.call("exec", f"{fleet.name}-mirror", "python3", "-c", _ATTEMPT, host.address, str(PORT)).strip()
    return {"True": "OPEN", "False": "declared sources only"}[reached]


_ATTEMPT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)
except ConnectionRefusedError:
    print(True)
except OSError:
    print(False)
else:
    print(True)
"""


def _backups(fleet: Fleet) -> list[str]:
    """What each backup host says of itself, once its first backup is there."""
    lines = []
    for host in fleet.hosts:
        if host not in access.members(fleet):
            said = podman.call("exec", f"{fleet.name}-{host.name}", "sh", "-c", _BACKUPS).splitlines()
            lines += [f"Backups on {host.name}:", *(f"  {line}" for line in said), ""]
    return lines


_BACKUPS = """
systemctl start stronghold-backup.service
systemctl start stronghold-drill.service
/opt/stronghold/bin/stronghold backup status 2>&1 || true
"""


def _connect(fleet: Fleet, rows: list[tuple[str, ...]]) -> list[str]:
    primary = next((host for host, line in zip(fleet.hosts, rows[1:]) if line[2] == "PRIMARY"), None)
    if primary is None:
        return ["There is no primary."]
    options = access.tls_options(fleet)
    command = f"mongosh 'mongodb://{access.ADMIN}@{primary.address}:{PORT}/?directConnection=true&tls=true'"
    return [
        "Connect to the primary (the password is asked for; it is in the file below):",
        f"  {command} --tlsCAFile {options['tlsCAFile']} --tlsCertificateKeyFile {options['tlsCertificateKeyFile']}",
        f"  {access.secrets(fleet)}/admin_password",
    ]
