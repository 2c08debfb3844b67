# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of every module: one way to accept options, one funnel for errors, one way to finish.

PRIVATE to the collection.
"""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible.module_utils.basic import AnsibleModule, _load_params

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.plan import Plan
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.text_options import misread

Item = TypeVar("Item")


class Module(AnsibleModule):  # type: ignore[misc]
    """A module with options that hold other options, which the log of its host does not get.

    AnsibleModule logs them as Python writes them, and misses a secret in there that has a backslash, a quote or a new line.
    """

    def log(self, msg: str, log_args: Mapping[str, Any] | None = None) -> None:
        if log_args:
            nested = {name for name, option in self.argument_spec.items() if "options" in option}
            log_args = {name: "NOT_LOGGING_PARAMETER" if name in nested else value for name, value in log_args.items()}
            msg = f"Invoked with {' '.join(f'{name}={value}' for name, value in log_args.items())}"
        super().log(msg, log_args)


def accept(argument_spec: Mapping[str, Any], **relations: Any) -> AnsibleModule:
    """A module, which fails where something else was given for an option that is text: see ``text_options``."""
    module = Module(argument_spec, **relations)
    with funnel(module):
        # AnsibleModule has made text of everything by now; what it was given is read again.
        for reason in misread(argument_spec, _load_params()):
            raise StrongholdError(
                platform.node(), "accept the options of the task", reason, "write it in quotes, or leave it out"
            )
    return module


@contextmanager
def funnel(module: AnsibleModule, plan: Plan | None = None) -> Iterator[None]:
    """Turn every exception into one sentence; with ``plan``, also report the changes that were already applied."""
    try:
        yield
    except StrongholdError as error:
        module.fail_json(msg=str(error), **_progress(plan), **error.facts())
    except Exception as error:  # the funnel's purpose: no traceback reaches the user unless asked for with -vvv
        module.fail_json(
            msg=f"stronghold.mongodb met an unexpected {type(error).__name__}: {error}; this is a defect, please report it.",
            exception=traceback.format_exc(),
            **_progress(plan),
        )


def without_files(module: AnsibleModule, **shown: str | None) -> dict[str, Any]:
    """The parameters; in results each option of ``shown``, which holds a whole file, stands as it is given here.

    The argument spec has ``no_log`` for these options, which keeps them out of the host's log. It would also mask what
    equals them in results, such as the difference of a file without secrets; that is taken back.
    """
    given = dict(module.params)
    module.params.update(shown)
    module.no_log_values.difference_update({given[name] for name in shown})
    return given


def one_or_many(shared: Mapping[str, Any], options: Mapping[str, Any], many: str) -> dict[str, Any]:
    """What AnsibleModule is given for one thing with ``options``, or for several of them in the list ``many``.

    They are known by name and database; those of ``databases`` that ``many`` does not hold may be purged. ``shared`` are the
    module's other options.
    """
    element = {**options, "name": {**options["name"], "required": True}}
    return {
        "argument_spec": {
            **shared,
            **options,
            many: {"type": "list", "elements": "dict", "options": element},
            "purge": {"type": "bool", "default": False},
            "databases": {"type": "list", "elements": "str"},
        },
        "mutually_exclusive": [("name", many)],
        "required_one_of": [("name", many)],
        "required_if": [("purge", True, (many, "databases"))],
        "supports_check_mode": True,
    }


def declared(params: Mapping[str, Any], many: str, noun: str, parse: Callable[[Mapping[str, Any]], Item]) -> list[Item]:
    """What a task declares through options of ``one_or_many``; ``parse`` raises ValueError with the end of a sentence.

    Raises StrongholdError for what cannot be used, and for what is declared twice.
    """
    entries = [params] if params[many] is None else params[many]
    titles = [f"{noun} {options['name']}@{options['database']}" for options in entries]
    require_once(many, titles)
    found = []
    for title, options in zip(titles, entries):
        try:
            found.append(parse(options))
        except ValueError as error:
            raise StrongholdError(platform.node(), f"accept the declaration of {title}", str(error), "correct it") from error
    return found


def require_once(option: str, titles: Sequence[str]) -> None:
    """Raises StrongholdError where the list ``option`` declares something more than once."""
    doubled = sorted({title for title in titles if titles.count(title) > 1})
    if doubled:
        reason = f"it declares more than once: {', '.join(doubled)}"
        raise StrongholdError(platform.node(), f"accept the option {option}", reason, "declare it once")


@dataclass(frozen=True)
class Items:
    """What a module was told to have that stands alone: each may fail, and the others still become as declared.

    ``noun`` is their plural, and the result's key. ``shown`` maps the subject of an item's changes to how it is identified
    in the result. ``option`` is the one that lists them.
    """

    noun: str
    shown: Mapping[str, Mapping[str, Any]]
    option: str = ""

    def invocation(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What Ansible shows with -vvv, without the list: it would look for each of its secrets in each of its values."""
        listed = parameters.get(self.option)
        return {"module_args": {**parameters, **({self.option: f"{len(listed)} {self.noun}"} if listed else {})}}

    def results(self, plan: Plan) -> list[dict[str, Any]]:
        """Each item, whether it was changed, or would be, and why it could not."""
        touched = {change.subject for change in plan.changes} - set(plan.failures)
        return [
            {
                **item,
                "changed": subject in touched,
                **({"error": str(plan.failures[subject])} if subject in plan.failures else {}),
            }
            for subject, item in self.shown.items()
        ]

    def failure(self, plan: Plan) -> StrongholdError:
        """One sentence for all of the plan's failures; of a single item its own."""
        errors = list(plan.failures.values())
        if len(self.shown) == 1:
            return errors[0]
        named = [f"{subject} ({error.reason})" for subject, error in plan.failures.items()]
        return StrongholdError(
            errors[0].host,
            f"manage {len(errors)} of {len(self.shown)} {self.noun}",
            "of " + " and ".join(part for part in (", ".join(named[:-1]), named[-1]) if part),
            errors[0].remedy if len(errors) == 1 else f"see {self.noun} in the result for what to do about each",
        )


def finish(
    module: AnsibleModule,
    plan: Plan,
    report: Callable[[], Mapping[str, Any]] = dict,
    items: Items | None = None,
    **results: Any,
) -> None:
    """Apply ``plan`` unless in check mode, then exit with changed, changes, diff and ``results``.

    ``report`` gives further results that are only known afterwards; it may wait, and fail. Where the plan has failures,
    which concern ``items``, the module fails in the end with the same results.
    """
    with funnel(module, plan):
        if not module.check_mode:
            plan.apply()
        results.update(report())
    for warning in plan.warnings:
        module.warn(warning)
    results.update(changed=plan.changed, changes=plan.summaries(), diff=plan.diff())
    if items:
        results[items.noun] = items.results(plan)
        results["invocation"] = items.invocation(module.params)
    if plan.failures:
        error = items.failure(plan) if items else next(iter(plan.failures.values()))
        module.fail_json(msg=str(error), applied=plan.applied, **results, **error.facts())
    module.exit_json(**results)


def _progress(plan: Plan | None) -> dict[str, Any]:
    applied = plan.applied if plan else []
    return {"changed": bool(applied), "applied": applied}
