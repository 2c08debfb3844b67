# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's side of ``mongodb_tls``: ask the host for requests, sign them, bring the certificates back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ansible.plugins.action import ActionBase

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, moments, secrets
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.secrets import CONTROLLER
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe, library, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import (
    AuthorityFolder,
    has_room_for,
    sign,
    sign_authority,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import (
    RELATIONS,
    argument_spec,
    wanted_certificates,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.judge import BACKDATED
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Permitted, Subject, rfc2253
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import make_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.request import ask_the_same, requested_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.trust import require_confined

MODULE = "stronghold.mongodb.mongodb_tls"
T = TypeVar("T")
SERIAL = re.compile("[0-9A-Fa-f]+")


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core ships no types
    """Runs the module once when nothing has to be issued, else once before and once after signing."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, params = self.validate_argument_spec(argument_spec(), **RELATIONS)
        try:
            result.update(self._run(params, task_vars))
        except StrongholdError as error:
            result.update(failed=True, msg=str(error), **error.facts())
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _run(self, params: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        problem = library.problem()
        if problem:
            raise StrongholdError(CONTROLLER, "sign certificates", problem, "install it for the Python that runs Ansible")
        wanted = wanted_certificates(params, CONTROLLER)
        if params["authority"] is None:
            if params["mode"] == "private":
                raise StrongholdError(
                    CONTROLLER, "sign certificates", "mode private needs authority", "give it, or leave out mode"
                )
            return self._external(params, task_vars)
        if not params["also_trust_as_members"]:
            # Here, and not on the host, where a former authority of our own is one of them.
            require_confined(_further(params["also_trust"]), wanted, _host(task_vars))
        folder = self._folder(params["authority"])
        signer = self._signer(folder, params["authority"])
        now = datetime.now(timezone.utc)
        before = signer.certificate()
        prepared = self._prepare(folder, signer, params, now)
        # The paths of the host are passed on as written: "~" means another home there.
        arguments = {key: value for key, value in self._task.args.items() if key != "authority"}
        asked = datetime.now(timezone.utc)
        first = self._on_host({**arguments, **prepared.arguments(folder, signer)}, task_vars)
        if first.get("failed"):
            return first
        requests = [entry.pop("request", None) for entry in first["certificates"]]
        off = _clock_is_off(first["clock"], asked, datetime.now(timezone.utc))
        if off and any(entry["reasons"] for entry in first["certificates"]):
            raise StrongholdError(_host(task_vars), "issue certificates", f"its clock is {off}", "set both clocks by NTP")
        prepared.warnings += [f"The clock of this host is {off}; certificates will be refused by it or its peers."] if off else []
        if not any(requests):
            if before is None and self._task.check_mode:
                prepared.created(folder, signer)
            return self._told(prepared, folder, signer, first)

        for item in dict.fromkeys((folder, signer)):
            if item.certificate() is None and item.opened(now)[1]:
                prepared.create(item)
        authority, _made = signer.opened(now)
        authority = replace(authority, chain=() if signer is folder else (folder.trusted(),))
        prepared.revoke_all(folder, signer)
        entries = [
            {**entry, "certificate": self._signed(authority, request, item, now)} if request else entry
            for entry, request, item in zip(self._task.args["certificates"], requests, wanted)
        ]
        second = self._on_host({**arguments, **prepared.arguments(folder, signer), "certificates": entries}, task_vars)
        if second.get("failed"):
            return second
        second["invocation"] = first.get("invocation", {})
        return self._told(prepared, folder, signer, first, second)

    def _external(self, params: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What signs is elsewhere; with ``requests_dir`` requests and answers are exchanged as files of the controller."""
        arguments = {key: value for key, value in self._task.args.items() if key != "requests_dir"}
        if not params["requests_dir"]:
            return self._on_host(arguments, task_vars)
        exchange = Exchange(Path(self._loader.path_dwim(params["requests_dir"])), _host(task_vars), self._task.check_mode)
        entries = [
            entry if entry.get("certificate") or entry.get("source") else {**entry, "certificate": exchange.answer(entry["path"])}
            for entry in arguments["certificates"]
        ]
        result = self._on_host({**arguments, "certificates": entries}, task_vars)
        if not result.get("failed"):
            exchange.hand_out(result)
        return result

    def _told(
        self, prepared: Prepared, folder: AuthorityFolder, signer: AuthorityFolder, *visits: dict[str, Any]
    ) -> dict[str, Any]:
        certificate, intermediate = folder.certificate(), signer.certificate()
        told = {
            **_merged(prepared, *visits),
            "authority": _facts(certificate, prepared.now),
            "warnings": [*_warnings(visits[-1], certificate, prepared.now), *prepared.warnings],
        }
        if signer is not folder:
            told["intermediate"] = _facts(intermediate, prepared.now)
            lists = folder.revocations() if prepared.crl_days is not None else None
            ends = [library.validity(intermediate)[1]] if intermediate and signer.is_due(prepared.now) else []
            if lists is not None and revocation.is_due(lists, (), prepared.now):
                ends.append(library.currency(lists)[1])
            if ends:
                told["warnings"].append(
                    f"What the authority {folder.folder} signed ends on {moments.text(min(ends))}, and every certificate"
                    " with it; bring its key back for a run, which renews that."
                )
        return told

    def _prepare(self, folder: AuthorityFolder, signer: AuthorityFolder, params: dict[str, Any], now: datetime) -> Prepared:
        options = params["authority"]
        if not self._task.check_mode:
            for each in dict.fromkeys((folder, signer)):
                each.guard()
        prepared = Prepared(
            now,
            self._task.check_mode,
            self._revoked(options["revoked"] or []),
            options["crl_days"] if params["crl_file"] else None,
            list(params["also_trust"]),
            self._lists(params["crl"] or ""),
        )
        prepared.renew(signer)
        if options["former"]:
            former = self._beside(folder, options["former"])
            certificate = former.certificate()
            if certificate is None:
                raise StrongholdError(
                    CONTROLLER,
                    f"trust the former authority {former.folder}",
                    "it is not there",
                    "put it back from your backup, or leave out the option once no certificate of it is in use",
                )
            prepared.also.append(_trust(certificate))
            prepared.revoke(former)
        prepared.revoke_all(folder, signer)
        if options["successor"]:
            prepared.succeed(self._beside(folder, options["successor"]))
        return prepared

    def _beside(self, folder: AuthorityFolder, path: str) -> AuthorityFolder:
        other = Path(self._loader.path_dwim(path))
        if other == folder.folder:
            raise StrongholdError(
                CONTROLLER, f"use the authority {other}", "it is declared twice", "give each a folder of its own"
            )
        return replace(folder, folder=other)

    def _lists(self, text: str) -> str:
        try:
            return pem.write_lists(pem.read_lists(text.encode())).decode() if text else ""
        except pem.PemError as error:
            raise StrongholdError(CONTROLLER, "use the revocation lists in crl", str(error), "give them in PEM") from error

    def _revoked(self, entries: list[str]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self._serial(entry.strip()) for entry in entries))

    def _serial(self, entry: str) -> int:
        digits = entry.replace(":", "")
        if SERIAL.fullmatch(digits):
            return int(digits, 16)
        path = "" if entry.startswith("-----") else self._loader.path_dwim(entry)
        try:
            data = Path(path).read_bytes() if path else entry.encode()
            return pem.read_certificates(data)[0].serial_number
        except (OSError, ValueError) as error:
            raise StrongholdError(
                CONTROLLER,
                f"revoke {path or 'a certificate in PEM'}",
                str(error),
                "give a serial number in hexadecimal, a certificate in PEM, or the path of one on the controller",
            ) from error

    def _on_host(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        return result

    def _folder(self, options: dict[str, Any]) -> AuthorityFolder:
        passphrase_file = options["passphrase_file"]
        try:
            permitted = Permitted.parse(options["permitted_names"])
        except ValueError as error:
            raise StrongholdError(CONTROLLER, "accept the authority", str(error), "correct permitted_names") from error
        return AuthorityFolder(
            folder=Path(self._loader.path_dwim(options["dir"])),
            subject=Subject(options["common_name"], options["organization"]),
            passphrase=options["passphrase"],
            passphrase_file=Path(self._loader.path_dwim(passphrase_file)) if passphrase_file else None,
            days=options["days"],
            key_type=options["key_type"],
            path_length=int(options["issuers"]) + (1 if options["intermediate"] else 0),
            permitted=permitted,
        )

    def _signer(self, folder: AuthorityFolder, options: dict[str, Any]) -> AuthorityFolder:
        """The authority itself, or its intermediate.

        One of a single level signs by itself until a successor takes its place.
        """
        intermediate = options["intermediate"]
        if not intermediate:
            return folder
        present = folder.certificate()
        if present is not None and options["successor"] and not has_room_for(present, int(options["issuers"])):
            return folder
        own: dict[str, Any] = {}
        if intermediate["passphrase"] or intermediate["passphrase_file"]:
            path = intermediate["passphrase_file"]
            own = {
                "passphrase": intermediate["passphrase"],
                "passphrase_file": Path(self._loader.path_dwim(path)) if path else None,
            }
        signer = replace(
            self._beside(folder, intermediate["dir"]),
            subject=Subject(intermediate["common_name"], options["organization"]),
            days=intermediate["days"],
            path_length=int(options["issuers"]),
            signer=folder,
            **own,
        )
        signer.require_signer()
        return signer

    def _signed(self, authority: pem.Pair, request: str, wanted: Any, now: datetime) -> str:
        try:
            public_key = requested_key(request)
        except ValueError as error:
            raise StrongholdError(
                CONTROLLER, f"sign the certificate {wanted.path}", f"the request cannot be used: {error}", "run the task again"
            ) from error
        return pem.write_certificates([sign(authority, public_key, wanted, now)]).decode()


def _host(task_vars: dict[str, Any] | None) -> str:
    return str((task_vars or {}).get("inventory_hostname", "host"))


def _further(texts: list[str]) -> tuple[Any, ...]:
    """None where it is no PEM, which the module on the host tells."""
    try:
        return pem.read_certificates("".join(texts).encode()) if texts else ()
    except pem.PemError:
        return ()


@dataclass
class Prepared:
    """What hosts are given besides the authority that signs. ``crl_days`` of None means that no list is asked for."""

    now: datetime
    check_mode: bool
    revoked: tuple[int, ...]
    crl_days: int | None
    also: list[str]
    crl: str
    successor: str = ""
    changes: list[str] = field(default_factory=list)
    diffs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lists: dict[Path, str] = field(default_factory=dict)

    def arguments(self, folder: AuthorityFolder, signer: AuthorityFolder) -> dict[str, Any]:
        certificate, intermediate = folder.certificate(), signer.certificate()
        found: dict[str, Any] = {"mode": "private", "trusted": _trust(certificate) + (self.successor if certificate else "")}
        if signer is not folder and intermediate is not None:
            found["chain"] = _trust(intermediate)
        if self.also:
            found |= {"also_trust": self.also, "also_trust_as_members": True}
        if self.crl_days is not None:
            found["crl"] = "".join([self.crl, *self.lists.values()]) if intermediate else ""
        return found

    def create(self, folder: AuthorityFolder) -> None:
        self.changes.append(f"create the authority {folder.folder} on the controller")
        self.diffs.append(_creation(folder))

    def created(self, *folders: AuthorityFolder) -> None:
        """Predict the creation of those that are missing."""
        for folder in dict.fromkeys(folders):
            if folder.certificate() is None:
                self.create(folder)

    def renew(self, folder: AuthorityFolder) -> None:
        if folder.is_due(self.now) and folder.signer is not None and folder.signer.has_key():
            before = _facts(folder.certificate(), self.now)
            if not (self.check_mode or folder.renew(self.now)):
                return
            what = f"sign the intermediate authority {folder.folder} on the controller again"
            self.changes.append(f"{what}: it expires in {before['days_left']} days, on {before['not_after']}")
            header = f"authority {folder.folder} on the controller"
            after = {"subject": rfc2253(folder.subject.to_name()), "days": folder.days}
            self.diffs.append({"before_header": header, "after_header": header, "before": before, "after": after})

    def revoke_all(self, folder: AuthorityFolder, signer: AuthorityFolder) -> None:
        """Have the lists of the authority that signs, and of the one above it, whose list lasts as long as an intermediate."""
        self.revoke(signer)
        if signer is not folder:
            self.revoke(folder, signer.days)

    def revoke(self, folder: AuthorityFolder, above: int = 0) -> None:
        """Have the list of an authority that is there, in check mode for this run alone.

        Of one that signs intermediates, which live for the days ``above``, the key may be away.
        """
        if self.crl_days is None or folder.folder in self.lists or folder.certificate() is None:
            return
        before = folder.revocations()
        days, revoked = max(above, self.crl_days), () if above else self.revoked
        made, new = folder.revoke(revoked, days, self.now, keep=not self.check_mode, away=bool(above))
        self.lists[folder.folder] = pem.write_lists([made]).decode()
        if new:
            added = sorted(revocation.serials(made) - (revocation.serials(before) if before else frozenset()))
            what = f", which revokes {', '.join(map(describe.hexadecimal, added))}" if added else ""
            self.changes.append(f"make a revocation list of the authority {folder.folder} on the controller{what}")
            header = f"revocation list of the authority {folder.folder} on the controller"
            texts = [
                "".join(f"{line}\n" for line in revocation.for_list(lists)) for lists in ([before] if before else [], [made])
            ]
            self.diffs.append({"before_header": header, "after_header": header, "before": texts[0], "after": texts[1]})

    def succeed(self, folder: AuthorityFolder) -> None:
        """Have the successor, in check mode for this run alone."""
        certificate = folder.certificate()
        if certificate is None:
            made = True
            if self.check_mode:
                certificate = sign_authority(make_key(folder.key_type), folder.subject, folder.days, self.now)
            else:
                pair, made = folder.opened(self.now)
                certificate = pair.certificate
            if made:
                self.create(folder)
        self.successor = _trust(certificate)
        self.revoke(folder)


@dataclass
class Exchange:
    """Requests to a company's authority, and its answers, in a folder on the controller."""

    folder: Path
    host: str
    check_mode: bool

    def answer(self, path: str) -> str | None:
        data = self._guarded(lambda: files.read(self._file(path, "pem")))
        return data.decode(errors="replace") if data else None

    def hand_out(self, result: dict[str, Any]) -> None:
        """Write the requests of ``result``, and tell of them in it. One that is there already stays."""
        for entry in result["certificates"]:
            if "request" not in entry:
                continue
            file = self._file(entry["path"], "csr")
            entry["request_file"] = str(file)
            present = self._guarded(partial(files.read, file)) or b""
            wanted = (entry["request"] or "").encode()
            if wanted and ask_the_same(present, wanted):
                continue
            if not self.check_mode:
                self._guarded(partial(self._write, file, wanted))
            result["changes"].append(f"write the request {file} on the controller")
            result["changed"] = True
        result.setdefault("warnings", []).extend(
            f"{entry['path']} is to be replaced: {'; '.join(entry['reasons'])}; have {entry['request_file']} signed."
            for entry in result["certificates"]
            if entry.get("request_file") and entry["usable"]
        )

    def _write(self, file: Path, data: bytes) -> None:
        secrets.hold(self.folder)
        with files.locked(self.folder, CONTROLLER, f"write {file}"):
            files.write(file, data, 0o644)

    def _file(self, path: str, ending: str) -> Path:
        return self.folder / f"{self.host}-{Path(path).stem}.{ending}"

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (OSError, ValueError) as error:
            attempt = f"exchange requests and certificates in {self.folder}"
            raise StrongholdError(CONTROLLER, attempt, f"of the error '{error}'", "check the folder and its owner") from error


def _trust(certificate: Any) -> str:
    return pem.write_certificates([certificate]).decode() if certificate else ""


def _clock_is_off(clock: str, before: datetime, after: datetime) -> str:
    """How far a clock that was read between two moments is away, as a clause, if that is more than certificates allow for."""
    then = moments.parse(clock)
    for away, side in ((before - then, "behind"), (then - after, "ahead of")):
        if away > BACKDATED:
            return f"{away // timedelta(minutes=1)} minutes {side} the controller's"
    return ""


def _creation(folder: AuthorityFolder) -> dict[str, Any]:
    header = f"authority {folder.folder} on the controller"
    after = {"subject": rfc2253(folder.subject.to_name()), "key_type": folder.key_type, "days": folder.days}
    return {"before_header": header, "after_header": header, "before": "", "after": after}


def _facts(certificate: Any, now: datetime) -> dict[str, Any]:
    if certificate is None:
        return dict.fromkeys(("subject", "serial", "fingerprint", "not_before", "not_after", "days_left"))
    return describe.facts(certificate, now)


def _merged(prepared: Prepared, *visits: dict[str, Any]) -> dict[str, Any]:
    """What was done on the controller and all visits as one: each change once, with the later diff where two tell of the same."""
    diffs = list(prepared.diffs)
    diffs.extend(entry for visit in visits for entry in visit["diff"])
    changes = list(prepared.changes)
    changes.extend(change for visit in visits for change in visit["changes"])
    return {
        **visits[-1],
        "changed": bool(prepared.changes) or any(visit["changed"] for visit in visits),
        "changes": list(dict.fromkeys(changes)),
        "diff": list({entry["before_header"]: entry for entry in diffs}.values()),
    }


def _warnings(result: dict[str, Any], certificate: Any, now: datetime) -> list[str]:
    """An authority in the last tenth of its life, because its replacement takes time."""
    warnings = list(result.get("warnings", []))
    if certificate is not None:
        start, end = library.validity(certificate)
        if (end - now) * 10 < end - start:
            warnings.append(f"The authority expires on {moments.text(end)}, and every certificate with it; replace it before.")
    return warnings
