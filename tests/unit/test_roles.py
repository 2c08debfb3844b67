# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every role promises: documented arguments equal to the defaults, a readable main.yml, own names only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "roles").iterdir() if path.is_dir())
TABLE_OF_CONTENTS = {"import_tasks", "include_tasks", "import_role", "include_role"}

pytestmark = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def options(role: Path) -> dict[str, dict[str, Any]]:
    entries = read(role / "meta" / "argument_specs.yml")["argument_specs"]
    return {name: spec for entry in entries.values() for name, spec in entry["options"].items()}


def test_arguments_equal_defaults_both_ways(role: Path) -> None:
    defaults = read(role / "defaults" / "main.yml") or {}
    documented = options(role)
    assert {name for name, spec in documented.items() if "default" in spec} == set(defaults)
    assert {name: spec["default"] for name, spec in documented.items() if "default" in spec} == defaults
    assert all(spec.get("required") for spec in documented.values() if "default" not in spec)


def test_every_argument_is_described(role: Path) -> None:
    assert [name for name, spec in options(role).items() if not spec.get("description")] == []


def test_variables_carry_the_name_of_the_role(role: Path) -> None:
    names = [*(read(role / "defaults" / "main.yml") or {}), *options(role)]
    assert [name for name in names if not name.startswith(f"{role.name}_")] == []
    internal = read(role / "vars" / "main.yml") or {}
    assert [name for name in internal if not name.startswith(f"__{role.name}_")] == []


def test_main_is_a_table_of_contents(role: Path) -> None:
    tasks = read(role / "tasks" / "main.yml")
    if len(tasks) <= 2:
        return
    words = [{key.split(".")[-1] for key in task} for task in tasks]
    assert all(keys & TABLE_OF_CONTENTS for keys in words)


def test_every_role_builds_on_the_cluster(role: Path) -> None:
    dependencies = [entry["role"] for entry in read(role / "meta" / "main.yml").get("dependencies", [])]
    assert dependencies == ([] if role.name == "mongodb_cluster" else ["stronghold.mongodb.mongodb_cluster"])
