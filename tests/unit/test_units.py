# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole units as they are written, of the commands that there are and of kinds that are to come."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stronghold.mongodb.plugins.filter.units import confinement
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.units import Reach, Service, Timer, problems

RENDERED = Path(__file__).parent / "rendered" / "units"
PROGRAM = "/opt/stronghold/bin/stronghold"
INTERNET = ("AF_INET", "AF_INET6", "AF_UNIX")

ALLOWLIST = Service(
    "stronghold-allowlist",
    "Watch over the packet filter of the MongoDB port, twice a minute",
    f"{PROGRAM} allowlist",
    after=("stronghold-firewall.service",),
    reach=Reach(
        writes=("/etc/stronghold", "-/etc/firewalld"),
        capabilities=("CAP_NET_ADMIN",),
        families=("AF_UNIX", "AF_NETLINK", "AF_INET", "AF_INET6"),
    ),
)
NOTICES = Service(
    "stronghold-notices",
    "Notices of the kernel when somebody changes the packet filter of the MongoDB port",
    f"{PROGRAM} notices",
    after=("stronghold-firewall.service",),
    kind="exec",
    restart="always",
    reach=Reach(capabilities=("CAP_NET_ADMIN",), families=("AF_UNIX", "AF_NETLINK")),
)
EXPIRY = Service(
    "stronghold-expiry",
    "Removal of expired MongoDB accounts, twice a minute",
    f"{PROGRAM} expiry",
    after=("network-online.target", "mongod.service"),
    reach=Reach(families=INTERNET, state=("stronghold/expiry",)),
)
CERTIFICATES = Service(
    "stronghold-certificates",
    "Watch over the certificates of MongoDB, every day and at boot",
    f"{PROGRAM} certificates",
    after=("network-online.target", "mongod.service"),
    reach=Reach(
        writes=("/etc/stronghold/tls", "-/run/stronghold"),
        state=("stronghold/metrics",),
        capabilities=("CAP_DAC_READ_SEARCH", "CAP_CHOWN", "CAP_FOWNER"),
        families=INTERNET,
    ),
)
LONG = Service(
    "stronghold-long",
    "A service of 100% that never ends",
    "/bin/sleep infinity",
    kind="exec",
    timeout=90,
    user="daemon",
    restart="on-failure",
    limits={"NOFILE": "64000"},
    reach=Reach(devices=("/dev/loop0", "/dev/mapper/control"), families=("AF_UNIX",)),
)
DRILL = Service(
    "stronghold-drill",
    "Restore drill of MongoDB, every week",
    f"{PROGRAM} drill",
    timeout=86400,
    background=True,
    on_failure="mail@%n.service",
    reach=Reach(families=INTERNET, state=("stronghold/drill",), memory=("/run/stronghold/scratch",)),
)
INBOX = Service(
    "stronghold-inbox",
    "Inboxes for copies of MongoDB's files that members send, without end",
    f"{PROGRAM} inbox",
    kind="exec",
    restart="always",
    reach=Reach(families=INTERNET, state=("stronghold/inbox",), peers=("192.0.2.1", "2001:db8::1")),
)
INTAKE = Service(
    "stronghold-intake",
    "What members sent, taken into the vault, every hour",
    f"{PROGRAM} intake",
    timeout=14400,
    background=True,
    reach=Reach(state=("stronghold/intake", "stronghold/inbox")),
)
PHYSICAL = Service(
    "stronghold-physical",
    "Backup of the files of MongoDB, every day",
    f"{PROGRAM} physical",
    after=("network-online.target", "mongod.service"),
    timeout=14400,
    background=True,
    reach=Reach(families=INTERNET, state=("stronghold/physical",), capabilities=("CAP_DAC_READ_SEARCH",)),
    afterwards=f"{PROGRAM} physical release",
)
SNAPSHOT = replace(PHYSICAL, name="stronghold-snapshot", reach=replace(PHYSICAL.reach, volumes=True))
ALONE = Service("stronghold-alone", "A service that reaches nothing", "/bin/true")
TIMERS = {
    "allowlist": Timer(ALLOWLIST.description, "*:*:15/30"),
    "expiry": Timer(EXPIRY.description, "*:*:0/30"),
    "certificates": Timer(CERTIFICATES.description, "*-*-* 03:17:00", boot="5min"),
    "long": Timer(LONG.description, "daily", spread=3600),
}
SERVICES = (ALLOWLIST, NOTICES, EXPIRY, CERTIFICATES, LONG, DRILL, INBOX, INTAKE, PHYSICAL, SNAPSHOT, ALONE)
UNITS: dict[str, str] = {
    **{f"{service.name}.service": service.text() for service in SERVICES},
    **{f"stronghold-{name}.timer": timer.text() for name, timer in TIMERS.items()},
}


@pytest.mark.parametrize("name", sorted(UNITS))
def test_the_whole_unit(name: str) -> None:
    assert UNITS[name] == (RENDERED / name).read_text()


def test_the_server_is_confined_like_the_others() -> None:
    families = ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"]
    text = confinement({"writes": ["/var/lib/mongodb", "/var/log/mongodb"], "families": families})
    assert f"{text}\n" == (RENDERED / "mongod-confinement").read_text()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_understands_all_of_it(tmp_path: Path) -> None:
    """With programs that are here, as systemd looks for them."""
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text.replace(PROGRAM, "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], text=True, capture_output=True, check=False)
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "stronghold-" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_systemd_finds_little_exposed(tmp_path: Path, service: Service) -> None:
    """Of 100, where a service without any confinement has 96; above the threshold the exit code is 1.

    One that makes snapshots has CAP_SYS_ADMIN and all block devices, without which LVM does nothing.
    """
    threshold = 30 if service.reach.volumes else 25
    path = tmp_path / f"{service.name}.service"
    path.write_text(service.text())
    words = ["systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", path]
    done = subprocess.run(words, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    path.write_text("".join(line for line in service.text().splitlines(True) if not line.startswith("CapabilityBounding")))
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_tells_of_a_unit_that_it_does_not_understand(tmp_path: Path) -> None:
    (tmp_path / "stronghold-alone.service").write_text(ALONE.text().replace("ProtectHome=true", "ProtectHomes=true"))
    words = ["systemd-analyze", "verify", str(tmp_path / "stronghold-alone.service")]
    assert "ProtectHomes" in subprocess.run(words, text=True, capture_output=True, check=False).stderr


@pytest.mark.parametrize(
    ("service", "timer", "told"),
    [
        ({"description": "a", "limits": {"NOFILE": 1}, "writes": ["/a b"]}, {"calendar": "daily", "boot": None}, []),
        ({"description": "a\nb"}, {}, ["service.description has more than one line"]),
        (
            {"writes": ["/a", "/b\r"]},
            {"calendar": "\n"},
            ["service.writes has more than one line", "timer.calendar has more than one line"],
        ),
        ({"limits": {"A\n": 1}}, {}, ["service.limits has more than one line"]),
    ],
)
def test_no_value_begins_a_line_of_its_own(service: dict[str, Any], timer: dict[str, Any], told: list[str]) -> None:
    assert problems(service, timer) == told
