# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a change of the allowlist starts from, what it keeps, when it may be tried, and what it must not cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.basis import (
    basis,
    is_next,
    trial_problem,
    with_what_only_runs,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.declaration import Declaration, Request, Wish
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.ruleset import Management
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.safety import (
    admits,
    refuse_harm,
    refuse_lockout,
    together,
)
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.session import Session
from ansible_collections.stronghold.mongodb.plugins.module_utils._allowlist.sources import Ranges, Source
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError


def source(first: int, last: int | None = None, version: int = 4, **fields: Any) -> Source:
    return Source(version, first, first if last is None else last, **fields)


def declaration(*names: str, port: int = 27017, **fields: Any) -> Declaration:
    return Declaration((port,), {name: (source(ord(name)),) for name in names}, **fields)


BOOT, RAN, KERNEL = declaration("b", port=1), declaration("r", port=2), declaration("k", port=3)


@pytest.mark.parametrize(
    ("boot", "ran", "kernel", "persist", "expected"),
    [
        (BOOT, RAN, KERNEL, True, BOOT),
        (BOOT, RAN, KERNEL, False, RAN),
        (None, RAN, KERNEL, True, RAN),
        (BOOT, None, KERNEL, False, BOOT),
        (None, None, KERNEL, True, KERNEL),
        (None, None, KERNEL, False, KERNEL),
        (None, None, None, True, Declaration()),
        (BOOT, None, None, True, BOOT),
        (None, RAN, None, False, RAN),
    ],
)
def test_a_request_revises_the_record_that_will_be_written(
    boot: Declaration | None, ran: Declaration | None, kernel: Declaration | None, persist: bool, expected: Declaration
) -> None:
    assert basis(boot, ran, lambda: kernel, persist=persist) == expected


NOW = 1000.0


def kept(target: Declaration, boot: Declaration | None, ran: Declaration | None, request: Request) -> list[str]:
    return list(with_what_only_runs(target, boot, ran, request, NOW).groups)


def test_groups_that_only_run_stay_until_the_next_boot() -> None:
    assert kept(declaration("b"), declaration("b"), declaration("a", "b", "r"), Request({})) == ["a", "b", "r"]


def test_a_group_of_the_file_is_as_in_the_file() -> None:
    """What was let in by the way into a declared group goes, and a group that is taken out does not come back."""
    ran = Declaration((1,), {"b": (source(7),)})
    target = declaration("b")
    assert with_what_only_runs(target, declaration("b"), ran, Request({}), NOW) is target
    assert kept(declaration(), declaration("b"), ran, Request({"b": Wish(state="absent")})) == []


@pytest.mark.parametrize("wish", [Wish((source(9),)), Wish(state="absent"), Wish((source(9),), "exact")])
def test_a_group_that_a_request_names_is_as_the_request_has_it(wish: Wish) -> None:
    target = Declaration((27017,), {} if wish.sources is None else {"r": wish.sources})
    found = with_what_only_runs(target, declaration("b"), declaration("r", "s"), Request({"r": wish}), NOW)
    assert found.groups == {**target.groups, "s": (source(ord("s")),)}


def test_a_purge_and_the_first_file_leave_nothing_that_only_ran() -> None:
    ran = declaration("a", "r")
    assert kept(declaration("b"), declaration("b"), ran, Request({}, purge=True)) == ["b"]
    assert kept(declaration("b"), None, ran, Request({})) == ["b"]
    assert kept(declaration("b"), declaration("b"), None, Request({})) == ["b"]


def test_what_has_expired_does_not_run_on() -> None:
    ran = Declaration((1,), {"r": (source(1, expires=1000), source(2, expires=1001), source(3))})
    found = with_what_only_runs(declaration(), declaration("b"), ran, Request({}), NOW)
    assert found.groups == {"r": (source(2, expires=1001), source(3))}
    assert found.ports == declaration().ports


def test_a_second_trial_does_not_begin_while_one_is_under_way() -> None:
    """It would have what the first one tries put back at its end."""
    for guarded in (True, False):
        assert "another trial is under way" in (trial_problem(under_way=True, guarded=guarded) or ())
    assert "there are no rules to which it could be taken back" in (trial_problem(under_way=False, guarded=False) or ())
    assert trial_problem(under_way=False, guarded=True) is None


LAST = (1 << 32) - 1


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1, 2, True),
        (1, 1, False),
        (1, 3, False),
        (2, 1, False),
        (LAST - 1, LAST, True),
        (LAST, 1, True),
        (LAST, 0, False),
        (LAST, LAST + 1, False),
        (None, 1, False),
        (None, None, False),
        (1, None, False),
    ],
)
def test_generations_of_rules_are_counted_around_and_never_zero(before: int | None, after: int | None, expected: bool) -> None:
    assert is_next(before, after) is expected


def admitted(*intervals: tuple[int, int], six: Sequence[tuple[int, int]] = ()) -> Ranges:
    return {4: list(intervals), 6: list(six)}


@pytest.mark.parametrize(
    ("ranges", "wanted", "expected"),
    [
        (admitted((10, 20)), source(10, 20), True),
        (admitted((10, 20)), source(9, 20), False),
        (admitted((10, 20)), source(10, 21), False),
        (admitted((10, 14), (15, 20)), source(10, 20), True),
        (admitted((10, 13), (15, 20)), source(10, 20), False),
        (admitted((10, 20)), source(15, version=6), False),
        (admitted(six=[(10, 20)]), source(15, version=6), True),
        (admitted(), source(15), False),
    ],
)
def test_somebody_is_let_in_with_all_addresses_or_not_at_all(ranges: Ranges, wanted: Source, expected: bool) -> None:
    assert admits(ranges, wanted) is expected


EVERYBODY = admitted((0, 100))


def harm(before: Ranges, after: Ranges, protected: Sequence[Source] = (), **members: Source) -> str:
    try:
        refuse_harm("db-a", before, after, protected, members)
    except StrongholdError as error:
        return str(error)
    return ""


def test_members_and_the_protected_are_not_cut_off() -> None:
    assert harm(EVERYBODY, admitted((5, 9)), [source(5)], b=source(9)) == ""
    assert "cut off what is protected: 0.0.0.4;" in harm(EVERYBODY, admitted((5, 9)), [source(5), source(4)])
    said = harm(EVERYBODY, admitted((5, 9)), [source(4)], b=source(9), c=source(10))
    assert "members of the running replica set: c (0.0.0.10);" in said


def test_they_need_not_have_been_let_in_before() -> None:
    assert "protected" in harm(admitted(), admitted((5, 9)), [source(4)])


def test_all_are_not_cut_off_at_once() -> None:
    for before in (EVERYBODY, admitted(six=[(1, 1)])):
        assert "cut off everybody" in harm(before, admitted())
    assert harm(EVERYBODY, admitted(six=[(1, 1)])) == ""
    assert harm(admitted(), admitted()) == ""


MANAGEMENT = Management(22, admitted((10, 20)))


@pytest.mark.parametrize(
    ("management", "session", "said"),
    [
        (None, Session(source(9), 22), ""),
        (MANAGEMENT, None, ""),
        (MANAGEMENT, Session(source(10), 22), ""),
        (MANAGEMENT, Session(source(9), 22), "this very run comes from 0.0.0.9"),
        (MANAGEMENT, Session(source(10), 2222), "this very run uses port 2222 and not 22"),
    ],
)
def test_the_session_that_makes_the_change_stays(management: Management | None, session: Session | None, said: str) -> None:
    try:
        refuse_lockout("db-a", management, session)
    except StrongholdError as error:
        assert said
        assert said in str(error)
    else:
        assert said == ""


def test_what_groups_admit_together_is_merged() -> None:
    assert together([admitted((1, 5)), admitted(), admitted((4, 9), six=[(1, 1)])]) == admitted((1, 9), six=[(1, 1)])
    assert together([admitted((1, 5)), admitted()]) == admitted((1, 5))
    assert together([]) == admitted()
