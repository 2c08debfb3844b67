# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What actions amount to, for people who do not know MongoDB. Pure.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._accounts.privileges import ANYTHING, Privileges

EVERYTHING = "everything, what the system keeps included"
CLUSTER = "the servers"
EVERY_DATABASE = "every database"
ANY = "do anything"

# Manual, "Privilege Actions". In the order in which they are told.
ABILITIES: Mapping[str, frozenset[str]] = {
    name: frozenset(actions.split())
    for name, actions in {
        "read": "changeStream exportCollection find",
        "add": "importCollection insert",
        "change": "update",
        "delete": "remove",
        "create and drop collections and indexes": """
            collMod compactStructuredEncryptionData convertToCapped createCollection createIndex
            createSearchIndexes dropCollection dropDatabase dropIndex dropSearchIndex emptycapped reIndex
            renameCollectionSameDB updateSearchIndex
        """,
        "tune": """
            analyzeShardKey bypassDocumentValidation compact configureQueryAnalyzer dbCheck enableProfiler
            planCacheIndexFilter planCacheWrite storageDetails validate
        """,
        "create accounts and roles": "createRole createUser",
        "drop accounts and roles": "dropRole dropUser",
        "give and take roles": "grantRole revokeRole",
        "set the passwords of others": "changePassword",
        "change what is kept with accounts": "changeCustomData setAuthenticationRestriction",
        "change what is kept with the own account, such as its end": "changeOwnCustomData",
        "change the own password": "changeOwnPassword",
        "see accounts and roles": "listCachedAndActiveUsers viewRole viewUser",
        "see names and statistics": """
            allCollectionStats collStats dbHash dbStats getDatabaseVersion getShardVersion indexStats
            killCursors listCollections listDatabases listIndexes listSearchIndexes planCacheRead
            shardedDataDistribution
        """,
        "watch": """
            applicationMessage checkFreeMonitoringStatus connPoolStats getClusterParameter getCmdLineOpts
            getDefaultRWConcern getLog getParameter getShardMap hostInfo inprog listSessions listShards netstat
            operationMetrics queryStatsRead queryStatsReadTransformed replSetGetConfig replSetGetStatus
            serverStatus shardingState top
        """,
        "stop the work of others": "dropConnections killAnyCursor killAnySession killop",
        "operate": """
            addShard appendOplogNote applyOps auditConfigure authSchemaUpgrade bypassWriteBlockingMode
            cleanupOrphaned clearJumboFlag connPoolSync enableSharding flushRouterConfig forceUUID fsync
            invalidateUserCache logRotate moveChunk oidReset refineCollectionShardKey removeShard
            replSetConfigure replSetResizeOplog replSetStateChange reshardCollection resync rotateCertificates
            runTenantMigration setClusterParameter setDefaultRWConcern setFeatureCompatibilityVersion
            setFreeMonitoring setParameter setUserWriteBlockMode shutdown splitChunk splitVector touch
            trafficRecord unlock useTenant useUUID
        """,
    }.items()
}
# Told by one name where all of its parts are allowed.
TOGETHER = {
    "write": ("add", "change", "delete"),
    "manage accounts and roles": (
        "create accounts and roles",
        "drop accounts and roles",
        "give and take roles",
        "set the passwords of others",
        "change what is kept with accounts",
    ),
}
IMPLIED = {
    "see accounts and roles": {"manage accounts and roles"},
    "see names and statistics": {"read", "write", *TOGETHER["write"], "create and drop collections and indexes", "watch"},
}
_KNOWN = {action for members in ABILITIES.values() for action in members}


def abilities(actions: Collection[str]) -> list[str]:
    """What actions allow, most telling first; actions that are not known here by their names."""
    found = _groups(actions)
    for whole, parts in TOGETHER.items():
        if set(parts) <= set(found):
            found[found.index(parts[0])] = whole
            found = [name for name in found if name not in parts]
    return [name for name in found if not IMPLIED.get(name, set()) & set(found)]


def access(privileges: Privileges) -> list[tuple[str, list[str]]]:
    """(place, abilities there) from the widest to the narrowest, without what a wider place holds already."""
    places: dict[tuple[int, str], set[str]] = {}
    for resource, actions in privileges.items():
        places.setdefault(_place(dict(resource)), set()).update(actions)
    shown: list[tuple[str, list[str]]] = []
    wider: dict[str, set[str]] = {}
    for (_width, place), allowed in sorted(places.items()):
        groups = set(_groups(allowed))
        above = [held for name, held in wider.items() if name == EVERY_DATABASE or place.startswith(f"{name}, ")]
        if place == CLUSTER or not groups <= set().union(*above):
            shown.append((place, abilities(allowed)))
        if place != CLUSTER:
            wider[place] = groups | {name for name, by in IMPLIED.items() if by & groups}
    return shown


def _groups(actions: Collection[str]) -> list[str]:
    given = set(actions)
    if ANYTHING in given:
        return [ANY]
    return [name for name, members in ABILITIES.items() if given & members] + sorted(given - _KNOWN)


def _place(fields: Mapping[str, Any]) -> tuple[int, str]:
    """How narrow a resource is, and its name."""
    if fields.get("anyResource"):
        return 0, EVERYTHING
    if fields.get("cluster"):
        return 1, CLUSTER
    database = f"database {fields['db']}" if fields.get("db") else EVERY_DATABASE
    if "system_buckets" in fields:
        return 4, f"{database}, time series"
    if fields.get("collection"):
        return 4, f"{database}, collection {fields['collection']}"
    return (3 if fields.get("db") else 2), database
