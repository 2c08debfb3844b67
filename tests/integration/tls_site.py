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

BIN = Path(sys.executable).parent


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
