# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of ``mongod.conf``, and what mongod would refuse of settings. Pure: there may be no mongod yet to ask.

Nothing is refused here that a mongod takes; ``tests/integration/test_edition.py`` asks one about each option. What only mongod
can tell, such as the names of parameters, it tells before its file is replaced.

Sources: the names in the programs of 5.0.4, 6.0.27 and 7.0.28; MongoDB manual, "Self-Managed Configuration File Options".

PRIVATE to the collection.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.stronghold.mongodb.plugins.module_utils._mongod.edition import REFUSED_OPTIONS, enterprise_options

COMMUNITY = "community"
NEWEST = (7, 0)
"""The latest series whose options are all known."""
_SWITCH, _WHOLE, _NUMBER, _TEXT, _ANY = "true or false", "a whole number", "a number", "a text", ""
_TLS_OPTIONS = {
    _SWITCH: ("allowConnectionsWithoutCertificates allowInvalidCertificates allowInvalidHostnames weakCertificateValidation",),
    _TEXT: (
        "CAFile CRLFile PEMKeyFile PEMKeyPassword certificateKeyFile certificateKeyFilePassword certificateSelector",
        "clusterCAFile clusterCertificateSelector clusterFile clusterPassword disabledProtocols logVersions",
        "sslCipherConfig tlsCipherConfig",
    ),
}
_KINDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "net": {
        _SWITCH: ("bindIpAll ipv6 unixDomainSocket.enabled wireObjectCheck",),
        _WHOLE: ("listenBacklog maxIncomingConnections port proxyPort reservedAdminThreads",),
        _TEXT: ("bindIp compression.compressors transportLayer unixDomainSocket.pathPrefix",),
        _ANY: ("maxIncomingConnectionsOverride unixDomainSocket.filePermissions",),
    },
    "net.ssl": _TLS_OPTIONS,
    "net.tls": {**_TLS_OPTIONS, _ANY: ("clusterAuthX509.attributes clusterAuthX509.extensionValue",)},
    "operationProfiling": {_WHOLE: ("slowOpThresholdMs",), _NUMBER: ("slowOpSampleRate",), _ANY: ("filter",)},
    "processManagement": {_SWITCH: ("fork",), _TEXT: ("pidFilePath timeZoneInfo",)},
    "replication": {
        _SWITCH: ("enableMajorityReadConcern",),
        _WHOLE: ("oplogSizeMB",),
        _TEXT: ("replSet replSetName",),
        _ANY: ("serverless",),
    },
    "security": {
        _SWITCH: ("javascriptEnabled transitionToAuth",),
        _TEXT: ("keyFile",),
        _ANY: (
            "authSchemaVersion authenticationMechanisms clusterIpSourceAllowlist clusterIpSourceWhitelist",
            "enableLocalhostAuthBypass sasl.hostName sasl.saslauthdSocketPath sasl.scramIterationCount",
            "sasl.scramSHA256IterationCount sasl.serviceName",
        ),
    },
    "sharding": {_ANY: ("archiveMovedChunks configDB",)},
    "storage": {
        _SWITCH: (
            "directoryPerDB journal.enabled wiredTiger.engineConfig.directoryForIndexes wiredTiger.indexConfig.prefixCompression",
        ),
        _WHOLE: ("journal.commitIntervalMs wiredTiger.engineConfig.zstdCompressionLevel",),
        _NUMBER: ("oplogMinRetentionHours syncPeriodSecs wiredTiger.engineConfig.cacheSizeGB",),
        _TEXT: ("dbPath engine",),
        _ANY: (
            "groupCollections queryableBackupMode wiredTiger.collectionConfig.configString wiredTiger.engineConfig.configString",
            "wiredTiger.engineConfig.maxCacheOverflowFileSizeGB wiredTiger.engineConfig.statisticsLogDelaySecs",
            "wiredTiger.indexConfig.configString",
        ),
    },
    "systemLog": {
        _SWITCH: ("logAppend quiet traceAllExceptions",),
        _TEXT: ("path syslogFacility",),
        _WHOLE: ("verbosity",),
    },
}
_COMPRESSORS = ("none", "snappy", "zlib", "zstd")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "net.ssl.mode": ("disabled", "allowSSL", "preferSSL", "requireSSL"),
    "net.tls.mode": ("disabled", "allowTLS", "preferTLS", "requireTLS"),
    "operationProfiling.mode": ("off", "slowOp", "all"),
    "security.authorization": ("enabled", "disabled"),
    "security.clusterAuthMode": ("keyFile", "sendKeyFile", "sendX509", "x509"),
    "sharding.clusterRole": ("configsvr", "shardsvr"),
    "storage.wiredTiger.collectionConfig.blockCompressor": _COMPRESSORS,
    "storage.wiredTiger.engineConfig.journalCompressor": _COMPRESSORS,
    "systemLog.destination": ("file", "syslog"),
    "systemLog.logRotate": ("rename", "reopen"),
    "systemLog.timeStampFormat": ("iso8601-utc", "iso8601-local"),
}
KINDS: Mapping[str, str] = {
    f"{section}.{name}": kind
    for section, kinds in _KINDS.items()
    for kind, lists in kinds.items()
    for names in lists
    for name in names.split()
} | {name: f"one of {', '.join(choices)}" for name, choices in CHOICES.items()}
"""Dotted name -> what the option takes, in words; an empty string where that is for mongod to judge."""
_FREE = ("setParameter", "systemLog.component", "cloud", "processManagement.windowsService", *REFUSED_OPTIONS)
_ALIKE = 0.8
_SECTION = "{} is a section of mongod.conf and takes options, not a value; correct it in mongodb_server_config"
_EXPANSIONS = {"__exec", "__rest"}


def settings_problem(host: str, configs: Mapping[str, Any], edition: str, version: str) -> str:
    """What of the settings of ``host`` mongod would refuse, as clauses, where no host before it has the same; else empty.

    ``configs``: host -> settings in the structure of ``mongod.conf``. ``version``: a series or a release.
    """
    wrong = problems(configs.get(host, {}), edition, version)
    before = list(configs)[: list(configs).index(host)] if host in configs else []
    told = any(problems(configs[other], edition, version) == wrong for other in before)
    return "" if told else "; and because ".join(wrong)


def problems(config: Any, edition: str, version: str) -> list[str]:
    """Each a clause with what to do about it."""
    if not isinstance(config, Mapping):
        return ["mongodb_server_config is no dictionary; write it in the structure of mongod.conf"]
    given = dict(_options(config))
    community = edition == COMMUNITY
    complete = community and tuple(int(part) for part in version.split(".")[:2]) <= NEWEST
    wrong = [text for name, value in given.items() for text in [_problem(name, value, complete=complete)] if text]
    whole = all(isinstance(config.get(name) or {}, Mapping) for name in ("setParameter", "storage"))
    refused = enterprise_options(config) if community and whole else []
    if refused:
        wrong.append(
            f"MongoDB Community refuses to start with {', '.join(refused)}; remove them from mongodb_server_config,"
            " or set mongodb_server_edition where the servers run another edition"
        )
    if " " in str(given.get("net.tls.disabledProtocols", "")):
        wrong.append("mongod refuses a blank in net.tls.disabledProtocols; separate the protocols by commas alone")
    return wrong


def _options(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of each option, of one that is unknown as of a section's."""
    for key, value in config.items():
        name = f"{above}{key}"
        section = isinstance(value, Mapping) and not _EXPANSIONS & set(value) and name not in KINDS and not _is_free(name)
        if section and value:
            yield from _options(value, f"{name}.")
        elif not section:
            yield name, value


def _is_free(name: str) -> bool:
    return any(name == free or name.startswith(f"{free}.") for free in _FREE)


def _problem(name: str, value: Any, *, complete: bool) -> str:
    if name == "setParameter" and not isinstance(value or {}, Mapping):
        return _SECTION.format(name)
    if _is_free(name):
        return ""
    if name not in KINDS:
        return _unknown(name, complete=complete)
    kind = KINDS[name]
    if not kind or value is None or (isinstance(value, Mapping) and _EXPANSIONS & set(value)) or _fits(name, kind, value):
        return ""
    return f"{name} takes {kind}{_quoted(value, CHOICES.get(name, ()))}; correct it in mongodb_server_config"


def _unknown(name: str, *, complete: bool) -> str:
    if any(known.startswith(f"{name}.") for known in KINDS):
        return _SECTION.format(name)
    meant = _meant(name)
    if meant:
        return f"{name} is no option of mongod, and {meant} is one; correct it in mongodb_server_config"
    return f"{name} is no option of mongod; correct it in mongodb_server_config" if complete else ""


def _meant(name: str) -> str:
    """The option whose name is nearest, or stands in another section."""
    lower = {known.lower(): known for known in KINDS}
    near = difflib.get_close_matches(name.lower(), lower, 1, _ALIKE)
    if near:
        return lower[near[0]]
    leaf = name.lower().rpartition(".")[2]
    elsewhere = [known for small, known in lower.items() if small.rpartition(".")[2] == leaf and "net.ssl." not in small]
    return elsewhere[0] if elsewhere else ""


def _fits(name: str, kind: str, value: Any) -> bool:
    text = str(value).strip()
    if isinstance(value, (Mapping, list, tuple)):
        return False
    if kind == _SWITCH:
        return isinstance(value, bool) or text.lower() in {"true", "false"}
    if kind in (_WHOLE, _NUMBER):
        return not isinstance(value, bool) and _reads(text, int if kind == _WHOLE else float)
    return name not in CHOICES or text in CHOICES[name]


def _reads(text: str, number: type[int] | type[float]) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def _quoted(value: Any, choices: Sequence[str]) -> str:
    """YAML reads the word off as false."""
    return ", in quotes" if value is False and "off" in choices else ""
