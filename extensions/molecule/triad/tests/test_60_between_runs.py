# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Between runs of Ansible a timer on each host looks at its certificates: who is told, by unit, journal and metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from scenario import playbook, watch
from testinfra.host import Host

from ansible_collections.stronghold.mongodb.plugins.module_utils._pki import describe
from lab.fleet import Fleet

MEMBER, BACKUP = "db-c", "vault-c"
HOSTS = ["db-a", "db-b", MEMBER, BACKUP]
METRICS = "/var/lib/stronghold/metrics/mongodb_certificates.prom"


def metrics(host: Host, name: str, path: str) -> list[str]:
    """Values as somebody without any right reads them."""
    text = host.check_output(f"setpriv --reuid=nobody --regid=nogroup --clear-groups cat {METRICS}")
    return re.findall(rf'^mongodb_certificate_{name}{{path="{path}",[^\n]*}} (\S+)$', text, re.MULTILINE)


@contextmanager
def put(host: Host, path: str, data: bytes, modified: str = "now") -> Iterator[None]:
    """Another file in its place, by the same owner and mode."""
    host.check_output(f"cp -p {path} {path}.kept")
    try:
        host.check_output(f"cat > {path} <<'END'\n{data.decode()}END\ntouch -d '{modified}' {path}")
        yield
    finally:
        host.check_output(f"mv {path}.kept {path}")


@pytest.mark.parametrize("name", HOSTS)
def test_every_host_looks_each_day_and_at_boot(hosts: dict[str, Host], name: str) -> None:
    host = hosts[name]
    timer = host.service("stronghold-certificates.timer")
    assert timer.is_enabled
    assert timer.is_running
    shown = host.check_output("systemctl show stronghold-certificates.timer --property=TimersMonotonic,TimersCalendar,Persistent")
    assert "OnBootUSec=5min" in shown
    assert re.search(r"OnCalendar=\*-\*-\* \d\d:\d\d:00 ", shown)
    assert "Persistent=yes" in shown
    settings = host.file("/etc/stronghold/certificates.json")
    assert (settings.user, oct(settings.mode)) == ("root", "0o600")


@pytest.mark.parametrize("name", HOSTS)
def test_good_certificates_are_a_line_each_and_metrics_for_all_to_read(hosts: dict[str, Host], name: str) -> None:
    host = hosts[name]
    good, said = watch.look(host)
    assert good, said
    files = [watch.CLIENT, watch.BACKUP] if name == BACKUP else [watch.MEMBER, watch.CLIENT]
    for path in files:
        found = watch.certificate(host, path).certificate
        assert f"{path}: serial {describe.hexadecimal(found.serial_number)}, 364 days left" in said
        assert metrics(host, "not_after_seconds", path) == [f"{found.not_valid_after_utc.timestamp():.0f}"]
        assert metrics(host, "near_end", path) == ["0"]
        assert metrics(host, "problems", path) == ["0"]
    assert "does not answer" not in said
    assert len(said.splitlines()) == len(files) + 1  # and the authority


def test_a_server_that_does_not_present_its_file_is_told_of(fleet: Fleet, hosts: dict[str, Host]) -> None:
    host = hosts[MEMBER]
    serial = watch.certificate(host, watch.MEMBER).certificate.serial_number
    new = watch.other(fleet, watch.certificate(host, watch.MEMBER), "member", datetime.now(timezone.utc))
    told = f"localhost:27017 still presents serial {describe.hexadecimal(serial)}"
    with put(host, watch.MEMBER, new):
        assert watch.look(host)[0], "the run that wrote it may still rotate"
    with put(host, watch.MEMBER, new, modified="2 hours ago"):
        good, said = watch.look(host)
        assert not good
        assert f"{MEMBER}: could not vouch for {watch.MEMBER} because" in said
        assert told in said
        assert metrics(host, "problems", watch.MEMBER) != ["0"]
    assert watch.look(host)[0]


def test_one_near_its_end_fails_the_unit_until_the_playbook_has_renewed_it(fleet: Fleet, hosts: dict[str, Host]) -> None:
    host = hosts[BACKUP]
    near = watch.other(fleet, watch.certificate(host, watch.CLIENT), "client", datetime.now(timezone.utc) - timedelta(days=25))
    host.check_output(f"cat > {watch.CLIENT} <<'END'\n{near.decode()}END\n")
    good, said = watch.look(host)
    assert not good
    assert re.search(rf"{BACKUP}: could not vouch for {watch.CLIENT} because it ends in 4 days, on \S+Z; run the playbook", said)
    assert metrics(host, "near_end", watch.CLIENT) == ["1"]
    assert playbook.converge(fleet).changed == {name: int(name == BACKUP) for name in HOSTS}
    deadline = time.monotonic() + 30
    while host.run(f"systemctl is-failed {watch.SERVICE}").rc == 0:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert metrics(host, "near_end", watch.CLIENT) == ["0"]
