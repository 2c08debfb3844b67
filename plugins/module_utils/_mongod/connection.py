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
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal, StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.codes import Code
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from pymongo import MongoClient
    from typing_extensions import Self

try:
    import pymongo
    from pymongo import errors as pymongo_errors

    PYMONGO_IMPORT_ERROR = ""
except ImportError:
    PYMONGO_IMPORT_ERROR = traceback.format_exc()

MINIMUM_PYMONGO = (4, 6)
APP_NAME = "stronghold.mongodb"


class Kind(Enum):
    """What became of a request to a server."""

    REFUSED = "the server answered with an error"
    UNREACHABLE = "no server could be selected within the timeout"
    INTERRUPTED = "the connection ended, or the member is no longer the primary"
    NOT_SENT = "the client did not send it"


class ServerError(StrongholdError):
    """A failure of a request to a server. ``code`` is the server's, None where it sent none.

    ``closed`` tells that the server ended the connection without a word.
    """

    kind: Kind
    code: int | None
    closed: bool

    @classmethod
    def of(cls, error: Exception, host: str, attempt: str, refusal: Refusal | None = None, *, authenticates: bool = True) -> Self:
        """From a PyMongo error, with ``refusal`` instead of what is generally known of it.

        ``authenticates`` tells whether the client logs in at all.
        """
        known = explain(error)
        if not authenticates and code_of(error) == Code.UNAUTHORIZED:
            known, refusal = NOBODY, None
        made = cls(host, attempt, *(refusal or known))
        made.kind, made.code, made.closed = kind_of(error), code_of(error), known == _CLOSED
        return made


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
    ``attempt`` (completes "could not ..."). Raises ServerError.
    """
    with translate(login.where, attempt, authenticates=login.authenticates):
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
def translate(host: str, attempt: str, *, authenticates: bool = True) -> Iterator[None]:
    """Raise a ServerError for every PyMongo error in the block. ``authenticates`` is as for ``ServerError.of``."""
    try:
        yield
    except pymongo_errors.PyMongoError as error:
        raise ServerError.of(error, host, attempt, authenticates=authenticates) from error


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


NOBODY = Refusal(
    "nobody is logged in, as neither login_user nor auth_mechanism=MONGODB-X509 is given",
    "give login_user and login_password; a server without any account gets its first from stronghold.mongodb.mongodb_bootstrap",
)

_BY_CODE: Mapping[int, Refusal] = {
    Code.BAD_VALUE: Refusal("the server does not accept a value ({detail})", "correct the option that it names"),
    Code.UNAUTHORIZED: Refusal("the account lacks the privilege ({detail})", "log in with an account that holds it"),
    Code.AUTHENTICATION_FAILED: Refusal(
        "the server refused the user name, the password or the client's address",
        "check login_user, login_password, login_database and the account's authenticationRestrictions",
    ),
    Code.MECHANISM_UNAVAILABLE: Refusal(
        "the server offers neither auth_mechanism nor, without one, any for which the account has credentials ({detail})",
        "set auth_mechanism to one that both know, or have another account set this one's mechanisms and password anew",
    ),
    Code.ROLE_NOT_FOUND: Refusal("a role does not exist ({detail})", "create the role first, or correct its name and database"),
    Code.NOT_YET_INITIALIZED: Refusal(
        "the replica set is not initiated yet", "initiate it with stronghold.mongodb.mongodb_replicaset"
    ),
    Code.NOT_WRITABLE_PRIMARY: Refusal(
        "this member is not the primary", "name the set in replica_set so that the primary is found"
    ),
}

_CLOSED = Refusal("the server closed the connection, as it does when it demands TLS", "check the tls options")

# Fragments of what ssl, socket and PyMongo report when no server could be selected, most specific first.
_BY_TEXT: tuple[tuple[tuple[str, ...], Refusal], ...] = (
    (
        ("hostname mismatch", "ip address mismatch", "doesn't match"),
        Refusal(
            "its certificate is not valid for this name",
            "connect by a name that the certificate carries, or re-issue it with this name",
        ),
    ),
    (
        ("certificate has expired",),
        Refusal("its certificate has expired", "renew it with stronghold.mongodb.mongodb_tls"),
    ),
    (
        ("certificate_verify_failed", "unable to get local issuer", "self-signed certificate"),
        Refusal("its certificate is not signed by the trusted authority", "give the right tls_ca_file"),
    ),
    (
        ("certificate required", "certificate_required", "handshake failure", "tlsv13_alert", "bad certificate"),
        Refusal(
            "the server refused this client's certificate or demands one",
            "give a tls_certificate_key_file that its authority signed",
        ),
    ),
    (
        ("wrong_version_number", "record layer failure", "unexpected eof", "eof occurred"),
        Refusal("the server does not speak TLS there", "check login_port, or set tls to false if this server really has no TLS"),
    ),
    (
        (
            *("no such file", "permission denied", "is a directory", "no certificate or crl"),
            *("could not load", "couldn't load", "pem lib", "private key doesn't match"),
        ),
        Refusal("a TLS file given to the client cannot be used ({detail})", "check tls_ca_file and tls_certificate_key_file"),
    ),
    (
        ("connection refused",),
        Refusal("nothing listens there", "start mongod, and check login_host and login_port"),
    ),
    (
        ("name or service not known", "nodename nor servname", "temporary failure in name", "no address associated"),
        Refusal("the name does not resolve", "correct login_host, or add the name to DNS or /etc/hosts"),
    ),
    (
        ("replica set name", "no replica set members"),
        Refusal("the server there belongs to no replica set or to one of another name", "check replica_set"),
    ),
    (
        ("no primary", "no replica set members match selector"),
        Refusal("the set has no primary now", "see mongodb_replicaset_info for the state of its members"),
    ),
    (
        ("connection closed", "connection reset"),
        _CLOSED,
    ),
    (
        ("timed out", "timeout", "no route to host", "network is unreachable", "host is unreachable"),
        Refusal("no answer came within the timeout", "check that the host is up and that its firewall admits this one"),
    ),
)


def explain(error: Exception) -> Refusal:
    """Reason and remedy, for people, of a PyMongo error."""
    detail = " ".join(str(_details(error).get("errmsg") or error).split())
    known = _BY_CODE.get(code_of(error) or 0)
    if known is None and not isinstance(error, pymongo_errors.OperationFailure):
        text = str(error).lower()
        known = next((refusal for marks, refusal in _BY_TEXT if any(mark in text for mark in marks)), None)
    if known is None:
        known = Refusal("of the error '{detail}'", "see the server's log for the cause")
    return known._replace(reason=known.reason.replace("{detail}", detail[:300]))


def code_of(error: BaseException) -> int | None:
    """The server's code in a PyMongo error."""
    code: int | None = getattr(error, "code", None)
    return _details(error).get("code") if code is None else code


def kind_of(error: BaseException) -> Kind:
    if isinstance(error, pymongo_errors.ServerSelectionTimeoutError):
        return Kind.UNREACHABLE
    if isinstance(error, pymongo_errors.AutoReconnect):
        return Kind.INTERRUPTED
    return Kind.REFUSED if isinstance(error, pymongo_errors.OperationFailure) else Kind.NOT_SENT


def _details(error: BaseException) -> Mapping[str, Any]:
    details = getattr(error, "details", None)
    return details if isinstance(details, Mapping) else {}
