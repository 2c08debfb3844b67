# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said about a library that is missing or old."""

from __future__ import annotations

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import library


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("", "the Python library cryptography >= 41.0 is missing"),
        ("38.0.4", "cryptography >= 41.0 is needed and 38.0.4 is installed"),
        ("41.0.7", ""),
        ("50.0.2", ""),
    ],
)
def test_versions(monkeypatch: pytest.MonkeyPatch, version: str, problem: str) -> None:
    monkeypatch.setattr(library, "CRYPTOGRAPHY_VERSION", version)
    assert library.problem() == problem
