# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client that writes; runs on a host of the fleet.

    write_load.py URI PAUSE OUTPUT

Inserts numbered documents with ``w: majority``, one after the other with PAUSE seconds between them, until OUTPUT.stop exists or
ten minutes have passed, and writes what happened to OUTPUT as JSON: acknowledged (numbers), errors (texts), longest_gap (seconds
between two acknowledgements), begin (seconds since the epoch), moments (of the acknowledgements, in seconds since then).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

LIMIT = 600


def main() -> None:
    uri, pause, output = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    stop = Path(f"{output}.stop")
    client: MongoClient[dict[str, int]] = MongoClient(uri, w="majority", serverSelectionTimeoutMS=30000)
    collection = client.load.writes
    collection.drop()
    acknowledged: list[int] = []
    errors: list[str] = []
    longest = 0.0
    number = 0
    moments: list[float] = []
    began = time.time()
    last = begin = time.monotonic()
    while time.monotonic() - begin < LIMIT and not stop.exists():
        number += 1
        try:
            collection.insert_one({"_id": number})
        except PyMongoError as error:
            errors.append(f"{number}: {error}"[:300])
        else:
            acknowledged.append(number)
            now = time.monotonic()
            longest = max(longest, now - last)
            moments.append(round(now - begin, 5))
            last = now
        if number == 1:
            Path(f"{output}.started").touch()
        time.sleep(pause)
    told = {"acknowledged": acknowledged, "errors": errors, "longest_gap": longest, "begin": began, "moments": moments}
    output.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
