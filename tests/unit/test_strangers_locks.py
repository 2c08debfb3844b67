# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account of the host without rights holds a lock on what it can open, and nobody waits for it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import metrics
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.file_plan import File, plan_file
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.identity import ROOT
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._member import start_record

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="acts as another account")


@pytest.fixture
def folder() -> Iterator[Path]:
    """As /etc is: everybody can open it, and a stranger holds it, and the file in it, locked."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))  # not of pytest, whose folders are for root alone
        place.chmod(0o755)
        (place / "file").write_text("before\n")
        for path in (place, place / "file"):
            words = ["flock", "--nonblock", str(path), "sh", "-c", "echo held; read end"]
            holder = stack.enter_context(
                subprocess.Popen(words, user=NOBODY, group=NOBODY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            stack.callback(holder.kill)
            assert holder.stdout and holder.stdout.readline() == b"held\n"
        yield place


def configure(path: Path) -> None:
    plan = Plan()
    plan_file(plan, File(path, "after\n", ROOT, 0o600))
    plan.apply()


def measure(path: Path) -> None:
    gauge = metrics.Gauge("after", "test")
    gauge.add({}, 1)
    metrics.write(path, [gauge])


def renew(path: Path) -> None:
    path.write_text(f"{'0' * 64}  /tls\n")
    start_record.renew(path, {"/tls": "after".ljust(64, "a")}, {"/tls": "after".ljust(64, "a")})


@pytest.mark.parametrize("change", [configure, measure, renew])
def test_what_root_writes_is_written(folder: Path, change: Callable[[Path], None]) -> None:
    run = threading.Thread(target=change, args=(folder / "file",), daemon=True)
    run.start()
    run.join(10)
    assert not run.is_alive(), "it waits for an account without rights"
    assert "after" in (folder / "file").read_text()
