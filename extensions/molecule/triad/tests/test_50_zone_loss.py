# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Zones die and are cut off; acknowledged writes and the single primary survive."""

from __future__ import annotations

import time

import pytest
from scenario import load

from lab import fleet as fleets
from lab.fleet import Fleet

SERVES_AGAIN_WITHIN = 15.0


def zone_of(fleet: Fleet, name: str) -> str:
    return fleet.host(name).zone


def test_loss_of_the_primary_s_zone(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    leader = load.primary(fleet).name
    assert load.settle(fleet)[leader] == "primary"
    lost = [host.name for host in fleet.hosts if host.zone == zone_of(fleet, leader)]
    assert "vault-c" not in lost
    try:
        with load.write_load(fleet, "vault-c") as account:
            time.sleep(3)
            before = time.monotonic()
            fleets.kill(fleet, *lost)
            while "primary" not in [state for name, state in load.states(fleet).items() if name not in lost]:
                assert time.monotonic() - before < 60
                time.sleep(0.2)
            time.sleep(5)
        assert load.states(fleet)[leader] == "down"
        assert zone_of(fleet, load.primary(fleet).name) != zone_of(fleet, leader)
        assert set(account.acknowledged) <= load.stored(fleet)
        assert len(account.acknowledged) > 100
        with capsys.disabled():
            print(f"\nzone loss: {len(account.acknowledged)} writes, no writes for {account.longest_gap:.2f} s")
        assert account.longest_gap < SERVES_AGAIN_WITHIN
    finally:
        fleets.start(fleet, *lost)
    load.settle(fleet, 120)


def test_a_zone_alone_has_no_primary(fleet: Fleet) -> None:
    leader = load.primary(fleet).name
    load.settle(fleet)
    others = {name for name in load.states(fleet) if name != leader}
    fleets.cut(fleet, zone_of(fleet, leader))
    try:
        deadline = time.monotonic() + 60
        while True:
            states = load.states(fleet)
            primaries = {name for name, state in states.items() if state == "primary"}
            if len(primaries) == 1 and primaries <= others:
                break
            assert time.monotonic() < deadline, states
            time.sleep(0.5)
        for _second in range(5):  # another one of the majority may still take over, which has the higher priority
            time.sleep(1)
            states = load.states(fleet)
            assert states[leader] == "secondary"
            assert len([name for name, state in states.items() if state == "primary"]) <= 1, states
        assert load.primary(fleet).name in others
    finally:
        fleets.heal(fleet)
    load.settle(fleet, 120)
