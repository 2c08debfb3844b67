# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks call roles as anybody may: by public variables, at entry points that say what they accept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def entries(node: Any) -> Iterator[dict[str, Any]]:
    """Every call of an entry point of a role."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("ansible.builtin.include_role", "ansible.builtin.import_role") if key in node)
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from entries(item)


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_an_entry_point_that_is_called_says_what_it_accepts(path: Path) -> None:
    for entry in entries(yaml.safe_load(path.read_text())):
        role = entry["name"].removeprefix("stronghold.mongodb.")
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        assert entry.get("tasks_from", "main") in specs


# site alone decides by what its first play found out, so that a run with nothing to do visits no host for it.
@pytest.mark.parametrize("path", [path for path in PLAYBOOKS if path.stem != "site"], ids=lambda path: path.stem)
def test_no_internal_variable_is_used_and_every_option_is_checked(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"\b__\w+", text) == []
    assert "rolespec_validate" not in text
