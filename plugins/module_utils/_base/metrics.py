# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics as Prometheus reads them from a file (text format 0.0.4), for the textfile collector of its node exporter.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files, locks

Labels = Mapping[str, str]
MODE = 0o644
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass
class Gauge:
    """``samples`` are pairs of labels and value. Of two with the same labels, which would spoil the file, the first counts."""

    name: str
    purpose: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, labels: Labels, value: float) -> None:
        self.samples.append((labels, value))

    def text(self) -> str:
        lines = [f"# HELP {self.name} {self.purpose}", f"# TYPE {self.name} gauge"]
        seen: dict[str, str] = {}
        for labels, value in self.samples:
            seen.setdefault(f"{self.name}{_braces(labels)}", f"{value:.15g}")
        lines += [f"{series} {value}" for series, value in seen.items()]
        return "".join(f"{line}\n" for line in lines)


def write(path: Path, gauges: Sequence[Gauge]) -> None:
    """Replace the file as a whole, readable by all. Raises OSError and StrongholdError."""
    with locks.held(locks.FILES, platform.node(), f"write {path}"):
        files.write(path, "".join(gauge.text() for gauge in gauges if gauge.samples).encode(), MODE)


def _braces(labels: Labels) -> str:
    """A label without a value is as good as none."""
    pairs = [f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items() if value]
    return f"{{{','.join(pairs)}}}" if pairs else ""
