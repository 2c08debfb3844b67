# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where and as whom to connect: what every module that talks to mongod is told. Pure; it needs no PyMongo.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.address import DEFAULT_PORT, server_address


def login_argument_spec() -> dict[str, dict[str, Any]]:
    """The connection options of every module that talks to mongod; documented in the doc fragment ``login``."""
    return {
        "login_host": {"type": "str", "default": "localhost"},
        "login_port": {"type": "int"},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "login_database": {"type": "str", "default": "admin"},
        "replica_set": {"type": "str"},
        "auth_mechanism": {
            "type": "str",
            "choices": ["SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509"],
        },
        "tls": {"type": "bool", "default": True, "aliases": ["ssl"]},
        "tls_ca_file": {"type": "path", "aliases": ["ssl_ca_certs"]},
        "tls_certificate_key_file": {"type": "path", "aliases": ["ssl_certfile"]},
        "tls_certificate_key_password": {"type": "str", "no_log": True, "aliases": ["ssl_pem_passphrase"]},
        "tls_crl_file": {"type": "path", "aliases": ["ssl_crlfile"]},
        "login_timeout": {"type": "int", "default": 10},
    }


_AS_THE_OPTION = (
    "replica_set",
    "auth_mechanism",
    "tls",
    "tls_ca_file",
    "tls_certificate_key_file",
    "tls_certificate_key_password",
    "tls_crl_file",
)


@dataclass(frozen=True)
class Login:
    """Where and as whom to connect. ``host`` is a name or address without port; ``timeout`` is in seconds."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    user: str | None = None
    password: str | None = None
    database: str = "admin"
    replica_set: str | None = None
    auth_mechanism: str | None = None
    tls: bool = True
    tls_ca_file: str | None = None
    tls_certificate_key_file: str | None = None
    tls_certificate_key_password: str | None = None
    tls_crl_file: str | None = None
    timeout: int = 10

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Login:
        """From module parameters of ``login_argument_spec``. Raises StrongholdError for what names no server."""
        host, port = _server(params["login_host"], params["login_port"])
        return cls(
            host=host,
            port=port,
            user=params["login_user"],
            password=params["login_password"],
            database=params["login_database"],
            timeout=params["login_timeout"],
            **{name: params[name] for name in _AS_THE_OPTION},
        )

    @property
    def address(self) -> str:
        """``host:port``, with an IPv6 address in brackets; a Unix socket's path alone."""
        if self.host.startswith("/"):
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def where(self) -> str:
        """The address for a sentence: one that means this host only says which host that is."""
        local = self.host == "localhost" or self.host.startswith(("/", "127.")) or self.host == "::1"
        return f"{self.address} on {platform.node()}" if local else self.address

    @property
    def authenticates(self) -> bool:
        return self.user is not None or self.auth_mechanism == "MONGODB-X509"

    def at(self, host: str, port: int) -> Login:
        """The same login on another member, connected to directly."""
        return replace(self, host=host, port=port, replica_set=None)

    def anonymous(self) -> Login:
        """The same address and TLS settings without credentials."""
        return replace(self, user=None, password=None, auth_mechanism=None)


def _server(host: str, port: int | None) -> tuple[str, int]:
    if host.startswith("/"):  # a Unix socket
        return host, port or DEFAULT_PORT
    try:
        return server_address(host, port, ("login_host", "login_port"))
    except ValueError as error:
        remedy = "give one server there, its port in login_port, and account, TLS and replica set in the options for them"
        raise StrongholdError(platform.node(), "connect", str(error), remedy) from None
