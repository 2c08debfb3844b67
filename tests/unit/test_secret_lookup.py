# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.lookup.secret import generate
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.secrets import kept


def test_the_first_secret_stays(tmp_path: Path) -> None:
    path = tmp_path / "made" / "deeper" / "password"
    assert kept(path, "first") == "first"
    assert kept(path, "second") == "first"


def test_file_and_folders_are_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "password"
    kept(path, "secret")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").stat().st_mode & 0o777 == 0o600
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert sorted(file.name for file in path.parent.iterdir()) == [".gitignore", "password"]


def test_many_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda number: kept(path, f"secret {number}"), range(64)))
    assert found == {path.read_text().strip()}


def test_generated_secrets_are_as_long_as_asked_and_differ() -> None:
    assert len(generate(756, "ab")) == 756
    assert set(generate(200, "ab")) == {"a", "b"}
    assert generate(32, "abcdefgh") != generate(32, "abcdefgh")


def ansible_says(path: Path, *words: str) -> str:
    ansible = Path(sys.executable).with_name("ansible")
    expression = f"{{{{ lookup('stronghold.mongodb.secret', '{path}') | length }}}}"
    command = [
        ansible,
        "localhost",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-m",
        "ansible.builtin.debug",
        "-a",
        f"msg={expression}",
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "made" / "password"
    assert '"msg": "32"' in ansible_says(path, "--check").replace('"msg": 32', '"msg": "32"')
    assert not path.parent.exists()
    ansible_says(path)
    assert len(path.read_text().strip()) == 32
