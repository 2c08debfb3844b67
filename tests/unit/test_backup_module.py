# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of backups, and which of them has to stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.declared import indispensable
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.overview import archive, entry, point, restorable
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.record import Record
from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.routine import Known
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.chain import Window
from ansible_collections.stronghold.mongodb.plugins.module_utils._oplog.segments import Link, Position, Segment
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.catalogue import Backup, Catalogue
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.manifest import (
    ClusterTime,
    Item,
    Manifest,
    Stream,
)

BEGIN = 1_790_000_000


def of(name: str, at: int = 0, until: int | None = None, *, partial: bool = False) -> Manifest:
    """Read as of ``at`` and consistent at ``until``, in seconds since ``BEGIN``."""
    first, last = ClusterTime(BEGIN + at, 1), ClusterTime(BEGIN + (at if until is None else until), 1)
    items = (
        Item("shop", "orders", "collection", "ab", "small.archive", 5, 70, (first,)),
        Item("shop", "capped", "collection", "cd", "small.archive", 2, 30, ()),
        Item("shop", "view", "view", "", "small.archive", 0, 0, ()),
    )
    streams = (Stream("small.archive", "5" * 64, 200, "0" * 64),)
    return Manifest(name, "logical", "shop", "db-a:27017", "7.0.28", "7.0", "", "", first, last, 1, partial, streams, items)


def known(*manifests: Manifest, verified: tuple[str, ...] = ()) -> Known:
    record = Record(arrived={}, verified=dict.fromkeys(verified, "2026-11-25T02:14:20Z"))
    return Known(Catalogue(tuple(Backup(one, f"of-{one.id}") for one in manifests), (), ()), record, {"a": ["newest"]})


def window(begin: int, end: int) -> Window:
    return Window(Position(BEGIN + begin, 1, 1), Position(BEGIN + end, 1, 1))


def spans(*manifests: Manifest, windows: tuple[Window, ...] = ()) -> list[tuple[str, int, int]]:
    return [(one["backup"], one["from"]["t"] - BEGIN, one["to"]["t"] - BEGIN) for one in restorable(manifests, windows)]


@pytest.mark.parametrize(
    ("manifests", "windows", "told"),
    [
        ((), (window(0, 9),), []),
        ((of("a", 5),), (), [("a", 5, 5)]),
        ((of("a", 5),), (window(0, 9),), [("a", 5, 9)]),
        ((of("b", 7), of("a", 5)), (window(0, 9),), [("a", 5, 9)]),
        ((of("a", 5, 6),), (window(5, 9),), [("a", 6, 9)]),
        ((of("a", 4, 6),), (window(5, 9),), [("a", 6, 6)]),
        ((of("a", 5, 10),), (window(0, 9),), [("a", 10, 10)]),
        ((of("a", 5), of("b", 25)), (window(0, 9), window(20, 30)), [("a", 5, 9), ("b", 25, 30)]),
        ((of("a", 5),), (window(0, 9), window(20, 30)), [("a", 5, 9)]),
        ((of("a", 5, partial=True),), (window(0, 9),), []),
    ],
)
def test_to_where_a_restore_can_go(
    manifests: tuple[Manifest, ...], windows: tuple[Window, ...], told: list[tuple[str, int, int]]
) -> None:
    assert spans(*manifests, windows=windows) == told


def segment(begin: int, end: int, *, follows: bool = True) -> Segment:
    """Entries of each tenth second; it follows the one that ends ten seconds before, or what nobody has."""
    previous = Link(Position(BEGIN + begin - 10, 1, 1), f"{begin - 10 if follows else 9999:064x}")
    first, last = Position(BEGIN + begin, 1, 1), Position(BEGIN + end, 1, 1)
    return Segment(first, last, previous, f"{end:064x}", 2, 99, f"{begin:064x}", "db-a:27017", 1, BEGIN * 1000)


def test_an_archive_with_a_gap() -> None:
    told = archive([segment(10, 20), segment(30, 40), segment(60, 70)])
    assert told["segments"] == 3
    assert [(one["from"]["t"] - BEGIN, one["to"]["t"] - BEGIN) for one in told["windows"]] == [(0, 40), (50, 70)]
    (gap,) = told["gaps"]
    assert (gap["after"], gap["before"]) == (point((BEGIN + 40, 1)), point((BEGIN + 60, 1)))
    assert gap["reason"] == "entries are missing"
    assert archive([]) == {"segments": 0, "windows": [], "gaps": []}


def test_an_entry() -> None:
    found = known(of("a", 1, 2), verified=("a",))
    told = entry(found, found.catalogue.backups[0], collections=True)
    assert (told["id"], told["documents"], told["size"], told["kept_as"]) == ("a", 7, 200, ["newest"])
    assert (told["verified"], told["partial"]) == ("2026-11-25T02:14:20Z", False)
    assert told["cluster_time"] == {"time": "2026-09-21T14:13:21Z", "t": BEGIN + 1, "i": 1}
    consistency = {one["collection"]: one["consistency"] for one in told["collections"]}
    assert consistency == {"orders": "snapshot", "capped": "oplog", "view": "snapshot"}
    assert "collections" not in entry(found, found.catalogue.backups[0])


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (known(of("a")), "it is the last backup of all"),
        (known(of("a"), verified=("a",)), "it is the last backup of all that was verified"),
        (known(of("a"), of("b"), verified=("a",)), "it is the last backup of all that was verified"),
        (known(of("a"), of("b"), verified=("a", "b")), None),
        (known(of("a"), of("b")), None),
        (known(of("a"), of("b", partial=True), verified=("a", "b")), "it is the last backup of all that was verified"),
        (known(of("a", partial=True)), None),
    ],
)
def test_which_one_has_to_stay(found: Known, reason: str | None) -> None:
    assert indispensable(found, found.catalogue.backups[0]) == reason


def test_streams_that_another_backup_names_stay() -> None:
    found = known(of("a"), of("b"))
    one, other = found.catalogue.backups
    assert found.streams([one]) == []
    assert found.streams([one, other]) == ["5" * 64]


def test_files_of_a_server_are_nothing_that_the_archive_is_replayed_on() -> None:
    found = known(of("a"), replace(of("b"), method="physical"))
    assert [one.manifest.id for one in found.catalogue.bases] == ["a"]
