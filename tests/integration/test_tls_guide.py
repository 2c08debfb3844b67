# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks of the guide on certificates, as they stand there, run in their order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from integration.harness import ROOT
from integration.tls_site import BIN, Company

GUIDE = ROOT / "docs" / "tls.md"


def tasks() -> list[dict[str, object]]:
    text = GUIDE.read_text().partition("\n## Certificates\n")[2]
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [task for block in blocks for task in yaml.safe_load(block) if isinstance(task, dict) and "name" in task]


@pytest.fixture
def play(tmp_path: Path) -> Path:
    """Its paths moved below a folder of the test. No server runs there, which the last task tells of."""
    company = Company(tmp_path / "pki")
    company.member()
    text = json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks()}])
    for path, moved in (("/etc/pki", "pki"), ("/etc/stronghold", "etc"), ("~/.stronghold", "controller")):
        assert path in text
        text = text.replace(path, str(tmp_path / moved))
    text = text.replace("company-ca.pem", str(company.path("root.crt")))
    (tmp_path / "play.json").write_text(text)
    return tmp_path / "play.json"


def run(play: Path) -> str:
    words = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "-v", str(play)]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), *words], env=environment, cwd=play.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_guide_s_tasks_do_what_it_says_and_nothing_twice(play: Path) -> None:
    assert len(tasks()) >= 6
    first = run(play)
    assert "which revokes 5A17C0FFEE" in first
    assert "localhost:27017: [Errno 111] Connection refused" in first
    made = {str(path.relative_to(play.parent / "etc")) for path in play.parent.joinpath("etc").rglob("*.pem")}
    assert made >= {"tls/crl.pem", "tls/member.pem", "shop/backup.pem", "company/member.pem", "hosts/issuer.pem"}
    again = run(play)
    assert re.findall(r"changed=(\d+)", again) == ["0"], again
