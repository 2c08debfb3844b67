# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to reach a mongod: one client, one translation of its errors.

PRIVATE to the collection.
"""

from __future__ import annotations

import atexit
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from pymongo import MongoClient

try:
    import pymongo
    from pymongo import errors as pymongo_errors

    PYMONGO_IMPORT_ERROR = ""
except ImportError:
    PYMONGO_IMPORT_ERROR = traceback.format_exc()

MINIMUM_PYMONGO = (4, 6)
APP_NAME = "stronghold.mongodb"


def require_pymongo(module: AnsibleModule) -> None:
    """Fail with a hint where PyMongo is missing or older than ``MINIMUM_PYMONGO``."""
    from ansible.module_utils.basic import missing_required_lib  # noqa: PLC0415 (programs run without it)

    needed = "pymongo >= " + ".".join(map(str, MINIMUM_PYMONGO))
    if PYMONGO_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib(needed), exception=PYMONGO_IMPORT_ERROR)
    elif pymongo.version_tuple[:2] < MINIMUM_PYMONGO:
        module.fail_json(msg=f"This module needs {needed}, and {pymongo.version} is installed; upgrade it there.")


@contextmanager
def connect(login: Login, attempt: str = "connect") -> Iterator[MongoClient[dict[str, Any]]]:
    """Yield a client that has reached the server and logged in; close it afterwards.

    Without ``login.replica_set`` the connection is direct, so it also serves secondaries and servers whose
    set is not initiated. Errors raised inside the block by the server are translated too, as a failure of
    ``attempt`` (completes "could not ..."). Raises StrongholdError.
    """
    with translate(login.where, attempt):
        try:
            client = _client(login)
        except OSError as error:  # of a TLS file: PyMongo passes these on as they are
            raise pymongo_errors.ConfigurationError(str(error)) from error
        try:
            client.admin.command("ping")
            yield client
        finally:
            client.close()
            _leave_without_waiting()


def _leave_without_waiting() -> None:
    """Spare every module half a second: at exit PyMongo waits for its monitors, although they are daemons of closed clients."""
    for name in ("pymongo.synchronous.monitor", "pymongo.monitor"):  # from 4.9 on, and before
        wait = getattr(sys.modules.get(name), "_shutdown_resources", None)
        if wait:
            atexit.unregister(wait)


@contextmanager
def translate(host: str, attempt: str) -> Iterator[None]:
    """Raise a StrongholdError for every PyMongo error in the block."""
    try:
        yield
    except pymongo_errors.PyMongoError as error:
        reason, remedy = explain(error)
        raise StrongholdError(host, attempt, reason, remedy) from error


def _client(login: Login) -> MongoClient[dict[str, Any]]:
    milliseconds = login.timeout * 1000
    options: dict[str, Any] = {
        "appname": APP_NAME,
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
        "directConnection": login.replica_set is None,
        "serverMonitoringMode": "poll",  # one connection to watch the server, not two, for the moments that a client lives
        "retryWrites": True,
    }
    if login.replica_set is not None:
        options["replicaSet"] = login.replica_set
    if login.tls and not login.host.startswith("/"):
        options["tls"] = True
        tls = {
            "tlsCAFile": login.tls_ca_file,
            "tlsCertificateKeyFile": login.tls_certificate_key_file,
            "tlsCertificateKeyFilePassword": login.tls_certificate_key_password,
            "tlsCRLFile": login.tls_crl_file,
        }
        options.update({name: value for name, value in tls.items() if value is not None})
    if login.authenticates:
        x509 = login.auth_mechanism == "MONGODB-X509"
        options["authSource"] = "$external" if x509 else login.database
        options.update(
            {
                name: value
                for name, value in {
                    "username": login.user,
                    "password": login.password,
                    "authMechanism": login.auth_mechanism,
                }.items()
                if value is not None
            }
        )
    address = f"mongodb://{quote(login.address, safe='')}" if login.host.startswith("/") else login.address
    return pymongo.MongoClient(address, **options)


# Server error codes: src/mongo/base/error_codes.yml of the server.
_BY_CODE: dict[int, tuple[str, str]] = {
    2: ("the server does not accept a value ({detail})", "correct the option that it names"),
    13: ("the account lacks the privilege ({detail})", "log in with an account that holds it"),
    18: (
        "the server refused the user name, the password or the client's address",
        "check login_user, login_password, login_database and the account's authenticationRestrictions",
    ),
    31: ("a role does not exist ({detail})", "create the role first, or correct its name and database"),
    94: ("the replica set is not initiated yet", "initiate it with stronghold.mongodb.mongodb_replicaset"),
    10107: ("this member is not the primary", "name the set in replica_set so that the primary is found"),
}

# Fragments of what ssl, socket and PyMongo report when no server could be selected, most specific first.
_BY_TEXT: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("hostname mismatch", "ip address mismatch", "doesn't match"),
        "its certificate is not valid for this name",
        "connect by a name that the certificate carries, or re-issue it with this name",
    ),
    (
        ("certificate has expired",),
        "its certificate has expired",
        "renew it with stronghold.mongodb.mongodb_tls",
    ),
    (
        ("certificate_verify_failed", "unable to get local issuer", "self-signed certificate"),
        "its certificate is not signed by the trusted authority",
        "give the right tls_ca_file",
    ),
    (
        ("certificate required", "certificate_required", "handshake failure", "tlsv13_alert", "bad certificate"),
        "the server refused this client's certificate or demands one",
        "give a tls_certificate_key_file that its authority signed",
    ),
    (
        ("wrong_version_number", "record layer failure", "unexpected eof", "eof occurred"),
        "the server does not speak TLS there",
        "check login_port, or set tls to false if this server really has no TLS",
    ),
    (
        (
            *("no such file", "permission denied", "is a directory", "no certificate or crl"),
            *("could not load", "couldn't load", "pem lib", "private key doesn't match"),
        ),
        "a TLS file given to the client cannot be used ({detail})",
        "check tls_ca_file and tls_certificate_key_file",
    ),
    (
        ("connection refused",),
        "nothing listens there",
        "start mongod, and check login_host and login_port",
    ),
    (
        ("name or service not known", "nodename nor servname", "temporary failure in name", "no address associated"),
        "the name does not resolve",
        "correct login_host, or add the name to DNS or /etc/hosts",
    ),
    (
        ("replica set name", "no replica set members"),
        "the server there belongs to no replica set or to one of another name",
        "check replica_set",
    ),
    (
        ("no primary", "no replica set members match selector"),
        "the set has no primary now",
        "see mongodb_replicaset_info for the state of its members",
    ),
    (
        ("connection closed", "connection reset"),
        "the server closed the connection, as it does when it demands TLS",
        "check the tls options",
    ),
    (
        ("timed out", "timeout", "no route to host", "network is unreachable", "host is unreachable"),
        "no answer came within the timeout",
        "check that the host is up and that its firewall admits this one",
    ),
)


def explain(error: Exception) -> tuple[str, str]:
    """Reason and remedy, for people, of a PyMongo error."""
    details = getattr(error, "details", None)
    details = details if isinstance(details, Mapping) else {}
    detail = " ".join(str(details.get("errmsg") or error).split())
    known = _BY_CODE.get(getattr(error, "code", None) or details.get("code", 0))
    if known is None and not isinstance(error, pymongo_errors.OperationFailure):
        text = str(error).lower()
        known = next(((reason, remedy) for marks, reason, remedy in _BY_TEXT if any(mark in text for mark in marks)), None)
    if known is None:
        known = ("of the error '{detail}'", "see the server's log for the cause")
    reason, remedy = known
    return reason.replace("{detail}", detail[:300]), remedy
