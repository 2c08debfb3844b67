# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A manifest is read as it was written, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    ClusterTime,
    Item,
    Manifest,
    Stream,
    read,
)

WRITTEN = Manifest(
    id="20261126T030000Z-abcdef",
    method="logical",
    replica_set="shop",
    member="db-b:27017",
    server_version="6.0.27",
    compatibility="6.0",
    begun="2026-11-26T03:00:00.000Z",
    ended="2026-11-26T03:00:09.000Z",
    cluster_time=ClusterTime(1795000000, 4),
    consistent_at=ClusterTime(1795000000, 4),
    rollback_id=1,
    partial=False,
    streams=(Stream("small.archive", "0123abcd", 1000, "0" * 64),),
    items=(
        Item("shop", "ümläut", "collection", "ab", "small.archive", 5, 900, (ClusterTime(1795000000, 4),)),
        Item("shop", "capped", "collection", "cd", "small.archive", 5, 100, ()),
    ),
)


def test_it_is_read_as_it_was_written() -> None:
    assert read("vault-a", WRITTEN.text()) == WRITTEN


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda found: found.update(format=2), "it is not of the format 1"),
        (lambda found: found.pop("format"), "it is not of the format 1"),
        (lambda found: found.pop("rollback_id"), "it has no rollback_id"),
        (lambda found: found.update(colour="blue"), "it knows no colour"),
        (lambda found: found["streams"][0].pop("sha256"), "a stream has no sha256"),
        (lambda found: found["items"][0].update(stream="other.archive"), "it names no stream other.archive"),
        (lambda found: found.update(cluster_time=["1795000000", 4]), "a cluster time is no pair of numbers"),
        (lambda found: found.update(cluster_time=[True, 4]), "a cluster time is no pair of numbers"),
        (lambda found: found.update(cluster_time=5), "read a manifest"),
        (lambda found: found.update(streams=[7]), "a stream is not an object"),
        (lambda found: found.update(items=7), "its items are no list"),
        (lambda found: found.update(partial="no"), "it has another partial"),
        (lambda found: found.update(rollback_id=True), "it has another rollback_id"),
        (lambda found: found["streams"][0].update(size="1000"), "a stream has another size"),
        (lambda found: found["items"][1].update(collection=5), "a collection has another collection"),
        *(
            (lambda found, value=value: found.update(storage=value), "its storage is no section of mongod.conf")
            for value in ([], "x", None, 0, {"directoryPerDB": None}, {"wiredTiger": {"engineConfig": [True]}})
        ),
    ],
)
def test_what_was_altered_is_a_sentence(alter: Callable[[dict[str, Any]], Any], reason: str) -> None:
    found = json.loads(WRITTEN.text())
    alter(found)
    with pytest.raises(StrongholdError, match=reason):
        read("vault-a", json.dumps(found))


def test_one_of_before_there_were_physical_ones_is_read() -> None:
    found = json.loads(WRITTEN.text())
    assert found.pop("storage") == {}
    assert read("vault-a", json.dumps(found)) == WRITTEN
    found["storage"] = {"directoryPerDB": True, "wiredTiger": {"engineConfig": {"journalCompressor": "zstd"}}}
    assert read("vault-a", json.dumps(found)).storage == found["storage"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"manifest"'])
def test_what_is_none_is_a_sentence(text: str) -> None:
    with pytest.raises(StrongholdError, match="vault-a: could not read a manifest because it is not"):
        read("vault-a", text)
