# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd units as data: a service that may do what it says and nothing else, and a timer (systemd.exec(5), systemd.timer(5)).

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ONESHOT = "oneshot"
KINDS = (ONESHOT, "exec", "notify")
MANAGED = "# Managed by stronghold.mongodb."
# However often it is started, or fails: a host is not left without it.
_ALWAYS = "StartLimitIntervalSec=0"
# Locks and records of the collection are root's; others use them too, so that the folder stays when a service has ended.
_BACKGROUND = ["Nice=10", "CPUWeight=20", "IOWeight=20", "IOSchedulingClass=idle", "OOMScoreAdjust=500"]
_UNSWAPPED = "MemorySwapMax=0"  # what it holds in clear, in folders in memory too, goes to no disk (systemd.resource-control(5))
_SHARE = "50%"  # of the host's memory
_LOCKS = ["RuntimeDirectory=stronghold", "RuntimeDirectoryPreserve=yes"]
# The same for every service, below what it may do. Devices are of their own: see ``Reach``.
_BEFORE_DEVICES = ("ProtectHome=true", "PrivateTmp=true")
_BELOW_DEVICES = (
    "ProtectHostname=true",
    "ProtectClock=true",
    "ProtectKernelTunables=true",
    "ProtectKernelModules=true",
    "ProtectKernelLogs=true",
    "ProtectControlGroups=true",
    "ProtectProc=invisible",
)
_BELOW_FAMILIES = (
    "RestrictNamespaces=true",
    "RestrictRealtime=true",
    "RestrictSUIDSGID=true",
    "LockPersonality=true",
    "RemoveIPC=true",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
)


@dataclass(frozen=True)
class Reach:
    """What a confined service may do, in the words of systemd.exec(5); everything else is refused.

    Each of them holds keys or passwords in its memory, so that none leaves a core dump.
    ``writes`` are absolute paths, with ``-`` before one that may be missing. ``state`` are folders below /var/lib, which are
    made, ``memory`` absolute paths of folders that it alone sees, in memory. ``capabilities`` are all that it may have.
    ``devices`` are device nodes. ``families`` are those of its sockets, AF_UNIX where there are none: an empty list would admit
    all, and not every systemd knows "none". ``peers`` are addresses, the only ones that it exchanges packets with; none is all.
    With ``volumes`` it makes snapshots of logical volumes, and mounts them where it alone sees them.
    """

    writes: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    volumes: bool = False

    def lines(self) -> list[str]:
        extra = _OF_VOLUMES if self.volumes else Reach()
        devices = self.devices + extra.devices
        return [
            "UMask=0077",
            "LimitCORE=0",
            "NoNewPrivileges=true",
            f"CapabilityBoundingSet={' '.join(self.capabilities + extra.capabilities)}",
            "AmbientCapabilities=",
            "ProtectSystem=strict",
            *_listed("ReadWritePaths", self.writes + extra.writes),
            *_listed("StateDirectory", self.state),
            *(f"TemporaryFileSystem={folder}:mode=0700,size={_SHARE}" for folder in self.memory),
            *_BEFORE_DEVICES,
            *(["DevicePolicy=closed"] if devices else ["PrivateDevices=true"]),
            *(f"DeviceAllow={device} rw" for device in devices),
            *_BELOW_DEVICES,
            f"RestrictAddressFamilies={' '.join(self.families or ('AF_UNIX',))}",
            *(["IPAddressDeny=any", f"IPAddressAllow={' '.join(self.peers)}"] if self.peers else []),
            *_BELOW_FAMILIES,
            *(["SystemCallFilter=@mount"] if self.volumes else []),
        ]


# LVM writes to the devices below a group, keeps copies of what it knows of them, and waits for udev by a semaphore.
_MODULES_OF_VOLUMES = ("modprobe@dm_snapshot.service", "modprobe@dm_thin_pool.service")  # which it may not load itself
_OF_VOLUMES = Reach(
    writes=("-/etc/lvm", "-/run/lvm", "-/run/lock"),
    capabilities=("CAP_SYS_ADMIN", "CAP_MKNOD"),
    devices=("/dev/mapper/control", "block-*"),
)


@dataclass(frozen=True)
class Service:
    """``name``.service, which runs ``command``, a command line.

    ``kind`` is one of ``KINDS``: a oneshot is run by a timer, another one never ends, and starts at boot. ``timeout`` is in
    seconds, of a oneshot for each run, of another one for its start. ``restart`` is a value of Restart=, ``limits`` are names of
    systemd.exec(5) without ``Limit`` and their values. ``on_failure`` is a unit that is started where it fails. ``afterwards`` is
    a command line that is run when it has ended, however. Without a ``user`` it is root, with no more than what ``reach`` lets it
    do. One in the ``background`` gets processor and disk after all others, and goes first where memory is short.
    """

    name: str
    description: str
    command: str
    after: tuple[str, ...] = ()
    kind: str = ONESHOT
    timeout: int = 40
    user: str | None = None
    on_failure: str | None = None
    restart: str | None = None
    limits: Mapping[str, str] = field(default_factory=dict)
    background: bool = False
    reach: Reach = field(default_factory=Reach)
    afterwards: str = ""

    def text(self) -> str:
        modules = _MODULES_OF_VOLUMES if self.reach.volumes else ()
        return _text(
            [MANAGED, "[Unit]", f"Description={_plain(self.description)}"],
            _listed("Wants", modules),
            [*_listed("After", self.after + modules), _ALWAYS],
            [f"OnFailure={self.on_failure}"] if self.on_failure else [],
            [""],
            ["[Service]", f"Type={self.kind}", f"ExecStart={self.command}", f"TimeoutStartSec={self.timeout}"],
            [f"ExecStopPost={self.afterwards}"] if self.afterwards else [],
            [f"User={self.user}"] if self.user else [],
            [f"Restart={self.restart}", "RestartSec=1"] if self.restart else [],
            [f"SyslogIdentifier={self.name}"],
            ["# What systemd says about each run (info) stays out of the journal, what the program says does not."],
            ["SyslogLevel=notice", "LogLevelMax=notice", ""],
            [*(f"Limit{name}={value}" for name, value in sorted(self.limits.items())), ""] if self.limits else [],
            [*_BACKGROUND, ""] if self.background else [],
            [] if self.user else [_UNSWAPPED, *_LOCKS],
            self.reach.lines(),
            [] if self.kind == ONESHOT else ["", "[Install]", "WantedBy=multi-user.target"],
        )


@dataclass(frozen=True)
class Timer:
    """``calendar`` is of systemd.time(7). ``spread`` is in seconds, at most by which each start is late.

    With ``boot``, a span of systemd.time(7), it also runs that long after boot, and soon where a time was missed.
    """

    description: str
    calendar: str
    spread: int = 0
    boot: str | None = None

    def text(self) -> str:
        return _text(
            [MANAGED, "[Unit]", f"Description={_plain(self.description)}", ""],
            ["[Timer]", f"OnCalendar={self.calendar}", "AccuracySec=1s"],
            [f"RandomizedDelaySec={self.spread}"] if self.spread else [],
            [f"OnBootSec={self.boot}", "Persistent=true"] if self.boot else [],
            ["", "[Install]", "WantedBy=timers.target"],
        )


def problems(service: Mapping[str, Any], timer: Mapping[str, Any]) -> list[str]:
    """Why values would not stay in their line of a unit, each a clause."""
    values = [*_flat(service, "service"), *_flat(timer, "timer")]
    return [f"{where} has more than one line" for where, value in values if "\n" in value or "\r" in value]


def _flat(value: Any, where: str) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [found for name, item in value.items() for found in [(where, str(name)), *_flat(item, f"{where}.{name}")]]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in _flat(item, where)]
    return [(where, str(value))]


def _plain(text: str) -> str:
    """A % begins a specifier in a unit."""
    return text.replace("%", "%%")


def _listed(name: str, values: tuple[str, ...]) -> list[str]:
    return [f"{name}={' '.join(values)}"] if values else []


def _text(*parts: list[str]) -> str:
    return "".join(f"{line}\n" for part in parts for line in part)
