# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mongodump's archive format: what was written is read, and what was altered anywhere is refused."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator

import bson
import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._repository import crc64
from ansible_collections.stronghold.mongodb.plugins.module_utils._repository.archive import (
    MAGIC,
    TIMESERIES,
    VIEW,
    Block,
    BrokenArchive,
    Collection,
    Head,
    Namespace,
    Reader,
    Writer,
)

ACCOUNTS, EVENTS, BUCKETS = Namespace("shop", "accounts"), Namespace("shop", "events"), Namespace("shop", "system.buckets.events")
OVERVIEW = Namespace("shop", "overview")
HEAD = Head(
    "6.0.27",
    "100.10.0",
    (
        Collection(ACCOUNTS, '{"options":{},"indexes":[]}'),
        Collection(EVENTS, "{}", TIMESERIES),
        Collection(OVERVIEW, "{}", VIEW),
    ),
)


def documents(first: int, count: int) -> bytes:
    return b"".join(bson.encode({"_id": number, "text": "x" * (number % 50)}) for number in range(first, first + count))


def archive(head: Head = HEAD) -> bytes:
    out = io.BytesIO()
    writer = Writer(out.write, head)
    writer.documents(ACCOUNTS, documents(0, 10))
    writer.documents(BUCKETS, documents(100, 3))
    writer.documents(ACCOUNTS, documents(10, 5))
    writer.documents(ACCOUNTS, b"")
    for namespace in (OVERVIEW, BUCKETS, ACCOUNTS):
        writer.end(namespace)
    writer.close()
    return out.getvalue()


class Stuttering(io.RawIOBase):
    """A pipe that gives what it has, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self._random = random.Random(7)  # noqa: S311

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._random.randint(1, 40)))


def blocks(data: bytes) -> list[Block]:
    return list(Reader(io.BytesIO(data)).blocks())


def joined(found: Iterator[Block]) -> dict[Namespace, bytes]:
    held: dict[Namespace, bytes] = {}
    for block in found:
        held[block.namespace] = held.get(block.namespace, b"") + block.documents
    return held


@pytest.mark.parametrize("kind", [io.BytesIO, Stuttering])
def test_what_was_written_is_read(kind: type) -> None:
    reader = Reader(kind(archive()))
    assert reader.head == HEAD
    assert joined(reader.blocks()) == {ACCOUNTS: documents(0, 15), BUCKETS: documents(100, 3), OVERVIEW: b""}


def test_a_large_block_is_read_in_pieces_and_all_of_it() -> None:
    out = io.BytesIO()
    writer = Writer(out.write, Head("6.0.27", "1", (Collection(ACCOUNTS, "{}"),)))
    many = b"".join(bson.encode({"_id": number, "blob": bytes(1 << 20)}) for number in range(20))
    writer.documents(ACCOUNTS, many)
    writer.end(ACCOUNTS)
    found = blocks(out.getvalue())
    assert [block.last for block in found] == [False, False, False, True]
    assert b"".join(block.documents for block in found) == many


def test_the_bytes_are_those_of_mongodump() -> None:
    data = archive(Head("6.0.27", "100.10.0", HEAD.collections))
    assert data[:4] == struct.pack("<I", 0x8199E26D)
    size = struct.unpack_from("<i", data, 4)[0]
    header = {"concurrent_collections": 4, "version": "0.1", "server_version": "6.0.27", "tool_version": "100.10.0"}
    assert bson.decode(data[4 : 4 + size]) == header
    end = bson.encode({"db": "shop", "collection": "accounts", "EOF": True, "CRC": bson.Int64(signed(documents(0, 15)))})
    assert data.endswith(end + b"\xff\xff\xff\xff")


def signed(data: bytes) -> int:
    return struct.unpack("<q", struct.pack("<Q", crc64.by_python()(data, 0)))[0]


def test_every_altered_byte_of_a_document_is_found() -> None:
    data = archive()
    start = data.index(documents(0, 10))
    for position in range(start, start + len(documents(0, 10))):
        altered = bytearray(data)
        altered[position] ^= 4
        with pytest.raises(BrokenArchive):
            blocks(bytes(altered))


def test_it_is_refused_wherever_it_was_cut() -> None:
    data = archive()
    for size in range(len(data)):
        with pytest.raises(BrokenArchive):
            blocks(data[:size])


def block_head(namespace: Namespace, *, last: bool, checksum: int = 0) -> bytes:
    return bson.encode({"db": namespace[0], "collection": namespace[1], "EOF": last, "CRC": bson.Int64(checksum)})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x1f\x8b\x08\x00" + bytes(100), "does not begin as an archive"),
        (MAGIC + bson.encode({"version": "0.2"}), "its format is '0.2'"),
        (MAGIC + b"\xff\xff\xff\xff", "it has no header"),
        (MAGIC + bson.encode({"version": "0.1"}) + bson.encode({"db": 1}), "names no collection"),
        (MAGIC + bson.encode({"version": "0.1"}) + struct.pack("<i", 100 << 20), "a document of 104857600 bytes"),
        (archive() + block_head(ACCOUNTS, last=False), "goes on after its end"),
        (archive() + b"\xff\xff\xff\xff", "begins with a terminator"),
        (archive() + block_head(EVENTS, last=True) + documents(0, 1), "holds a document"),
    ],
)
def test_what_is_no_archive_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(BrokenArchive, match=reason):
        blocks(data)


def test_a_writer_keeps_to_its_head() -> None:
    writer = Writer(lambda _data: None, HEAD)
    for wrong in (EVENTS, Namespace("other", "accounts")):
        with pytest.raises(ValueError, match="is not in the head"):
            writer.documents(wrong, documents(0, 1))
    with pytest.raises(ValueError, match="has not ended"):
        writer.close()
    writer.end(ACCOUNTS)
    with pytest.raises(ValueError, match="has ended"):
        writer.documents(ACCOUNTS, documents(0, 1))


class TestChecksum:
    def test_it_is_that_of_xz(self) -> None:
        assert crc64.crc64(b"123456789") == 0x995DC9BBDF1939FA

    def test_both_ways_agree_in_pieces_and_as_a_whole(self) -> None:
        source = random.Random(1)  # noqa: S311
        data = source.randbytes(10_000)
        fast, slow = crc64.by_liblzma(), crc64.by_python()
        assert fast(data, 0) == slow(data, 0) == fast(data[777:], slow(data[:777], 0))

    def test_without_the_library_it_still_works(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crc64, "_LIBRARY", "liblzma.so.0")
        with pytest.raises(OSError, match=r"liblzma\.so\.0"):
            crc64.by_liblzma()
        assert crc64._best()(b"123456789", 0) == 0x995DC9BBDF1939FA
