# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replies of cursors, taken apart without decoding what is in them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import bson
import pytest
from bson import Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod import batch as batches
from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.batch import Batch, batch, documents_in, elements

TYPES: dict[str, Any] = {
    "double": 1.5,
    "string": "ä" * 300,
    "document": {"a": {"b": []}},
    "array": [1, {"two": 2}],
    "binary": b"\x00\x01",
    "uuid": bson.Binary(bytes(16), 4),
    "id": ObjectId(),
    "true": True,
    "date": datetime(2026, 1, 1),
    "null": None,
    "int": 7,
    "timestamp": Timestamp(1, 2),
    "long": Int64(1 << 40),
    "decimal": Decimal128("1.5"),
    "min": MinKey(),
    "max": MaxKey(),
    "code": Code("f()"),
}
MANY = [{"_id": number, **TYPES} for number in range(120)]


def reply(name: str = "firstBatch", documents: Any = MANY, **more: Any) -> bytes:
    cursor = {name: documents, **more, "id": Int64(77), "ns": "shop.accounts"}
    return bson.encode({"cursor": cursor, "ok": 1.0, "$clusterTime": {"clusterTime": Timestamp(9, 9)}})


def test_every_kind_of_element_is_walked_over() -> None:
    raw = bson.encode(TYPES)
    found = [(name, bson.decode(bson.encode({})) or raw[start:end]) for name, _kind, start, end in elements(raw)]
    assert [name for name, _value in found] == list(TYPES)


@pytest.mark.parametrize("name", ["firstBatch", "nextBatch"])
def test_documents_come_as_they_are(name: str) -> None:
    found = batch(reply(name, postBatchResumeToken={"$recordId": Int64(5)}))
    assert found == Batch(77, b"".join(bson.encode(document) for document in MANY), 120, {"$recordId": Int64(5)})


def test_an_empty_batch_and_the_end_of_a_cursor() -> None:
    raw = bson.encode({"cursor": {"nextBatch": [], "id": Int64(0), "ns": "a.b"}, "ok": 1.0})
    assert batch(raw) == Batch(0, b"", 0, None)


def test_the_fast_way_is_there_and_the_slow_one_gives_the_same() -> None:
    assert batches._documents is not documents_in, "PyMongo's function in C is another one now"
    for documents in ([], [{}], MANY, [{"a": "x" * 100_000}] * 30):
        array = bson.encode({str(number): document for number, document in enumerate(documents)})
        assert batches._documents(memoryview(array)) == documents_in(memoryview(array))


def test_where_it_is_another_one_the_slow_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bson, "_array_of_documents_to_buffer", lambda _view: b"")
    assert batches._fastest() is documents_in
    monkeypatch.delattr(bson, "_array_of_documents_to_buffer")
    assert batches._fastest() is documents_in


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 9999, 10_000, 123_456])
def test_documents_are_counted_without_a_look_at_them(count: int) -> None:
    keys = sum(2 + len(str(number)) for number in range(count))
    assert batches.counted(keys + 5) == count


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (bson.encode({"ok": 1.0}), "has no cursor"),
        (bson.encode({"cursor": 5}), "has no cursor"),
        (bson.encode({"a": Regex("x")}), "the kind 0xb is not expected"),
        (bson.encode({"a": re.compile("x")}), "the kind 0xb is not expected"),
    ],
)
def test_what_is_no_reply_is_told(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        batch(raw)
