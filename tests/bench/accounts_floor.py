# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor: the commands that creating and checking accounts cannot do without, by PyMongo alone. Job on standard input."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

PAGE = 100


def create(client: pymongo.MongoClient[dict[str, Any]], users: list[dict[str, Any]]) -> None:
    for user in users:
        client[user["database"]].command("createUser", user["name"], pwd=user["password"], roles=user["roles"])


def check(client: pymongo.MongoClient[dict[str, Any]], users: list[dict[str, Any]]) -> None:
    passwords = {(user["database"], user["name"]): user["password"] for user in users}

    def holds(found: dict[str, Any]) -> bool:
        stored = found["credentials"]["SCRAM-SHA-256"]
        password = passwords[found["db"], found["user"]].encode()
        salt, iterations = base64.b64decode(stored["salt"]), stored["iterationCount"]
        salted = PBKDF2HMAC(hashes.SHA256(), hashes.SHA256.digest_size, salt, iterations).derive(password)
        key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        return key == base64.b64decode(stored["storedKey"])

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        for start in range(0, len(users), PAGE):
            wanted = [{"user": user["name"], "db": user["database"]} for user in users[start : start + PAGE]]
            question = {"usersInfo": wanted, "showCredentials": True, "showAuthenticationRestrictions": True}
            if not all(pool.map(holds, client.admin.command(question)["users"])):
                sys.exit("a password does not match")


def main() -> None:
    job = json.load(sys.stdin)
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient("127.0.0.1", job["port"], username="root", password=job["password"]) as client:
        {"create": create, "check": check}[job["what"]](client, job["users"])


if __name__ == "__main__":
    main()
