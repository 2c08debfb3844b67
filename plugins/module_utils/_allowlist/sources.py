# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses, networks and ranges as intervals of integers.

An interval is a pair of the first and the last address, both included. Addresses are read as the kernel reads them
(inet_pton(3)), which is stricter than most tools: no leading zeros, no short forms, no zone.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import moments

Interval = tuple[int, int]
Ranges = dict[int, list[Interval]]  # sorted and disjoint; keys 4 and 6

NEVER, UNSET = 0, -1
BITS = {4: 32, 6: 128}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_MAPPED = (0xFFFF << 32, (0xFFFF << 32) + (1 << 32) - 1)  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2


class SourceError(ValueError):
    """An entry that cannot be used: the entry, why, and what to write instead."""

    def __init__(self, entry: str, reason: str, remedy: str) -> None:
        self.entry, self.reason, self.remedy = entry, reason, remedy
        super().__init__(f"'{entry}': {reason}; {remedy}")


class Source(NamedTuple):
    """One declared entry: IP version 4 or 6, first and last address, what it is for, and until when it holds.

    ``expires`` counts seconds since 1970, with NEVER and, in what a task asks for, UNSET beside them.
    """

    version: int
    first: int
    last: int
    comment: str = ""
    expires: int = 0

    def __str__(self) -> str:
        return text(self.version, self.first, self.last)

    @property
    def line(self) -> str:
        """All of it in one line: ``ADDRESSES[ until TIME][  COMMENT]``."""
        until = f" until {moments.text(self.expires)}" if self.expires > 0 else ""
        return f"{self}{until}  {self.comment}" if self.comment else f"{self}{until}"


def parse(entry: str, comment: str = "", expires: int = NEVER) -> Source:
    """An address, a network in CIDR notation or a range ``FIRST-LAST``. Raises SourceError."""
    comment = comment.strip()
    if not comment.isprintable():
        raise SourceError(entry, "its comment holds a line break or a control character", "write the comment on one line")
    if "-" in entry:
        version, first, last = _range(entry)
    elif "/" in entry:
        version, first, last = _network(entry)
    else:
        version, first = _address(entry.strip(), entry)
        last = first
    if version == 6 and _MAPPED[0] <= first <= last <= _MAPPED[1]:  # noqa: PLR2004
        raise SourceError(entry, "IPv4-mapped addresses never appear on the wire", "write it as IPv4")
    return Source(version, first, last, comment, expires)


def read_line(line: str) -> Source:
    """What ``Source.line`` wrote, and nothing else. Raises ValueError."""
    rest, _blanks, comment = line.partition("  ")
    entry, _until, time = rest.partition(" until ")
    version = 6 if ":" in entry else 4
    first_text, dash, last_text = entry.partition("-")
    try:
        if dash:
            first, last = number(version, first_text), number(version, last_text)
        else:
            address, slash, length = entry.partition("/")
            first = number(version, address)
            last = first + (1 << (BITS[version] - int(length))) - 1 if slash else first
    except OSError as error:
        raise ValueError(entry) from error
    _SPELLED[version, first, last] = entry
    return Source(version, first, last, comment, int(moments.parse(time).timestamp()) if time else NEVER)


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The same addresses as sorted intervals that neither overlap nor touch."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def subtract(intervals: Iterable[Interval], cuts: Iterable[Interval]) -> list[Interval]:
    """What ``cuts`` leave of ``intervals``; both sorted and disjoint, and so is the result."""
    remaining = list(cuts)[::-1]
    left: list[Interval] = []
    for first, last in intervals:
        start = first
        while remaining and remaining[-1][1] < start:
            remaining.pop()
        while remaining and remaining[-1][0] <= last:
            cut = remaining[-1]
            if cut[0] > start:
                left.append((start, cut[0] - 1))
            start = cut[1] + 1
            if cut[1] >= last:
                break  # the cut may reach into the next interval
            remaining.pop()
        if start <= last:
            left.append((start, last))
    return left


def meeting(intervals: list[Interval], interval: Interval) -> list[Interval]:
    """Those of ``intervals``, sorted and disjoint, that share an address with ``interval``, and at most one more."""
    first, last = interval
    beyond = 1 << BITS[6]
    start = bisect_right(intervals, (first, beyond))
    return intervals[max(start - 1, 0) : bisect_right(intervals, (last, beyond), lo=start)]


def ranges(sources: Iterable[Source]) -> Ranges:
    """What the sources admit, per IP version."""
    found: Ranges = {4: [], 6: []}
    for source in sources:
        found[source.version].append((source.first, source.last))
    return {version: merge(intervals) for version, intervals in found.items()}


def number(version: int, address: str) -> int:
    """The integer of an address. Raises OSError."""
    return int.from_bytes(socket.inet_pton(FAMILY[version], address), "big")


# A hundred thousand intervals are written several times in one run.
_SPELLED: dict[tuple[int, int, int], str] = {}


def text(version: int, first: int, last: int) -> str:
    """The shortest of address, network and range that names the interval, in a form that ``parse`` and nft read."""
    key = version, first, last
    known = _SPELLED.get(key)
    if known is None:
        known = _SPELLED[key] = _text(version, first, last)
    return known


def _text(version: int, first: int, last: int) -> str:
    if first == last:
        return _spell(version, first)
    size = last - first + 1
    if size & (size - 1) == 0 and first % size == 0:
        return f"{_spell(version, first)}/{BITS[version] - size.bit_length() + 1}"
    return f"{_spell(version, first)}-{_spell(version, last)}"


def _spell(version: int, value: int) -> str:
    spelled = socket.inet_ntop(FAMILY[version], value.to_bytes(BITS[version] // 8, "big"))
    if version == 6 and "." in spelled:  # noqa: PLR2004
        return ":".join(f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
    return spelled


def _address(word: str, entry: str) -> tuple[int, int]:
    if "%" in word:
        raise SourceError(entry, "an address with a zone cannot be matched", "leave out the zone")
    version = 6 if ":" in word else 4
    try:
        return version, number(version, word)
    except (OSError, ValueError):
        raise SourceError(
            entry,
            "it is not an IPv4 or IPv6 address, network or range",
            "write for example 192.0.2.7, 2001:db8::/48 or 192.0.2.1-192.0.2.9",
        ) from None


def _network(entry: str) -> tuple[int, int, int]:
    word, _slash, length = entry.strip().partition("/")
    version, first = _address(word, entry)
    if not (length.isascii() and length.isdigit() and int(length) <= BITS[version]):
        raise SourceError(
            entry, f"'{length}' is not a prefix length from 0 to {BITS[version]}", "write the length in bits, as in 192.0.2.0/24"
        )
    size = 1 << (BITS[version] - int(length))
    if first % size:
        network = text(version, first - first % size, first - first % size + size - 1)
        raise SourceError(
            entry, f"it has bits set beyond its prefix of {length}", f"write {network} for the network or {word} for the host"
        )
    return version, first, first + size - 1


def _range(entry: str) -> tuple[int, int, int]:
    (version, first), (other, last) = (_address(word.strip(), entry) for word in entry.split("-", 1))
    if version != other:
        raise SourceError(entry, "it mixes IPv4 and IPv6", "write one range for each")
    if first > last:
        raise SourceError(entry, "its end is before its start", "write the lower address first")
    return version, first, last
