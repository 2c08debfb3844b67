# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sysfs tells of block devices, and in what a folder lies here."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.encryption import is_encrypted, is_kept_from_disks


def device(at: Path, name: str, uuid: str = "", below: tuple[str, ...] = ()) -> Path:
    made = at / name
    (made / "slaves").mkdir(parents=True)
    if uuid:
        (made / "dm").mkdir()
        (made / "dm/uuid").write_text(f"{uuid}\n")
    for one in below:
        (made / "slaves" / one).symlink_to(at / one)
    return made


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    device(tmp_path, "sda")
    device(tmp_path, "sdb")
    device(tmp_path, "crypt-a", "CRYPT-LUKS2-0123-data", ("sda",))
    device(tmp_path, "volume", "LVM-abc", ("crypt-a",))
    device(tmp_path, "snapshot", "LVM-def", ("volume",))
    device(tmp_path, "mirror", "LVM-ghi", ("crypt-a", "sdb"))
    device(tmp_path, "named", "LVM-CRYPT-LUKS2", ("sdb",))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "encrypted"),
    [
        ("crypt-a", True),
        ("volume", True),
        ("snapshot", True),
        ("sda", False),
        ("mirror", False),
        ("named", False),
        ("missing", False),
    ],
)
def test_all_that_lies_below_counts(devices: Path, name: str, encrypted: bool) -> None:
    assert is_encrypted(devices / name) is encrypted


def test_memory_is_no_disk_and_the_root_here_is_in_clear() -> None:
    assert is_kept_from_disks(Path("/dev/shm/none/of/these"))  # noqa: S108 - memory
    assert not is_kept_from_disks(Path("/none/of/these"))
