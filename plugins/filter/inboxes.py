# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

GIB = 1 << 30


def inboxes(
    members: Sequence[str], passwords: Sequence[str], keys: Sequence[str], port: int, gib: int, *, backups: Sequence[str] = ()
) -> dict[str, Any]:
    posts = [
        {"name": name, "port": port + number, "password": password, "key": key, "quota": gib * GIB}
        for number, (name, password, key) in enumerate(zip(members, passwords, keys))
    ]
    return {
        "served": [_part(post, "name", "port", "password", "quota") for post in posts],
        "taken": [_part(post, "name", "key", "quota") for post in posts],
        "sent": {
            post["name"]: [{"repository": _url(post, backup), "password": post["key"]} for backup in backups] for post in posts
        },
    }


def _part(post: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: post[name] for name in names}


def _url(post: dict[str, Any], backup: str) -> str:
    host = f"[{backup}]" if ":" in backup else backup
    return f"rest:https://{quote(post['name'])}:{quote(post['password'], safe='')}@{host}:{post['port']}/"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"inboxes": inboxes}
