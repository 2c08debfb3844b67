# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at a host: its certificate files, whom it trusts, and what its servers present.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe, pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import renew_before_of
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.handshake import presented
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import parse_names
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.survey import Survey

T = TypeVar("T")


class Look:
    """With the options of ``mongodb_tls_info``, from ``host``, the name for errors. Every method raises StrongholdError."""

    def __init__(self, options: Mapping[str, Any], host: str) -> None:
        self._options = options
        self._host = host
        self.trust_files: list[dict[str, Any]] = []
        trusted = self._parsed(pem.read_certificates, options["ca_file"])
        lists = self._parsed(pem.read_lists, options["crl_file"])
        self._survey = Survey(
            datetime.now(timezone.utc), trusted, lists, self._accepted(renew_before_of, options["renew_before"])
        )

    @property
    def now(self) -> datetime:
        return self._survey.now

    def certificate(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        names = self._accepted(parse_names, entry["names"])
        found = self._survey.of_file(self._read(entry["path"]), entry["kind"], names)
        return {"path": entry["path"], "kind": entry["kind"], **found}

    def authorities(self) -> list[dict[str, Any]]:
        return [self._survey.of_authority(certificate) for certificate in self._survey.trusted]

    def revocation_lists(self) -> list[dict[str, Any]]:
        return [self._survey.of_list(item) for item in self._survey.lists]

    def server(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        host, port = entry["host"], entry["port"]
        try:
            met = presented(
                host,
                port,
                self._options["ca_file"],
                certificate_file=entry["certificate_key_file"],
                crl_file=self._options["crl_file"],
                timeout=self._options["timeout"],
            )
        except OSError as error:
            raise StrongholdError(
                self._host, f"ask {host}:{port}", f"of the error '{error}'", "give files that a client could use"
            ) from error
        matches = self._matches(met.certificate, entry["path"])
        problems = [met.problem] if met.problem else []
        if met.certificate is not None and matches is False:
            problems.append(f"it presents serial {describe.serial(met.certificate)}, which is not the one in {entry['path']}")
        return {
            "host": host,
            "port": port,
            "answered": met.answered,
            "presented": self._survey.of_certificate(met.certificate) if met.certificate is not None else None,
            "verified": met.certificate is not None and not met.problem,
            "matches_file": matches,
            "problems": problems,
        }

    def _matches(self, certificate: Any, path: str | None) -> bool | None:
        if path is None:
            return None
        data = self._read(path)
        try:
            return data is not None and certificate is not None and pem.read_certificates(data)[0] == certificate
        except pem.PemError:
            return False

    def _parsed(self, read: Callable[[bytes], tuple[T, ...]], path: str | None) -> tuple[T, ...]:
        """Nothing of a file that cannot be parsed, which is then among ``trust_files``."""
        if path is None:
            return ()
        data = self._read(path)
        try:
            if data is not None:
                return read(data)
            reason = "there is no such file"
        except pem.PemError as error:
            reason = str(error)
        self.trust_files.append({"path": path, "problems": [reason]})
        return ()

    def _accepted(self, parse: Callable[[Any], T], value: Any) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise StrongholdError(self._host, "look at certificates", str(error), "correct it") from error

    def _read(self, path: str) -> bytes | None:
        try:
            return files.read(Path(path))
        except (OSError, ValueError) as error:
            raise StrongholdError(self._host, f"read {path}", str(error), "run the task as a user who may read it") from error
