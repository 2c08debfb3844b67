# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of every module: one funnel for errors, one way to finish.

PRIVATE to the collection.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stronghold.mongodb.plugins.module_utils._errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._plan import Plan


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


def finish(module: AnsibleModule, plan: Plan, report: Callable[[], Mapping[str, Any]] = dict, **results: Any) -> None:
    """Apply ``plan`` unless in check mode, then exit with changed, changes, diff and ``results``.

    ``report`` gives further results that are only known afterwards; it may wait, and fail.
    """
    with funnel(module, plan):
        if not module.check_mode:
            plan.apply()
        results.update(report())
    module.exit_json(changed=plan.changed, changes=plan.summaries(), diff=plan.diff(), **results)


def _progress(plan: Plan | None) -> dict[str, Any]:
    applied = plan.applied if plan else []
    return {"changed": bool(applied), "applied": applied}
