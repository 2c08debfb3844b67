# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are text, as YAML and JSON hand them over. Pure.

AnsibleModule makes text of whatever an option of type ``str`` or ``path`` is given: of ``no`` it makes the name "False", of
``1.10`` "1.1", and of the password ``0123`` "83".

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TEXT = ("str", "path")


def misread(spec: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """The beginning of a sentence for each value in ``given`` that is not the text that was meant.

    ``spec`` is an argument spec, ``within`` the option that ``given`` is a part of. A number is taken as its text, but never for
    a secret, which nobody would see to be another. What has choices is judged by AnsibleModule.
    """
    for name, option in spec.items():
        for alias in (name, *option.get("aliases", ())):
            if given.get(alias) is not None:
                yield from _misread(option, given[alias], f"{within}{alias}")


def misread_variables(spec: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> Iterator[str]:
    """The same for variables of roles, which null does not unset. A template that was not evaluated is text."""
    for name in spec.keys() & given.keys():
        if given[name] is None and spec[name].get("type", "str") in _TEXT:
            yield f"{name} is null and not text"
        yield from misread({name: spec[name]}, given)


def _misread(option: Mapping[str, Any], value: Any, title: str) -> Iterator[str]:
    kind = option.get("type", "str")
    if kind == "list" and isinstance(value, list):
        element = {**option, "type": option.get("elements", "raw")}
        for number, item in enumerate(value):
            yield from _misread(element, item, f"{title}[{number}]")
    elif kind == "dict" and isinstance(value, Mapping):
        yield from misread(option.get("options") or {}, value, f"{title}.")
    elif kind in _TEXT and not option.get("choices"):
        if option.get("no_log") and isinstance(value, (bool, int, float)):
            yield f"{title} is {'a truth value' if isinstance(value, bool) else 'a number'} to YAML and not text"
        elif isinstance(value, (bool, float)):
            yield f"{title} is {value!r} and not text"
