# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan, then apply: the one idea behind check mode, diff mode, idempotence and ``changed``.

A module reads the actual state, builds a ``Plan``, and hands it to ``_base/module.finish``. What check mode
predicts is what a real run does, because it is the same plan.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import ItemError

MASK = "********"


@dataclass(frozen=True)
class Change:
    """One step from the actual state towards the declared one.

    ``summary`` is a sentence for people without a final stop ("add db-d:27017 without a vote").
    ``subject`` heads the diff ("member db-d:27017"). ``before`` and ``after`` are JSON-like values in
    which secrets are already replaced by ``MASK``. ``action`` carries the step out. It raises ItemError where this
    subject alone cannot be, and returns ``Instead`` where it met another state than the one that was planned for.
    """

    summary: str
    subject: str
    before: Any
    after: Any
    action: Callable[[], object] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Instead:
    """The changes that an action made in place of its own, none where somebody else had made it meanwhile."""

    changes: tuple[Change, ...] = ()


@dataclass
class Plan:
    """An ordered list of changes; ``applied`` grows while ``apply`` runs, so a failure can say how far it came.

    ``failures`` holds what cannot be, by subject, found by the planner or by ``apply``. ``warnings`` are sentences for people.
    """

    changes: list[Change] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    failures: dict[str, ItemError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    def add(self, summary: str, subject: str, before: Any, after: Any, action: Callable[[], object]) -> None:
        self.changes.append(Change(summary, subject, before, after, action))

    def summaries(self) -> list[str]:
        return [change.summary for change in self.changes]

    def diff(self) -> list[dict[str, Any]]:
        """Ansible's diff structure: one entry per change, values as given."""
        return [
            {
                "before_header": change.subject,
                "after_header": change.subject,
                "before": _diffable(change.before),
                "after": _diffable(change.after),
            }
            for change in self.changes
        ]

    def apply(self) -> None:
        """Carry the changes out in order; ``changes`` are then those that were made.

        After an ItemError the changes of other subjects go on. Any other exception from an action passes through.
        """
        planned, self.changes = self.changes, []
        for change in planned:
            if change.subject in self.failures:
                continue
            try:
                outcome = change.action()
            except ItemError as error:
                self.failures[change.subject] = error
                continue
            made = outcome.changes if isinstance(outcome, Instead) else (change,)
            self.changes.extend(made)
            self.applied.extend(one.summary for one in made)


def _diffable(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (str, dict)):
        return value if not isinstance(value, str) or value.endswith("\n") or not value else value + "\n"
    if isinstance(value, (list, tuple)):
        return "".join(f"{item}\n" for item in value)
    return f"{value}\n"
