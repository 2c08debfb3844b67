# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of their own for the files of tests, which so run alone and beside each other."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

BLOCKS = {
    "test_replicaset": range(20100, 20160),
    "test_replicaset_auth": range(20160, 20180),
    "test_restart": range(20180, 20200),
    "test_tls": range(20200, 20260),
    "test_tls_live": range(20260, 20300),
    "test_rotation": range(20300, 20320),
    "test_rotation_ended": range(20320, 20340),
    "test_bootstrap": range(20340, 20400),
    "test_certificates_by_itself": range(20500, 20540),
    "test_replicaset_names": range(20600, 20620),
    "test_config": range(20640, 20650),
    "test_logs": range(20650, 20660),
    "test_oplog_archive": range(20660, 20670),
    "test_user": range(21000, 21010),
    "test_user_bulk": range(21010, 21060),
    "test_role": range(21200, 21220),
    "test_user_info": range(21220, 21240),
    "test_accounts_guide": range(21240, 21260),
    "test_expiry": range(21400, 21450),
    "test_program": range(21450, 21500),
    "test_logical_backup": range(21500, 21510),
    "test_stock_tools": range(21510, 21520),
    "test_backup_module": range(21540, 21550),
    "test_restore_engine": range(21560, 21580),
    "test_backup_by_itself": range(21520, 21530),
    "test_drill": range(21530, 21535),
    "test_offsite": range(21535, 21540),
    "test_backup_killed": range(21550, 21555),
    "test_inbox": range(21580, 21590),
    "test_physical": range(21590, 21600),
    "test_snapshot": range(21600, 21610),
}
OURS = "20000-21999"
assert sum(map(len, BLOCKS.values())) == len(set().union(*BLOCKS.values())), "two files share a port"


def first(file: str | Path) -> int:
    """The first of the ports of a file of tests."""
    return BLOCKS[Path(file).stem].start


def reserve() -> None:
    """No outgoing connection gets one of them from the kernel, whatever its range of such ports is.

    Of this network namespace alone (ip_local_reserved_ports in the kernel's ip-sysctl); without the right to it, nothing.
    """
    reserved = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
    with contextlib.suppress(OSError):
        others = reserved.read_text().strip()
        if OURS not in others:
            reserved.write_text(f"{others},{OURS}\n" if others else f"{OURS}\n")


def held(port: int) -> str:
    """Who has it, for people; with the kernel's range of ports of outgoing connections."""
    words = ["ss", "--tcp", "--all", "--numeric", "--processes", f"sport = :{port} or dport = :{port}"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    except OSError as error:
        found = f"{error}\n"
    return found + Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
