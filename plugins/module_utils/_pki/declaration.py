# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task of ``mongodb_tls`` asks for: its options, and the certificates they declare.

PRIVATE to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import (
    Subject,
    parse_names,
    to_alternative_names,
    vouching,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import KEY_TYPES, KINDS

with suppress(ImportError):
    from cryptography import x509

THIRD = "third"
MODES = ("private", "external")
_PERMITTED_MODE = 0o660


def argument_spec() -> dict[str, dict[str, Any]]:
    """Options of the module, checked on the controller and again on the host.

    Certificates and lists are no secrets; with ``no_log``, whole files stay out of the host's log.
    """
    return {
        "mode": {"type": "str", "choices": list(MODES)},
        "authority": {
            "type": "dict",
            "options": {
                "dir": {"type": "path", "required": True},
                "passphrase": {"type": "str", "no_log": True},
                "passphrase_file": {"type": "path", "no_log": False},
                "common_name": {"type": "str", "default": "MongoDB authority"},
                "organization": {"type": "str", "default": ""},
                "days": {"type": "int", "default": 3650},
                "key_type": {"type": "str", "choices": list(KEY_TYPES), "default": KEY_TYPES[0], "no_log": False},
                "permitted_names": {"type": "list", "elements": "str", "default": []},
                "issuers": {"type": "bool", "default": False},
                "intermediate": {
                    "type": "dict",
                    "options": {
                        "dir": {"type": "path", "required": True},
                        "common_name": {"type": "str", "default": "MongoDB issuing authority"},
                        "days": {"type": "int", "default": 1825},
                        "passphrase": {"type": "str", "no_log": True},
                        "passphrase_file": {"type": "path", "no_log": False},
                    },
                    "mutually_exclusive": [("passphrase", "passphrase_file")],
                },
                "successor": {"type": "path"},
                "former": {"type": "path"},
                "revoked": {"type": "list", "elements": "str"},
                "crl_days": {"type": "int", "default": 365},
            },
            "mutually_exclusive": [("passphrase", "passphrase_file")],
            "required_one_of": [("passphrase", "passphrase_file")],
        },
        "trusted": {"type": "str", "no_log": True},
        "chain": {"type": "str", "no_log": True},
        "requests_dir": {"type": "path"},
        "also_trust": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "also_trust_as_members": {"type": "bool", "default": False},
        "ca_file": {"type": "path", "required": True},
        "crl_file": {"type": "path"},
        "crl": {"type": "str", "no_log": True},
        "renew_before": {"type": "str", "default": THIRD},
        "certificates": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "mutually_exclusive": [("certificate", "source")],
            "options": {
                "path": {"type": "path", "required": True},
                "kind": {"type": "str", "choices": list(KINDS), "required": True},
                "common_name": {"type": "str", "required": True},
                "organization": {"type": "str", "required": True},
                "organizational_unit": {"type": "str", "default": ""},
                "names": {"type": "list", "elements": "str", "default": []},
                "days": {"type": "int", "default": 365},
                "key_type": {"type": "str", "choices": list(KEY_TYPES), "default": KEY_TYPES[0], "no_log": False},
                "owner": {"type": "str"},
                "group": {"type": "str"},
                "mode": {"type": "str", "default": "0600"},
                "certificate": {"type": "str", "no_log": True},
                "source": {
                    "type": "dict",
                    "options": {
                        "certificate": {"type": "path", "required": True},
                        "key": {"type": "path", "no_log": False},
                        "chain": {"type": "path"},
                    },
                },
            },
        },
    }


# Relations between the top-level options, for AnsibleModule and for ActionBase.validate_argument_spec.
RELATIONS: dict[str, Any] = {
    "mutually_exclusive": [("authority", "trusted")],
    "required_one_of": [("authority", "trusted")],
}


@dataclass(frozen=True)
class Source:
    """Ready files on the host; the key and the chain may be in the file of the certificate."""

    certificate: Path
    key: Path | None = None
    chain: Path | None = None


@dataclass(frozen=True)
class Wanted:
    """One declared certificate. ``names`` are normalised; ``renew_before`` of None is a third of the life.

    An issuer ``vouches`` for other certificates of the same host, and can for nothing else.
    """

    path: Path
    kind: str
    subject: Subject
    names: tuple[str, ...] = ()
    days: int = 365
    key_type: str = KEY_TYPES[0]
    renew_before: timedelta | None = None
    owner: str | None = None
    group: str | None = None
    mode: int = 0o600
    source: Source | None = None
    vouches: tuple[Wanted, ...] = ()

    def named(self) -> list[x509.ExtensionType]:
        """The names for which it is valid, or of an issuer the subjects and names for which it vouches.

        Neither is critical. RFC 5280 wants constraints to be, but verifiers in Go refuse what is critical and limits subjects,
        and OpenSSL, which servers use, enforces it either way.
        """
        if self.vouches:
            names = dict.fromkeys(name for item in self.vouches for name in item.names)
            return [vouching(dict.fromkeys(item.subject for item in self.vouches), names)]
        return [to_alternative_names(self.names)] if self.names else []


def wanted_certificates(params: dict[str, Any], host: str) -> list[Wanted]:
    """The declared certificates. Raises StrongholdError, which names the entry, for what cannot be issued."""
    wanted = [_wanted(entry, params["renew_before"], host) for entry in params["certificates"]]
    signed = tuple(item for item in wanted if item.kind != "issuer")
    wanted = [replace(item, vouches=signed) if item.kind == "issuer" else item for item in wanted]
    paths = [item.path for item in wanted] + [Path(params[option]) for option in ("ca_file", "crl_file") if params.get(option)]
    for path in paths:
        if paths.count(path) > 1:
            raise _refusal(host, str(path), "two files are declared there", "give each a path of its own")
    _check_revocation(params, host)
    _check_backups(wanted, host)
    _check_issuers(wanted, params, host)
    if params.get("authority") and params.get("requests_dir"):
        reason = "the authority signs without them"
        raise _refusal(host, "requests_dir", reason, "leave it out, or give trusted instead of authority")
    if params.get("authority") and (params.get("mode") == "external" or any(item.source for item in wanted)):
        reason = "its certificates come from elsewhere, and the authority would sign none"
        raise _refusal(host, "mode external", reason, "give trusted instead of authority")
    groups = {(item.subject.organization, item.subject.organizational_unit) for item in wanted if item.kind == "member"}
    for item in wanted:
        if item.kind != "member" and (item.subject.organization, item.subject.organizational_unit) in groups:
            raise _refusal(
                host,
                str(item.path),
                f"a {item.kind} with the organization and unit of the members would be taken for a member, with all rights",
                f"give a {item.kind} another organizational_unit",
            )
    return wanted


def _check_backups(wanted: list[Wanted], host: str) -> None:
    others = {item.subject.organizational_unit for item in wanted if item.kind != "backup"}
    for item in wanted:
        if item.kind == "backup" and item.subject.organizational_unit in {"", *others}:
            reason = "a backup needs an organizational unit of its own, because its rights go beyond those of a client"
            raise _refusal(host, str(item.path), reason, "give it one")


def _check_issuers(wanted: list[Wanted], params: dict[str, Any], host: str) -> None:
    for item in wanted:
        if item.kind != "issuer":
            continue
        if item.names:
            reason = "an issuer has no names, as it vouches for the other certificates of the task"
            raise _refusal(host, str(item.path), reason, "leave out its names")
        if not item.vouches:
            raise _refusal(host, str(item.path), "there is nothing that an issuer could renew", "declare certificates beside it")
        if params.get("crl_file"):
            reason = "mongod wants a revocation list of every issuer, and one on a host makes none"
            raise _refusal(host, str(item.path), reason, "leave out the issuer, or crl_file")
        if not params.get("authority") and params.get("mode") != "private":
            raise _refusal(host, str(item.path), "an issuer is signed by authority alone", "leave out the issuer")


def _check_revocation(params: dict[str, Any], host: str) -> None:
    authority = params.get("authority") or {}
    if authority.get("revoked") and not params.get("crl_file"):
        raise _refusal(host, "the revocations", "no server would learn of them without a file", "set crl_file")
    if authority.get("intermediate") and params.get("crl_file") and (authority.get("successor") or authority.get("former")):
        reason = "the lists of two authorities with intermediates cannot be kept at once"
        raise _refusal(host, "the authority", reason, "leave out crl_file until the authority is replaced")
    if params.get("crl") and not params.get("crl_file"):
        raise _refusal(host, "the revocation lists in crl", "there is no file for them", "set crl_file")
    if authority.get("crl_days", 1) < 1:
        raise _refusal(host, "the revocations", "crl_days is less than 1", "correct it")


def _wanted(entry: dict[str, Any], renew_before: str, host: str) -> Wanted:
    path = entry["path"]
    subject = Subject(entry["common_name"], entry["organization"], entry["organizational_unit"])
    try:
        item = Wanted(
            path=Path(path),
            kind=entry["kind"],
            subject=subject,
            names=parse_names(entry["names"]),
            days=entry["days"],
            key_type=entry["key_type"],
            renew_before=renew_before_of(renew_before),
            owner=entry["owner"],
            group=entry["group"],
            mode=_mode(entry["mode"]),
            source=_source(entry.get("source")),
        )
    except ValueError as error:
        raise _refusal(host, path, str(error), "correct it") from error
    problems = subject.problems()
    if not item.path.is_absolute():
        problems.append("the path is not absolute")
    if item.days < 1:
        problems.append("days is less than 1")
    if item.kind == "member" and not item.names:
        problems.append("a member certificate without names would be valid for no address")
    if item.renew_before is not None and item.renew_before >= timedelta(days=item.days):
        problems.append(f"it would be renewed on every run, as renew_before is not below its {item.days} days")
    if problems:
        raise _refusal(host, path, "; ".join(problems), "correct its options")
    return item


def _source(entry: dict[str, Any] | None) -> Source | None:
    return Source(**{name: Path(path) for name, path in entry.items() if path}) if entry else None


def renew_before_of(text: str) -> timedelta | None:
    if text == THIRD:
        return None
    if not text.isdecimal():
        raise ValueError(f"renew_before is '{text}' and neither '{THIRD}' nor a number of days")
    return timedelta(days=int(text))


def _mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if mode < 0 or mode & ~_PERMITTED_MODE:
        raise ValueError(f"mode '{text}' is not an octal number within 0660, in quotes")
    return mode


def _refusal(host: str, path: str, reason: str, remedy: str) -> StrongholdError:
    return StrongholdError(host, f"accept the declaration of {path}", reason, remedy)
