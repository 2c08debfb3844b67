# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long certificates take, issued and unchanged, beside a loop over the modules of community.crypto."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import page as pages
from bench import run, sides
from bench.page import grid
from bench.run import Tasks, Timed
from lab.shell import LabError, progress

METHOD = (Path(__file__).parent / "certificates.md").read_text().strip()
COUNTS = (3, 50)
GOAL = 5.0
PHRASE = "a phrase of the bench"


@dataclass(frozen=True)
class Measured:
    """``count`` certificates, each side a pair of runs: issued, unchanged."""

    count: int
    ours: Sequence[Timed]
    peer: Sequence[Timed]


@dataclass(frozen=True)
class Bench:
    scratch: Path

    def ours(self, count: int) -> Timed:
        folder = self.scratch / f"ours{count}"
        certificates = [
            {
                "path": f"{folder}/{name}.pem",
                "kind": "member",
                "common_name": name,
                "organization": "bench",
                "names": [name, "localhost", "127.0.0.1"],
            }
            for name in _names(count)
        ]
        authority = {"dir": f"{self.scratch}/authority", "passphrase": PHRASE}
        task = {
            "stronghold.mongodb.mongodb_tls": {
                "authority": authority,
                "ca_file": f"{folder}/ca.pem",
                "certificates": certificates,
            }
        }
        return run.play(self.scratch, run.OURS, [task])

    def peer(self, count: int) -> Timed:
        folder = self.scratch / f"peer{count}"
        folder.mkdir(exist_ok=True)
        each = {"loop": _names(count)}
        file = f"{folder}/{{{{ item }}}}"
        key = {"path": f"{file}.key", "type": "ECC", "curve": "secp256r1"}
        request = {
            "path": f"{file}.csr",
            "privatekey_path": f"{file}.key",
            "common_name": "{{ item }}",
            "organization_name": "bench",
            "subject_alt_name": ["DNS:{{ item }}", "DNS:localhost", "IP:127.0.0.1"],
            "key_usage": ["digitalSignature"],
            "extended_key_usage": ["serverAuth", "clientAuth"],
        }
        certificate = {
            "path": f"{file}.pem",
            "csr_path": f"{file}.csr",
            "provider": "ownca",
            **{f"ownca_{name}": f"{self.scratch}/peer-ca.{end}" for name, end in (("path", "pem"), ("privatekey_path", "key"))},
            "ownca_privatekey_passphrase": PHRASE,
        }
        tasks = [
            {"community.crypto.openssl_privatekey": key, **each},
            {"community.crypto.openssl_csr": request, **each},
            {"community.crypto.x509_certificate": certificate, **each},
        ]
        return run.play(self.scratch, sides.PEER / "bin", tasks)

    def make_authorities(self) -> None:
        self.ours(1)
        file = f"{self.scratch}/peer-ca"
        phrase = {"passphrase": PHRASE, "cipher": "auto"}
        usage = {"basic_constraints": ["CA:TRUE"], "basic_constraints_critical": True, "key_usage": ["keyCertSign"]}
        by = {"privatekey_path": f"{file}.key", "privatekey_passphrase": PHRASE}
        request = {"path": f"{file}.csr", "common_name": "bench", "key_usage_critical": True, **usage, **by}
        tasks: Tasks = [
            {"community.crypto.openssl_privatekey": {"path": f"{file}.key", "type": "ECC", "curve": "secp256r1", **phrase}},
            {"community.crypto.openssl_csr": request},
            {
                "community.crypto.x509_certificate": {
                    "path": f"{file}.pem",
                    "csr_path": f"{file}.csr",
                    "provider": "selfsigned",
                    **by,
                }
            },
        ]
        run.play(self.scratch, sides.PEER / "bin", tasks)

    def prove(self, side: str, count: int, authority: str, runs: Sequence[Timed]) -> None:
        """All are there and verify, and the second run changed nothing."""
        files = [str(self.scratch / f"{side}{count}" / f"{name}.pem") for name in _names(count)]
        words = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(self.scratch / authority)]
        subprocess.run([*words, *files], stdout=subprocess.DEVNULL, check=True)
        if not runs[0].changed or runs[1].changed:
            raise LabError(f"the first run of {side} changed nothing, or the second changed something")


def _names(count: int) -> list[str]:
    return [f"db-{number}.example.com" for number in range(count)]


def measure(bench: Bench, count: int) -> Measured:
    progress(f"{count} certificates: stronghold.mongodb")
    ours = [bench.ours(count), bench.ours(count)]
    bench.prove("ours", count, "authority/ca.pem", ours)
    progress(f"{count} certificates: community.crypto")
    peer = [bench.peer(count), bench.peer(count)]
    bench.prove("peer", count, "peer-ca.pem", peer)
    return Measured(count, ours, peer)


def table(measured: Sequence[Measured]) -> str:
    titles = ("certificates", "", "stronghold.mongodb", "community.crypto", "times faster", "CPU", "CPU", "times less")
    rows = [titles]
    for one in measured:
        for title, ours, peer in zip(("issued", "unchanged"), one.ours, one.peer):
            times = (f"{ours.seconds:.2f} s", f"{peer.seconds:.2f} s", f"{peer.seconds / ours.seconds:.1f}")
            rows.append((str(one.count), title, *times, f"{ours.cpu:.2f} s", f"{peer.cpu:.2f} s", f"{peer.cpu / ours.cpu:.1f}"))
    return (
        f"{grid(rows)}\n\n* {COUNTS[-1]} issued: at least {GOAL:.0f} times faster, is {_factor(measured):.1f}: {_word(measured)}."
    )


def _factor(measured: Sequence[Measured]) -> float:
    return measured[-1].peer[0].seconds / measured[-1].ours[0].seconds


def _word(measured: Sequence[Measured]) -> str:
    return "met" if _factor(measured) >= GOAL else "missed"


def page(date: str, facts: Mapping[str, str], measured: Sequence[Measured], previous: str) -> str:
    return pages.page(
        "Certificates, issued and unchanged",
        f"Written by `make bench-certificates` on {date}; one run.",
        [table(measured)],
        facts,
        METHOD,
        met=_word(measured) == "met",
        previous=previous,
    )


def main() -> None:
    facts = run.facts()
    library = version("cryptography")
    theirs = sides.peer_versions(f"cryptography=={library}")
    site = next(sides.PEER.glob("lib/python3*/site-packages"))
    manifest = json.loads((site / "ansible_collections/community/crypto/MANIFEST.json").read_text())
    with TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch))
        bench.make_authorities()
        measured = [measure(bench, count) for count in COUNTS]
    facts["Load average at the end"] = f"{os.getloadavg()[0]:.1f}"
    facts["Run by stronghold.mongodb"] = ", ".join(f"{name} {number}" for name, number in run.our_versions().items())
    facts["Run by community.crypto"] = ", ".join(
        f"{name} {number}"
        for name, number in (
            ("community.crypto", manifest["collection_info"]["version"]),
            ("ansible", theirs["ansible"]),
            ("ansible-core", theirs["ansible-core"]),
        )
    )
    facts["cryptography"] = library
    run.write("certificates", table(measured), lambda date, previous: page(date, facts, measured, previous))


if __name__ == "__main__":
    run.main(main)
