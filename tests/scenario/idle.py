# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that do nothing: ``python - URI COUNT OUTPUT``, on a host of the cluster.

They are open when OUTPUT.started appears; OUTPUT.stop ends it. Writes to OUTPUT, as JSON, how many were made and how many
of them were closed until then.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.monitoring import ConnectionPoolListener


class Watch(ConnectionPoolListener):
    """Counts connections; nothing else of a pool is of interest."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = 0

    def connection_ready(self, event: Any) -> None:
        self.made += 1

    def connection_closed(self, event: Any) -> None:
        self.closed += 1

    def _ignore(self, event: Any) -> None:
        pass

    pool_created = pool_ready = pool_cleared = pool_closed = connection_created = _ignore
    connection_check_out_started = connection_check_out_failed = connection_checked_out = connection_checked_in = _ignore


def main() -> None:
    uri, count, output = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    watch = Watch()
    client: MongoClient[dict[str, Any]] = MongoClient(uri, minPoolSize=count, event_listeners=[watch])
    client.admin.command("ping")
    while watch.made < count:
        time.sleep(0.1)
    Path(f"{output}.started").touch()
    while not Path(f"{output}.stop").exists():
        time.sleep(0.1)
    made, closed = watch.made, watch.closed
    client.admin.command("ping")
    output.write_text(json.dumps({"made": made, "closed": closed}))


if __name__ == "__main__":
    main()
