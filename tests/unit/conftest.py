# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks of the test's own, not those of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import locks


@pytest.fixture(autouse=True)
def locks_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("run") / "stronghold" / "locks"
    monkeypatch.setattr(locks, "folder", lambda: folder)
    return folder
