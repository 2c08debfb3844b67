# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a set wrote, in repositories: two backups and the oplog around them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration import archiving
from integration.backups import PASSWORD, repository, set_of_one
from integration.harness import until

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.logical import Capture
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.segment_store import SegmentStore
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.archiver import Limits
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._program import program
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import Manifest


@dataclass(frozen=True)
class Past:
    """What a set wrote: two backups, ``alone`` a repository with the first of them, and the files of all segments."""

    home: Path
    first: Manifest
    second: Manifest
    segments: dict[Segment, Path]


def lived(home: Path, port: int) -> Past:
    """Of a new set, which is gone then."""
    site = archiving.Site(home / "archive", (port,), Limits(seconds=3))
    with set_of_one(home / "set", port) as server, server.client() as client, site.archiver():
        until(lambda: site.said("state"))
        client.shop.create_collection("log", capped=True, size=1 << 16)
        client.shop.log.insert_many([{"n": number} for number in range(20)])
        client.admin.command("createUser", "anna", pwd=PASSWORD, roles=["read"])
        client.shop.orders.insert_many([{"_id": number} for number in range(100)])
        bases = repository(home, "bases")
        one = Capture(Login("127.0.0.1", port, tls=False), bases).run()
        shutil.copytree(home / "bases", home / "alone")
        for number in range(100, 150):
            client.shop.orders.insert_one({"_id": number})
        client.shop.orders.create_index("when")
        client.shop.orders.update_many({"_id": {"$gt": 120}}, {"$set": {"when": "then"}})
        other = Capture(Login("127.0.0.1", port, tls=False), bases).run()
        client.shop.orders.insert_one({"_id": "later"})
        until(lambda: max(one.last.at for one in site.store.segments()) > other.consistent_at)
    found = {
        Segment.from_json(json.loads(path.read_bytes())): path.with_suffix(".bson") for path in site.store.path.glob("*.json")
    }
    return Past(home, one, other, found)


def stored(path: Path, segments: Iterable[tuple[Segment, Path]]) -> Path:
    """A repository with these segments."""
    store = SegmentStore(repository(path.parent, path.name), path.parent / f"{path.name}-cache", path.parent)
    for number, (segment, file) in enumerate(segments):
        folder = path.parent / f"{path.name}-{number}"
        folder.mkdir()
        shutil.copy(file, folder / "segment")
        store.put(segment, folder / "segment")
    return path


@dataclass(frozen=True)
class Host:
    """A backup host below ``home``, with the settings of one command of the program."""

    home: Path
    command: str
    capture: pytest.CaptureFixture[str]
    settings: dict[str, Any]

    def run(self, *words: str, **settings: Any) -> tuple[int, str, str]:
        """The exit code of the command with these words, what it told, and what failed."""
        code = program.main([self.command, *words, "--config", str(self.write(**settings))])
        told = self.capture.readouterr()
        return code, told.out, told.err

    def write(self, **settings: Any) -> Path:
        file = self.home / f"{self.command}.json"
        file.write_text(json.dumps({**self.settings, **settings}))
        return file
