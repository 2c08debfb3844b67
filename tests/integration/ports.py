# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of their own for the files of tests, which so run alone and beside each other."""

from __future__ import annotations

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
}
assert sum(map(len, BLOCKS.values())) == len(set().union(*BLOCKS.values())), "two files share a port"


def first(file: str | Path) -> int:
    """The first of the ports of a file of tests."""
    return BLOCKS[Path(file).stem].start
