# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which collections share a stream, and what a selection wants."""

from __future__ import annotations

import json
import random
from uuid import UUID

import pytest
from bson import Binary, Int64

from ansible_collections.stronghold.mongodb.plugins.module_utils._backup.content import SHARED, Found, Selection, of, streams
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import Collection, Namespace

IDENTITY = bytes(range(16))


def found(*names: str) -> list[Found]:
    return [Found(Collection(Namespace(*name.split(".", 1)), "{}"), IDENTITY.hex()) for name in names]


def laid(content: list[Found], **sizes: int) -> dict[str, list[str]]:
    return {name: [str(one.collection.namespace) for one in there] for name, there in streams(content, sizes).items()}


def test_small_databases_share_a_stream_and_large_ones_have_their_own() -> None:
    content = found("b.two", "a.one", "shop.z", "shop.a", "admin.system.users")
    assert laid(content, a=SHARED - 1, b=0, shop=SHARED, admin=SHARED * 9) == {
        "small": ["a.one", "b.two"],
        "accounts": ["admin.system.users"],
        "database-shop": ["shop.a", "shop.z"],
    }


def test_the_order_is_always_the_same() -> None:
    names = [f"d{number % 3}.c{number}" for number in range(30)]
    expected = laid(found(*sorted(names)), d1=SHARED)
    for seed in range(20):
        mixed = random.Random(seed).sample(names, len(names))  # noqa: S311
        assert laid(found(*mixed), d1=SHARED) == expected


@pytest.mark.parametrize(
    ("database", "stream"),
    [("a b/c", "database-a%20b%2Fc"), ("ümläut", "database-%C3%BCml%C3%A4ut"), ("small", "database-small")],
)
def test_a_stream_has_a_name_that_is_fit_for_a_file(database: str, stream: str) -> None:
    assert list(streams([Found(Collection(Namespace(database, "a"), "{}"), "")], {database: SHARED})) == [stream]


class TestSelection:
    def test_nothing_named_is_everything(self) -> None:
        assert Selection().wants(Namespace("any", "thing"))

    def test_databases_and_collections(self) -> None:
        wanted = Selection(("shop",), (Namespace("other", "a"),))
        assert wanted.wants(Namespace("shop", "any"))
        assert wanted.wants(Namespace("other", "a"))
        assert not wanted.wants(Namespace("other", "b"))
        assert not wanted.wants(Namespace("shop2", "any"))


@pytest.mark.parametrize("uuid", [UUID(bytes=IDENTITY), Binary(IDENTITY, 4)])
def test_metadata_is_what_mongorestore_reads(uuid: object) -> None:
    told = {"name": "a", "type": "collection", "options": {"capped": True, "size": Int64(5)}, "info": {"uuid": uuid}}
    one = of("shop", told, [{"v": 2, "key": {"_id": 1}, "name": "_id_", "ns": "shop.a"}])
    assert json.loads(one.collection.metadata) == {
        "options": {"capped": True, "size": {"$numberLong": "5"}},
        "indexes": [{"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"}],
        "uuid": "000102030405060708090a0b0c0d0e0f",
        "collectionName": "a",
        "type": "collection",
    }
    assert one.capped
