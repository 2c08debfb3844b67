# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timer over certificates on a host of a fleet, and certificates for it to see."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from testinfra.host import Host  # type: ignore[import-untyped]  # testinfra ships no types

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import pem
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.declaration import Wanted
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject, alternative_names
from lab.certificates import issue
from lab.fleet import Fleet
from scenario.certificates import opened

SERVICE = "stronghold-certificates.service"
MEMBER, CLIENT, BACKUP = (f"/etc/stronghold/tls/{name}.pem" for name in ("member", "client", "backup"))


def look(host: Host) -> tuple[bool, str]:
    """Whether a run ends well, and what it says."""
    begin = host.check_output("date +%s.%N")
    done = host.run(f"systemctl start {SERVICE}")
    said = host.check_output(f"journalctl -t stronghold-certificates -o cat --no-pager --since @{begin}")
    failed = host.run(f"systemctl is-failed {SERVICE}").rc == 0
    assert failed == (done.rc != 0)
    return not failed, said


def certificate(host: Host, path: str) -> pem.Pair:
    return pem.read_pair(host.file(path).content)


def other(fleet: Fleet, present: pem.Pair, kind: str, begin: datetime) -> bytes:
    """One like ``present``, by the same authority, that lives 30 days from ``begin``."""
    name, unit, organization = (item.value for item in reversed(list(present.certificate.subject)))
    subject = Subject(str(name), str(organization), str(unit))
    wanted = Wanted(Path("/unused"), kind, subject, alternative_names(present.certificate), days=30)
    return pem.write_pair(issue(opened(fleet), wanted, begin))
