# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports of the engine point downwards only: from a floor to those below it, and within a package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

UTILS = "ansible_collections.stronghold.mongodb.plugins.module_utils"
ENGINE = Path(__file__).parents[2] / "plugins" / "module_utils"
FLOORS = (
    {"_base"},  # knows no MongoDB
    {"_mongod"},  # one server
    {"_host"},  # preparing a host
    {"_pki", "_replicaset", "_storage", "_repository", "_oplog"},  # subjects
    {"_accounts", "_allowlist", "_member", "_backup"},  # subjects that need those
    {"_inbox", "_physical", "_report", "_restore", "_watch"},  # what several subjects make up
    {"_program"},  # the door on a host
)
FLOOR = {package: number for number, floor in enumerate(FLOORS) for package in floor}


def packages(source: str) -> Iterator[str]:
    """Every package of the engine that a source imports."""
    for node in ast.walk(ast.parse(source)):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == UTILS:
            names = [f"{UTILS}.{alias.name}" for alias in node.names]
        yield from (name.removeprefix(f"{UTILS}.").split(".")[0] for name in names if name.startswith(UTILS))


def climbs(package: str, source: str) -> list[str]:
    """What a source of ``package`` imports that is not below it."""
    return [name for name in packages(source) if name != package and FLOOR[name] >= FLOOR[package]]


def test_every_source_lies_in_a_package_with_a_floor() -> None:
    assert [path.name for path in ENGINE.glob("*.py")] == []
    assert {path.name for path in ENGINE.iterdir() if any(path.glob("*.py"))} <= set(FLOOR)


@pytest.mark.parametrize("path", sorted(ENGINE.rglob("*.py")), ids=lambda path: str(path.relative_to(ENGINE)))
def test_nothing_is_imported_from_above_or_beside(path: Path) -> None:
    package = path.relative_to(ENGINE).parts[0]
    upwards = climbs(package, path.read_text(encoding="utf-8"))
    assert not upwards, f"{package}/{path.name} imports {', '.join(upwards)}, which is not below {package}"


@pytest.mark.parametrize(
    "source",
    [
        f"from {UTILS}._program import metrics",
        f"from {UTILS}._member.restart import Restart",
        f"from {UTILS} import _member",
        f"import {UTILS}._allowlist.plan",
        f"def run():\n    from {UTILS}._watch.x import y",
    ],
)
def test_an_import_that_climbs_is_noticed(source: str) -> None:
    assert climbs("_accounts", source)
