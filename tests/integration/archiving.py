# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An archiver of an oplog as a process that can be killed, with a folder as its store, and how to look at what it did."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from integration.harness import ROOT, dies_with_us

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Archiver, Limits, State
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Gap, Segment


@dataclass(frozen=True)
class Folder:
    """A store. It is away while there is a file ``away`` in it, and busy, as with a prune, while there is a file ``busy``."""

    path: Path

    def put(self, segment: Segment, path: Path) -> None:
        self._reach()
        while (self.path / "busy").exists():
            time.sleep(0.05)
        name = f"{segment.first.time}-{segment.first.inc}-{segment.last.time}-{segment.last.inc}-{segment.sha256[:8]}"
        shutil.copyfile(path, self.path / f"{name}.part")
        (self.path / f"{name}.part").rename(self.path / f"{name}.bson")
        (self.path / f"{name}.part").write_text(json.dumps(segment.to_json()))
        (self.path / f"{name}.part").rename(self.path / f"{name}.json")

    def segments(self) -> list[Segment]:
        self._reach()
        return [Segment.from_json(json.loads(path.read_bytes())) for path in self._heads()]

    def content(self) -> bytes:
        return b"".join(path.with_suffix(".bson").read_bytes() for path in self._heads())

    def _heads(self) -> list[Path]:
        heads = self.path.glob("*.json")
        return sorted(heads, key=lambda path: Segment.from_json(json.loads(path.read_bytes())).first)

    def _reach(self) -> None:
        if (self.path / "away").exists():
            raise ConnectionError("the store is away")


@dataclass(frozen=True)
class Site:
    """Folders of an archiver below ``home``, and the ports of the members that it reads."""

    home: Path
    ports: tuple[int, ...]
    limits: Limits

    def __post_init__(self) -> None:
        for name in ("spool", "store"):
            (self.home / name).mkdir(parents=True, exist_ok=True)

    @property
    def store(self) -> Folder:
        return Folder(self.home / "store")

    @contextmanager
    def archiver(self) -> Iterator[subprocess.Popen[bytes]]:
        """It runs, and is killed at the end."""
        words = [sys.executable, __file__, str(self.home), json.dumps([self.ports, asdict(self.limits)])]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / '.tree'}:{ROOT / 'tests'}"}
        with (self.home / "output").open("ab") as output:
            process = subprocess.Popen(words, env=environment, stdout=output, stderr=output, preexec_fn=dies_with_us)  # noqa: PLW1509
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def set_clock(self, ahead: float) -> None:
        """Of the archiver, at once: so many seconds ahead of the true one, or behind it."""
        (self.home / "ahead.new").write_text(str(ahead))
        (self.home / "ahead.new").replace(self.home / "ahead")

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What was told of that kind, with the time ``at`` which it was told, in milliseconds since 1970."""
        path = self.home / "told"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if line["kind"] == kind]

    def output(self) -> str:
        return (self.home / "output").read_text()


def main(home: Path, ports: list[int], limits: dict[str, Any]) -> None:
    true = time.time
    time.time = lambda: true() + (float((home / "ahead").read_text()) if (home / "ahead").exists() else 0)

    def tell(kind: str, found: dict[str, Any]) -> None:
        with (home / "told").open("a") as stream:
            stream.write(json.dumps({"kind": kind, "at": true() * 1000, **found}) + "\n")

    def gap(found: Gap) -> None:
        tell("gap", found.to_json())

    def progress(state: State) -> None:
        tell("state", vars(state))

    Archiver(
        folder=home / "spool",
        members=lambda: [Login("127.0.0.1", port, tls=False, timeout=2) for port in ports],
        store=Folder(home / "store"),
        new_base_wanted=gap,
        progress=progress,
        limits=Limits(**limits),
    ).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *json.loads(sys.argv[2]))
