# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller and its hosts, all this machine, for tests of certificates."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.harness import ROOT

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from lab import certificates

BIN = Path(sys.executable).parent
MEMBER_USAGES = "extendedKeyUsage=serverAuth,clientAuth"


@dataclass
class Site:
    """A controller's folder and a host's folder under ``home``; tasks run against one or more local hosts."""

    home: Path
    hosts: str = "db-a,"
    environment: dict[str, str] = field(default_factory=dict)
    output: str = ""

    def __post_init__(self) -> None:
        self.tls.mkdir()

    @property
    def tls(self) -> Path:
        return self.home / "tls"

    @property
    def authority(self) -> Path:
        return self.home / "controller" / "authority"

    def opened(self, folder: str = "authority") -> pem.Pair:
        """An authority of the controller, with its key."""
        return certificates.opened(self.home / "controller" / folder, self.home / "controller" / "passphrase")

    def options(self, *certificates: dict[str, Any], **options: Any) -> dict[str, Any]:
        return {
            "authority": {"dir": str(self.authority), "passphrase_file": str(self.home / "controller" / "passphrase")},
            "ca_file": str(self.tls / "ca.pem"),
            "certificates": list(certificates) or [self.member(), self.client()],
            **options,
        }

    def member(self, **options: Any) -> dict[str, Any]:
        return {
            "path": str(self.tls / "member.pem"),
            "kind": "member",
            "common_name": "db-a",
            "organization": "orders",
            "organizational_unit": "members",
            "names": ["localhost", "127.0.0.1", "::1"],
            **options,
        }

    def client(self, **options: Any) -> dict[str, Any]:
        subject = {"common_name": "db-a", "organization": "orders", "organizational_unit": "clients"}
        return {"path": str(self.tls / "client.pem"), "kind": "client", **subject, **options}

    def command(self, options: dict[str, Any], *words: str) -> list[str]:
        local = ["-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        task = ["-m", "stronghold.mongodb.mongodb_tls", "-a", json.dumps(options)]
        return [str(BIN / "ansible"), "all", "-i", self.hosts, *local, *task, *words]

    def variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree"),
            "ANSIBLE_LOCAL_TEMP": str(self.home / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.home / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            **self.environment,
        }

    def run(self, options: dict[str, Any] | None = None, *words: str) -> dict[str, Any]:
        """The result on the first host, as Ansible prints it."""
        command = self.command(options or self.options(), "--diff", *words)
        done = subprocess.run(command, env=self.variables(), cwd=self.home, capture_output=True, text=True, check=False)
        self.output = done.stdout + done.stderr
        found = re.findall(r"^\S+ \| (CHANGED|SUCCESS|FAILED!) => (\{.*?^\})", done.stdout, re.MULTILINE | re.DOTALL)
        assert found, self.output
        word, text = found[0]
        return {**json.loads(text), "failed": word == "FAILED!"}

    def good(self, options: dict[str, Any] | None = None, *words: str) -> dict[str, Any]:
        result = self.run(options, *words)
        assert not result["failed"], result["msg"]
        return result

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.tls.iterdir()}


def serials(result: dict[str, Any]) -> list[str]:
    return [entry["serial"] for entry in result["certificates"]]


def openssl(*words: str) -> str:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout


@dataclass
class Company:
    """A root and an intermediate, in files of openssl's."""

    home: Path

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.authority("root", None)
        self.authority("between", "root")

    def path(self, name: str) -> Path:
        return self.home / name

    def request(self, name: str, subject: str) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", str(self.path(f"{name}.key")))
        openssl("req", "-new", *key, "-subj", subject, "-out", str(self.path(f"{name}.csr")))

    def authority(self, name: str, issuer: str | None) -> None:
        self.request(name, f"/C=DE/O=Company/CN={name}")
        self.sign(name, issuer, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")

    def sign(self, name: str, issuer: str | None, *extensions: str, request: Path | None = None, days: int = 365) -> None:
        self.path("extensions").write_text("\n".join(("subjectKeyIdentifier=hash", *extensions)))
        by = ("-CA", str(self.path(f"{issuer}.crt")), "-CAkey", str(self.path(f"{issuer}.key")), "-CAcreateserial")
        own = ("-signkey", str(self.path(f"{name}.key")))
        openssl(
            *("x509", "-req", "-in", str(request or self.path(f"{name}.csr")), "-days", str(days)),
            *("-extfile", str(self.path("extensions")), "-out", str(self.path(f"{name}.crt"))),
            *(by if issuer else own),
        )

    def member(
        self, name: str = "db-a", *, usages: str = MEMBER_USAGES, names: str = "DNS:localhost,DNS:db-a.example", **how: Any
    ) -> None:
        """With more attributes and names than a declaration of ours asks for."""
        self.request(name, "/C=DE/ST=Berlin/O=orders/OU=members/CN=db-a")
        self.sign(
            name, how.pop("issuer", "between"), f"subjectAltName={names}", usages, "keyUsage=digitalSignature,keyAgreement", **how
        )

    def revocation_list(self, issuer: str, revoked: str = "") -> str:
        database = self.path(f"{issuer}.index")
        database.touch()
        settings = self.path(f"{issuer}.cnf")
        settings.write_text(f"[ca]\ndefault_ca=c\n[c]\ndatabase={database}\ndefault_md=sha256\ndefault_crl_days=30\n")
        by = ("-cert", str(self.path(f"{issuer}.crt")), "-keyfile", str(self.path(f"{issuer}.key")))
        words = ("ca", "-config", str(settings), *by)
        if revoked:
            openssl(*words, "-revoke", str(self.path(f"{revoked}.crt")))
        return openssl(*words, "-gencrl")

    def source(self, name: str = "db-a") -> dict[str, Any]:
        return {
            "certificate": str(self.path(f"{name}.crt")),
            "key": str(self.path(f"{name}.key")),
            "chain": str(self.path("between.crt")),
        }
