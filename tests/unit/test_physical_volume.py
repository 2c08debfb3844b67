# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where files lie on a logical volume, and whether a snapshot of it can be taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._physical.volume import (
    Place,
    Volume,
    hindrance,
    located,
    place_of,
    reported,
)

GROUP, VOLUME = "g" * 32, "v" * 32
UUID = f"LVM-{GROUP}{VOLUME}"
ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"
DATA = "30 22 253:3 / /data rw,noatime shared:2 - xfs /dev/mapper/vg-data rw"
BOUND = "31 22 253:3 /mongodb /var/lib/mongodb rw,noatime shared:2 - xfs /dev/mapper/vg-data rw"
NARROW = "32 22 253:3 / /data/my\\040db rw,noatime shared:2 - ext4 /dev/mapper/vg-data rw"


@pytest.mark.parametrize(
    ("folder", "mounts", "place"),
    [
        ("/data", [ROOT, DATA], ("xfs", ".")),
        ("/data/mongodb", [ROOT, DATA], ("xfs", "mongodb")),
        ("/var/lib/mongodb", [ROOT, DATA, BOUND], ("xfs", "mongodb")),
        ("/var/lib/mongodb/db", [DATA, BOUND, ROOT], ("xfs", "mongodb/db")),
        ("/data/my db/x", [NARROW, DATA], ("ext4", "x")),
        ("/database", [ROOT, DATA], None),
        ("/data", [ROOT, DATA.replace("xfs", "btrfs")], None),
        ("/data", [ROOT, DATA.replace("253:3", "253:4")], None),
    ],
)
def test_where_a_folder_is_in_a_volume(folder: str, mounts: list[str], place: tuple[str, str] | None) -> None:
    found = located(Path(folder), "253:3", UUID, "\n".join(mounts))
    assert found == (Place(VOLUME, place[0], PurePath(place[1])) if place else None)


@pytest.mark.parametrize("uuid", ["", f"CRYPT-LUKS2-{VOLUME}-data", f"{UUID}-real", UUID[:-1]])
def test_what_is_no_volume_of_lvm(uuid: str) -> None:
    assert located(Path("/data"), "253:3", uuid, DATA) is None


def test_this_folder_is_on_none(tmp_path: Path) -> None:
    assert place_of(tmp_path) is None
    assert place_of(tmp_path / "absent") is None


def test_a_snapshot_is_mounted_so_that_its_journal_is_replayed() -> None:
    options = {kind: Place(VOLUME, kind, PurePath()).options.split(",") for kind in ("xfs", "ext4")}
    assert options == {"xfs": ["ro", "nouuid"], "ext4": ["ro"]}


PLAIN = {
    **{"lv_name": "data", "vg_name": "vg", "lv_uuid": "vvvvvv-vvvv-vvvv-vvvv-vvvv-vvvv-vvvvvv", "lv_path": "/dev/vg/data"},
    **{"lv_size": "1000", "vg_free": "400", "lv_attr": "-wi-ao----", "lv_tags": "", "origin": "", "snap_percent": ""},
    **{"pool_lv": "", "data_percent": "", "metadata_percent": ""},
}
POOL = {**PLAIN, "lv_name": "[pool]", "lv_attr": "twi-aotz--", "data_percent": "12.50", "metadata_percent": "33.40"}
THIN = {**PLAIN, "pool_lv": "[pool]", "lv_attr": "Vwi-aotz--", "data_percent": "5.00"}
OLD = {**PLAIN, "lv_name": "old", "origin": "data", "lv_attr": "swi-aos---", "snap_percent": "7.25"}
MARKED = {**OLD, "lv_tags": "a,stronghold_files"}


def volumes(*rows: dict[str, str]) -> dict[str, Volume]:
    return {one.name: one for one in reported({"report": [{"lv": list(rows)}]})}


def test_what_lvs_reports() -> None:
    found = volumes(PLAIN, MARKED)
    assert found["vg/data"] == Volume("vg/data", VOLUME, 1000, 400, "/dev/vg/data", "", (), False, None)
    assert (found["vg/old"].origin, found["vg/old"].tags, found["vg/old"].used) == ("data", ("a", "stronghold_files"), 7.25)
    assert volumes(POOL, THIN)["vg/data"].used == 33.4
    assert volumes({**POOL, "data_percent": "44.00"}, THIN)["vg/data"].used == 44
    assert volumes({**POOL, "metadata_percent": ""}, THIN)["vg/data"].used == 100, "of a pool that LVM cannot read"


@pytest.mark.parametrize("attributes", ["swi-I-s---", "Swi-I-s---", "swi-S-s---"])
def test_a_void_snapshot_is_full(attributes: str) -> None:
    assert volumes(PLAIN, {**OLD, "lv_attr": attributes, "snap_percent": "3.00"})["vg/old"].used == 100


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({}, ""),
        ({"free": 100}, ""),
        ({"free": 99}, "a snapshot of vg/data needs 100 bytes, and 99 are free in its volume group"),
        ({"free": 0, "thin": True, "used": 80.0}, ""),
        ({"thin": True, "used": 80.01}, "the pool of vg/data is full to 80.01 %"),
    ],
)
def test_whether_there_is_room(altered: dict[str, Any], reason: str) -> None:
    assert hindrance(replace(volumes(PLAIN)["vg/data"], **altered)) == reason


@pytest.mark.parametrize(("free", "room"), [("400", 400), ("1000", 1000), ("5000", 1000)])
def test_a_snapshot_gets_no_more_than_it_can_need(free: str, room: int) -> None:
    assert volumes({**PLAIN, "vg_free": free})["vg/data"].room == room
