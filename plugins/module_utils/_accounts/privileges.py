# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Privileges as sets of actions on resources, and in words. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._base.names import name_of

RESOURCE_KEYS = ("db", "collection", "cluster", "anyResource")
ANYTHING = "anyAction"

Resource = tuple[tuple[str, Any], ...]  # the sorted items of a resource document
Privileges = Mapping[Resource, frozenset[str]]


def privilege_argument_spec() -> dict[str, Any]:
    """The option ``privileges`` of a role."""
    types = {"db": "raw", "collection": "raw", "cluster": "bool", "anyResource": "bool"}
    return {
        "type": "list",
        "elements": "dict",
        "options": {
            "resource": {"type": "dict", "required": True, "options": {key: {"type": types[key]} for key in RESOURCE_KEYS}},
            "actions": {"type": "list", "elements": "str", "required": True},
        },
    }


def declared_privileges(items: Sequence[Mapping[str, Any]]) -> Privileges:
    """From elements of ``privilege_argument_spec``. Raises ValueError for a resource or actions that mean nothing."""
    items = [{**item, "resource": _named(item["resource"])} for item in items]
    for item in items:
        given = {key: value for key, value in item["resource"].items() if value is not None}
        if set(given) != {"db", "collection"} and given not in ({"cluster": True}, {"anyResource": True}):
            raise ValueError(
                "a resource has the keys db and collection (each may be empty and then means any), or cluster: true, "
                f"or anyResource: true, unlike {given}"
            )
        if not item["actions"]:
            raise ValueError(f"a privilege on {in_words(resource_of(given))} names no action")
    return merged(items)


def _named(resource: Mapping[str, Any]) -> dict[str, Any]:
    """``resource`` with its database and collection as the names that were meant."""
    given = {key: resource[key] for key in ("db", "collection") if resource.get(key) is not None}
    names = {key: name_of(value, f"{key} of a resource", empty=True) for key, value in given.items()}
    return {**resource, **names}


def resource_of(document: Mapping[str, Any]) -> Resource:
    return tuple(sorted((key, value) for key, value in document.items() if value is not None))


def merged(items: Iterable[Mapping[str, Any]]) -> Privileges:
    """From {resource, actions} documents, of which several may speak of one resource."""
    found: dict[Resource, frozenset[str]] = {}
    for item in items:
        resource = resource_of(item["resource"])
        actions = found.get(resource, frozenset()) | frozenset(item["actions"])
        found[resource] = frozenset({ANYTHING}) if ANYTHING in actions else actions  # a server keeps no action beside it
    return found


def documents(privileges: Privileges) -> list[dict[str, Any]]:
    """One {resource, actions} document for each resource, everything sorted."""
    return [
        {"resource": dict(sorted(resource, reverse=True)), "actions": sorted(privileges[resource])}
        for resource in sorted(privileges, key=repr)
    ]


def lines(privileges: Privileges) -> list[str]:
    """One line for each resource, for diffs: ``database shop: find, insert``."""
    return sorted(f"{in_words(resource)}: {', '.join(sorted(actions))}" for resource, actions in privileges.items())


def foreign(privileges: Privileges, database: str) -> list[Resource]:
    """The resources that a role of ``database`` cannot have: only those of ``admin`` reach beyond their own database."""
    if database == "admin":
        return []
    return sorted((resource for resource in privileges if dict(resource).get("db") != database), key=repr)


def covers(privileges: Privileges, action: str, database: str, collection: str = "") -> bool:
    """Whether ``action`` is allowed on a collection, or with no collection named, on the database as a whole.

    An empty name in a resource stands for any, but not for the collections whose names begin with ``system.``
    (MongoDB manual, "Resource Document").
    """
    wanted = {"", collection} if collection and not collection.startswith("system.") else {collection}
    for resource, actions in privileges.items():
        fields = dict(resource)
        reached = fields.get("anyResource") or (fields.get("db") in {"", database} and fields.get("collection") in wanted)
        if reached and not actions.isdisjoint({action, ANYTHING}):
            return True
    return False


def in_words(resource: Resource) -> str:
    """A resource for people: ``collection orders of database shop``."""
    fields = dict(resource)
    if fields.get("anyResource"):
        return "everything, what the system keeps included"
    if fields.get("cluster"):
        return "the cluster"
    if set(fields) != {"db", "collection"}:
        return ", ".join(f"{key} {value!r}" for key, value in resource)
    database = f"database {fields['db']}" if fields["db"] else "any database"
    return f"collection {fields['collection']} of {database}" if fields["collection"] else database
