# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's side: what is there, what has to change, and how it is changed.

For a certificate that has to be issued, the first call makes a private key in ``.NAME.pending`` beside the file and
returns a request for it; a later call, with the certificate that was signed for it, puts both in place at
once. Between the two the old file stays as it is, and a key that waits is used again.

PRIVATE to the collection.
"""

from __future__ import annotations

import grp
import os
import pwd
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe, pem, revocation
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.judge import (
    issued_by,
    issuers,
    judge,
    judge_external,
    key_matches,
    near_end,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import rfc2253
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.profile import key_type_of, make_key
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.request import make_request

with suppress(ImportError):
    from cryptography import x509

CA_MODE = 0o644


@dataclass
class Host:
    """One run on one host. ``name`` is for errors; ``results`` is complete after the plan is applied.

    ``also`` are authorities that are trusted and sign nothing here; ``chain`` are the intermediates that sign, nearest
    first; ``external`` is for certificates that come from elsewhere; ``issuers`` are those whose certificates are in use.
    """

    name: str
    now: datetime
    trusted: tuple[x509.Certificate, ...]
    check_mode: bool
    also: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    chain: tuple[x509.Certificate, ...] = ()
    external: bool = False
    issuers: list[x509.Certificate] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    results: list[dict[str, Any]] = field(default_factory=list)

    def folder(self, path: Path) -> None:
        """Plan that ``path`` is there. One that is there stays as it is."""
        if not path.exists():
            after = {"state": "directory", "mode": "0755"}
            make = self._guarded(path, lambda: files.make_open(path))
            self.plan.add(f"make the folder {path}", f"folder {path}", {"state": "absent"}, after, make)

    def bundle(self, path: Path) -> None:
        """Plan that ``path`` holds exactly the trusted authorities, each once.

        A file that trusts only others belongs to a cluster of another authority; replacing it would cut this host off.
        """
        data = self._read(path)
        present: tuple[x509.Certificate, ...] = ()
        unusable = ""
        if data is not None:
            try:
                present = pem.read_certificates(data)
            except pem.PemError as error:
                unusable = str(error)
        trusted = tuple(dict.fromkeys((*self.trusted, *self.also)))
        if present and not set(present) & set(trusted):
            raise StrongholdError(
                self.name,
                f"trust the authority in {path}",
                f"this host trusts another one already, {'; '.join(describe.for_list(present))}",
                "where that one was replaced, name its folder as former for this run; else bring its folder back to the"
                " controller, or remove the file if the host is to start anew",
            )
        if not self.trusted:
            if self.check_mode:
                self.plan.add(
                    f"trust the new authority in {path}", f"trusted authorities {path}", [], ["a new authority"], lambda: None
                )
            return
        mode_differs = data is not None and files.mode(path) != CA_MODE
        if present == trusted and not mode_differs:
            return
        reason = f" in place of a file that is not usable: {unusable}" if unusable else ""

        def change() -> None:
            if unusable:
                self._set_aside(path)
            files.write(path, pem.write_certificates(trusted), CA_MODE)

        self.plan.add(
            f"trust {', '.join(rfc2253(item.subject) for item in trusted)} in {path}{reason}",
            f"trusted authorities {path}",
            [*describe.for_list(present), *([f"mode {files.mode(path):04o}"] if mode_differs else [])],
            [*describe.for_list(trusted), *([f"mode {CA_MODE:04o}"] if mode_differs else [])],
            self._guarded(path, change),
        )

    def revocations(self, path: Path) -> None:
        """Plan that ``path`` holds exactly the revocation lists."""
        data = self._read(path)
        present: tuple[x509.CertificateRevocationList, ...] = ()
        with suppress(pem.PemError):
            present = pem.read_lists(data) if data is not None else ()
        if not self.lists:
            if self.check_mode and not self.trusted:
                subject = f"revocation lists {path}"
                self.plan.add(
                    f"have the revocation list of the new authority in {path}", subject, [], ["a new list"], lambda: None
                )
            elif self.trusted:
                self._refuse_lists(path, ["there is none"])
            return
        everyone = [*self.trusted, *self.also, *self.chain, *self.issuers]
        reasons = revocation.problems(self.lists, [*self.issuers, *self.also], everyone, self.now)
        if reasons:
            self._refuse_lists(path, reasons)
        old = revocation.older(present, self.lists) if self.external else []
        if old:
            self._refuse_lists(path, old, "bring the newest")
        forgotten = [] if self.external else revocation.forgotten(present, self.lists)
        if forgotten:
            numbers = ", ".join(map(describe.hexadecimal, forgotten))
            reasons = [f"certificates that this host knows as revoked would come in again, serials {numbers}"]
            self._refuse_lists(path, reasons, "bring back the folder of the authority, or name these serials as revoked")
        mode_differs = data is not None and files.mode(path) != CA_MODE
        if present == self.lists and not mode_differs:
            return
        self.plan.add(
            f"have the revocation lists of {', '.join(rfc2253(item.issuer) for item in self.lists)} in {path}",
            f"revocation lists {path}",
            [*revocation.for_list(present), *([f"mode {files.mode(path):04o}"] if mode_differs else [])],
            [*revocation.for_list(self.lists), *([f"mode {CA_MODE:04o}"] if mode_differs else [])],
            self._guarded(path, lambda: files.write(path, pem.write_lists(self.lists), CA_MODE)),
        )

    def _refuse_lists(self, path: Path, reasons: list[str], remedy: str = "bring lists of all issuers that are in force") -> None:
        raise StrongholdError(self.name, f"use the revocation lists for {path}", "; ".join(reasons), remedy)

    def certificate(self, wanted: Wanted, brought: str | None) -> None:
        """Plan one certificate; ``brought`` is the one that was signed for the pending key, in PEM, with its chain."""
        data = self._read(wanted.path)
        ready = self._ready(wanted)
        pair: pem.Pair | None = None
        foreign = False
        if data is None:
            reasons = ["there is none yet"]
        else:
            try:
                pair = pem.read_pair(data)
                reasons = self._judge(pair, wanted) if ready is None else _differences(pair, ready)
                foreign = not key_matches(pair)
                if reasons and self.external and brought and _is(brought, pair):
                    brought = None
            except pem.PemError as error:
                reasons = [f"the file there is not usable: {error}"]
                foreign = True
        result: dict[str, Any] = {
            "path": str(wanted.path),
            "kind": wanted.kind,
            "subject": rfc2253(wanted.subject.to_name()),
            "names": list(wanted.names),
            "issued": bool(reasons and (brought or ready or (self.check_mode and not self.external))),
            "reasons": reasons,
            **dict.fromkeys(("serial", "fingerprint", "not_before", "not_after", "days_left")),
        }
        self.results.append(result)
        if reasons and ready is not None:
            self._plan_ready(wanted, pair, foreign, ready, result)
        elif reasons:
            self._plan_issue(wanted, pair, foreign, brought, result)
        elif pair is not None:
            self._note_issuers(pair)
            result.update(describe.facts(pair.certificate, self.now))
            self._plan_attributes(wanted)
            self._plan_cleaning(wanted)

    def _judge(self, pair: pem.Pair, wanted: Wanted) -> list[str]:
        if self.external:
            return self._faults(pair, wanted) + near_end(pair.certificate, wanted, self.now)
        return judge(pair, wanted, self.trusted, self.now, also=self.also, chain=self.chain, lists=self.lists)

    def _faults(self, pair: pem.Pair, wanted: Wanted) -> list[str]:
        return judge_external(pair, wanted, self.trusted, self.now, self.lists)

    def _note_issuers(self, pair: pem.Pair) -> None:
        self.issuers += [issuer for issuer in issuers(pair, self.trusted) if issuer not in self.issuers]

    def _ready(self, wanted: Wanted) -> pem.Pair | None:
        """The ready files, judged before anything is touched."""
        source = wanted.source
        if source is None:
            return None
        attempt = f"take {source.certificate} for the {wanted.kind} certificate {wanted.path}"
        try:
            certificate, *chain = pem.read_certificates(self._existing(source.certificate, attempt))
            chain += pem.read_certificates(self._existing(source.chain, attempt)) if source.chain else []
            key = pem.read_key(self._existing(source.key or source.certificate, attempt))
        except pem.PemError as error:
            raise StrongholdError(
                self.name, attempt, f"it cannot be used: {error}", "bring files in PEM, with the key in clear"
            ) from error
        pair = pem.Pair(certificate, tuple(chain), key)
        if not chain and self.chain and issued_by(certificate, self.chain[0]):
            pair = pem.Pair(certificate, self.chain, key)
        reasons = self._faults(pair, wanted)
        if reasons:
            raise StrongholdError(self.name, attempt, "; ".join(reasons), "correct that, and run the task again")
        self.plan.warnings += [
            f"{source.certificate} is to be replaced: {reason}." for reason in near_end(certificate, wanted, self.now)
        ]
        return pair

    def _existing(self, path: Path, attempt: str) -> bytes:
        data = self._read(path)
        if data is None:
            raise StrongholdError(self.name, attempt, f"{path} is not there", "bring it to the host")
        return data

    def _plan_ready(self, wanted: Wanted, pair: pem.Pair | None, foreign: bool, ready: pem.Pair, result: dict[str, Any]) -> None:
        self._note_issuers(ready)
        result.update(describe.facts(ready.certificate, self.now))
        self.plan.add(
            f"take the {wanted.kind} certificate {wanted.path} from its source: {'; '.join(result['reasons'])}",
            f"certificate {wanted.path}",
            describe.for_diff(pair.certificate) if pair else None,
            describe.for_diff(ready.certificate),
            self._guarded(wanted.path, lambda: self._install(wanted, ready, foreign)),
        )

    def _plan_issue(
        self, wanted: Wanted, pair: pem.Pair | None, foreign: bool, brought: str | None, result: dict[str, Any]
    ) -> None:
        summary = f"issue the {wanted.kind} certificate {wanted.path}: {'; '.join(result['reasons'])}"
        subject = f"certificate {wanted.path}"
        before = describe.for_diff(pair.certificate) if pair else None
        after: dict[str, Any] = {
            "subject": result["subject"],
            "names": sorted(wanted.names),
            "key_type": wanted.key_type,
        }
        if brought is not None:
            new = self._accept(wanted, brought, pair)
            self._note_issuers(new)
            result.update(describe.facts(new.certificate, self.now))
            after = describe.for_diff(new.certificate)
            self.plan.add(
                summary, subject, before, after, self._guarded(wanted.path, lambda: self._install(wanted, new, foreign))
            )
            return
        if self.trusted:
            after["issuer"] = rfc2253(self.trusted[0].subject)
        waiting = self._pending_key(wanted)
        if self.external:
            result.update(request=None, usable=pair is not None and not self._faults(pair, wanted))
            if pair is not None:
                self._note_issuers(pair)
                result.update({**describe.facts(pair.certificate, self.now), "subject": result["subject"]})
        if waiting is not None and (self.external or not self.check_mode):
            result["request"] = make_request(waiting, wanted)
            return

        def change() -> None:
            key = make_key(wanted.key_type)
            files.write(_pending(wanted), pem.write_key(key), 0o600)
            result["request"] = make_request(key, wanted)

        self.plan.add(summary, subject, before, after, self._guarded(wanted.path, change))

    def _pending_key(self, wanted: Wanted) -> Any:
        """The key that waits for its certificate, if it is one of the declared type."""
        data = self._read(_pending(wanted))
        if data is None:
            return None
        try:
            key = pem.read_key(data)
        except pem.PemError:
            return None
        return key if key_type_of(key.public_key()) == wanted.key_type else None

    def _accept(self, wanted: Wanted, brought: str, pair: pem.Pair | None) -> pem.Pair:
        """The brought certificate with the key it was made for, judged before anything is touched.

        The key in place is tried too: another run may have finished the same request meanwhile.
        """
        attempt = f"install the certificate {wanted.path}"
        try:
            certificate, *chain = pem.read_certificates(brought.encode())
        except pem.PemError as error:
            raise StrongholdError(
                self.name, attempt, f"what was brought cannot be used: {error}", "bring a PEM certificate"
            ) from error
        reasons = ["no key on this host belongs to it"]
        for key in (self._pending_key(wanted), pair.key if pair else None):
            new = pem.Pair(certificate, tuple(chain), key)
            if not chain and self.chain and issued_by(certificate, self.chain[0]):
                new = pem.Pair(certificate, self.chain, key)
            if key is not None and key_matches(new):
                reasons = self._judge(new, wanted)
                if not reasons:
                    return new
        raise StrongholdError(self.name, attempt, "; ".join(reasons), "correct that, and run the task again")

    def _install(self, wanted: Wanted, new: pem.Pair, foreign: bool) -> None:
        uid, gid = self._owner(wanted)
        with suppress(FileNotFoundError):
            present = wanted.path.stat()
            uid = present.st_uid if uid == -1 else uid
            gid = present.st_gid if gid == -1 else gid
        if foreign:
            self._set_aside(wanted.path)
        files.write(wanted.path, pem.write_pair(new), wanted.mode, uid, gid)
        with suppress(FileNotFoundError):
            files.remove(_pending(wanted))

    def _set_aside(self, path: Path) -> None:
        """Keep a copy of a file that this collection did not write, with the time in its name, for its owner alone."""
        data = self._read(path)
        if data is not None:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            files.write(path.with_name(f"{path.name}.{stamp}~"), data, 0o600)

    def _plan_attributes(self, wanted: Wanted) -> None:
        present = wanted.path.stat()
        uid, gid = self._owner(wanted)
        rows = (
            ("owner", _user_name(present.st_uid), wanted.owner, uid not in (-1, present.st_uid)),
            ("group", _group_name(present.st_gid), wanted.group, gid not in (-1, present.st_gid)),
            ("mode", f"{files.mode(wanted.path):04o}", f"{wanted.mode:04o}", files.mode(wanted.path) != wanted.mode),
        )
        before = {name: actual for name, actual, _declared, differs in rows if differs}
        after = {name: declared for name, _actual, declared, differs in rows if differs}
        if not after:
            return

        def change() -> None:
            os.chown(wanted.path, uid, gid)
            wanted.path.chmod(wanted.mode)

        what = ", ".join(f"{name} {value}" for name, value in after.items())
        self.plan.add(f"set {what} on {wanted.path}", f"file {wanted.path}", before, after, self._guarded(wanted.path, change))

    def _plan_cleaning(self, wanted: Wanted) -> None:
        pending = _pending(wanted)
        if self._read(pending) is not None:
            self.plan.add(
                f"remove the key {pending} of a request that is no longer needed",
                f"file {pending}",
                {"state": "present"},
                {"state": "absent"},
                self._guarded(pending, lambda: files.remove(pending)),
            )

    def _owner(self, wanted: Wanted) -> tuple[int, int]:
        """Numbers of owner and group, -1 where none is declared, or in check mode where it does not exist yet."""
        try:
            return (
                _number(wanted.owner, lambda name: pwd.getpwnam(name).pw_uid),
                _number(wanted.group, lambda name: grp.getgrnam(name).gr_gid),
            )
        except KeyError as error:
            if self.check_mode:
                return -1, -1
            raise StrongholdError(
                self.name, f"give {wanted.path} to its owner", str(error.args[0]), "create the user and the group first"
            ) from error

    def _guarded(self, path: Path, action: Callable[[], object]) -> Callable[[], None]:
        """``action`` on ``path``, with what the system refuses, such as a full disk, named."""

        def carry_out() -> None:
            try:
                action()
            except OSError as error:
                reason, remedy = f"of the error '{error}'", "mend that, and run the task again"
                raise StrongholdError(self.name, f"change {path}", reason, remedy) from error

        return carry_out

    def _read(self, path: Path) -> bytes | None:
        try:
            return files.read(path)
        except (OSError, ValueError) as error:
            raise StrongholdError(
                self.name, f"read {path}", str(error), "make it a file that can be read, or remove it"
            ) from error


def plan_host(host: Host, wanted: Sequence[Wanted], brought: Sequence[str | None], ca_file: Path, crl_file: Path | None) -> None:
    """Fill ``host.plan`` and ``host.results``. Raises StrongholdError before anything is changed."""
    shared = [path for path in (ca_file, crl_file) if path]
    for folder in sorted({path.parent for path in (*shared, *(item.path for item in wanted))}):
        host.folder(folder)
    host.bundle(ca_file)
    for item, certificate in zip(wanted, brought):
        host.certificate(item, certificate)
    if crl_file is not None:
        host.revocations(crl_file)


def _differences(pair: pem.Pair, ready: pem.Pair) -> list[str]:
    if pair.certificate != ready.certificate:
        return ["its source holds another certificate"]
    if pair.chain != ready.chain:
        return ["its source holds another chain"]
    return [] if key_matches(pair) else ["its key does not belong to its certificate"]


def _is(brought: str, pair: pem.Pair) -> bool:
    """Whether what was brought is the certificate in place, which is to be replaced."""
    with suppress(pem.PemError):
        return pem.read_certificates(brought.encode())[0] == pair.certificate
    return False


def _pending(wanted: Wanted) -> Path:
    return wanted.path.with_name(f".{wanted.path.name}.pending")


def _number(name: str | None, find: Any) -> int:
    if name is None:
        return -1
    return int(name) if name.isdecimal() else int(find(name))


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
