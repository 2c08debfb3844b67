# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.log_files import Log, configuration
from ansible_collections.stronghold.mongodb.plugins.module_utils._watch.logs import accepted

LOG = {"path": "/var/log/mongodb/mongod.log", "max_mb": 100, "keep": 30, "days": 30}
WHOLE = """\
"/var/log/mongodb/mongod.log" {
    maxsize 100M
    rotate 30
    maxage 30
    daily
    missingok
    notifempty
    nocreate
    nodateext
    compress
    delaycompress
}
"/srv/audit log/audit.json" {
    maxsize 500M
    rotate 400
    maxage 365
    daily
    missingok
    notifempty
    nocreate
    nodateext
    compress
    delaycompress
}
"""


def test_each_log_has_bounds_of_its_own() -> None:
    assert configuration([Log(**LOG), Log("/srv/audit log/audit.json", 500, 400, 365)]) == WHOLE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "mongod.log"}, "the path of a log is not absolute and plain"),
        ({"path": '/var/log/a" {}\n"/etc/passwd'}, "the path of a log is not absolute and plain"),
        ({"path": "/var/log/*"}, "the path of a log is not absolute and plain"),
        ({"max_mb": 0}, "max_mb of a log is not a number above 0"),
        ({"keep": "30"}, "keep of a log is not a number above 0"),
        ({"days": True}, "days of a log is not a number above 0"),
        ({"size": 1}, "a log knows no size"),
    ],
)
def test_what_logrotate_would_take_for_something_else_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(StrongholdError, match=f"could not accept the settings of the command logs because {reason}"):
        accepted({"user": "mongodb", "group": "mongodb", "logs": [{**LOG, **change}]})


def test_settings_without_an_account_are_refused() -> None:
    with pytest.raises(StrongholdError, match="it has no user; it has no group; logs is no list"):
        accepted({"logs": LOG})
