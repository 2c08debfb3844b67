# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether mongod takes a configuration, by asking it.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import Refusal
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.run import Output, run
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.log import complaint

_READING = 60  # seconds that mongod has for a configuration


def read_by_mongod(program: str, path: Path) -> Callable[[str], None]:
    """A check that lets mongod read a configuration, as ``mongod --outputConfig`` does: options, types and parameters."""

    def check(content: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as scratch:
            scratch.write(content)
            scratch.flush()

            def explain(output: Output) -> Refusal:
                said = complaint(f"{output.text}\n{output.stderr.decode(errors='replace')}") or output.ended
                said = said.replace(scratch.name, str(path))
                return Refusal(f"mongod refuses it: {said[:500]}", "correct the option; nothing was changed")

            run(
                [program, "--outputConfig", "--config", scratch.name],
                host=platform.node(),
                attempt=f"replace {path}",
                timeout=_READING,
                explain=explain,
                missing="install mongodb-org-server first",
            )

    return check
