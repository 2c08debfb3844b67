# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One step of a migration that a running server takes without a restart.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._member import start_record
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.connection import connect
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.login import Login
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.modes import parameters


@dataclass(frozen=True)
class ModeStep:
    """The server at ``login``, with its configuration as ``present`` on disk and as it was ``started`` with, both paths."""

    login: Login
    present: Path
    started: Path

    def parameters(self) -> Mapping[str, str]:
        """What the server has to be told, by parameter; empty where that would not make up for what changed."""
        try:
            return parameters(self.started.read_text(encoding="utf-8"), self.present.read_text(encoding="utf-8")) or {}
        except (FileNotFoundError, UnicodeDecodeError):
            return {}
        except OSError as error:
            reason = f"{error.filename} cannot be read ({error.strerror})"
            raise StrongholdError(
                platform.node(), "compare the configuration with that of the server's start", reason, "run as root"
            ) from error

    def carry_out(self, record: Path) -> str:
        """Tell the server, and ``record`` what it runs with now; why it did not work, as a clause, empty when it did."""
        path, data = str(self.present), self.present.read_bytes()
        digest, wanted = start_record.digests([path])[path], self.parameters()
        try:
            with connect(self.login.at(self.login.host, self.login.port), "change its mode") as client:
                client.admin.command({"setParameter": 1, **wanted})
        except StrongholdError as error:
            return f"it refused to change its mode ({error.reason})"
        files.write(self.started, data, 0o600)
        start_record.renew(record, {path: digest}, {path: digest})
        return ""
