# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authority's folder: made once, whoever comes first, and refused when it is not whole."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.stronghold.mongodb.plugins.module_utils._base import files
from ansible_collections.stronghold.mongodb.plugins.module_utils._base.errors import StrongholdError
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import AuthorityFolder
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import serial
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject

NOW = datetime.now(timezone.utc)

RACER = """
import sys, time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.authority import AuthorityFolder
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.describe import serial
from ansible_collections.stronghold.mongodb.plugins.module_utils._pki.names import Subject
folder = AuthorityFolder(Path(sys.argv[1]) / "authority", Subject("authority"), passphrase_file=Path(sys.argv[1]) / "secret")
print("ready", flush=True)
sys.stdin.readline()
opened, made = folder.opened(datetime.now(timezone.utc))
print(serial(opened.certificate), made)
"""


def folder(path: Path, **options: Any) -> AuthorityFolder:
    return AuthorityFolder(path / "a" / "authority", Subject("authority", "orders"), **{"passphrase": "right", **options})


def test_made_once_with_modes_for_its_owner_alone(tmp_path: Path) -> None:
    first, made = folder(tmp_path).opened(NOW)
    again, made_again = folder(tmp_path).opened(NOW)
    assert (made, made_again) == (True, False)
    assert serial(first.certificate) == serial(again.certificate)
    home = tmp_path / "a" / "authority"
    modes = {
        str(path.relative_to(tmp_path)): f"{files.mode(path):o}" for path in (home.parent, home, home / "ca.key", home / "ca.pem")
    }
    assert modes == {"a": "700", "a/authority": "700", "a/authority/ca.key": "600", "a/authority/ca.pem": "644"}
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (home / "ca.key").read_bytes()


def test_it_may_sign_certificates_and_revocation_lists_and_nothing_else(tmp_path: Path) -> None:
    extensions = folder(tmp_path).opened(NOW)[0].certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    permitted = {
        name for name in ("digital_signature", "key_encipherment", "key_cert_sign", "crl_sign") if getattr(usage.value, name)
    }
    assert (usage.critical, permitted) == (True, {"key_cert_sign", "crl_sign"})


def test_several_processes_at_once_make_one(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path)],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _racer in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    lines = [racer.communicate(timeout=60)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert len({number for number, _made in lines}) == 1
    assert sorted(made for _number, made in lines) == ["False", "False", "False", "True"]


def test_looking_makes_nothing(tmp_path: Path) -> None:
    assert folder(tmp_path).certificate() is None
    assert list(tmp_path.iterdir()) == []


def test_killed_between_key_and_certificate_the_key_is_kept(tmp_path: Path) -> None:
    folder(tmp_path).opened(NOW)
    home = tmp_path / "a" / "authority"
    key = (home / "ca.key").read_bytes()
    (home / "ca.pem").unlink()
    assert folder(tmp_path).opened(NOW)[1] is True
    assert (home / "ca.key").read_bytes() == key


def test_a_generated_passphrase_opens_the_authority_again(tmp_path: Path) -> None:
    secret = tmp_path / "secrets" / "passphrase"
    options = {"passphrase": None, "passphrase_file": secret}
    folder(tmp_path, **options).opened(NOW)
    assert files.mode(secret) == 0o600
    assert len(secret.read_text().strip()) >= 40
    folder(tmp_path, **options).opened(NOW)
    folder(tmp_path, passphrase=secret.read_text().strip()).opened(NOW)


@pytest.mark.parametrize(
    ("damage", "options", "reason"),
    [
        (lambda home: None, {"passphrase": "wrong"}, "the passphrase does not open"),
        (lambda home: None, {"passphrase": ""}, "its passphrase is empty"),
        (lambda home: (home / "ca.key").unlink(), {}, "ca.key is not"),
        (lambda home: (home / "ca.pem").write_text("x"), {}, "it is not PEM"),
        (lambda home: None, {"passphrase": None, "passphrase_file": Path("/nonexistent/file")}, "is missing"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path, damage: object, options: dict[str, object], reason: str) -> None:
    folder(tmp_path).opened(NOW)
    home = tmp_path / "a" / "authority"
    damage(home)  # type: ignore[operator]
    before = {path: path.read_bytes() for path in home.iterdir()}
    with pytest.raises(StrongholdError, match="could not use the authority") as caught:
        folder(tmp_path, **options).opened(NOW)
    assert reason in caught.value.reason
    assert "right" not in str(caught.value).replace("right passphrase", "")
    assert {path: path.read_bytes() for path in home.iterdir()} == before


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    options = {"passphrase": None, "passphrase_file": secret}
    folder(tmp_path, **options).opened(NOW)
    secret.chmod(0o640)
    with pytest.raises(StrongholdError, match="others can read"):
        folder(tmp_path, **options).opened(NOW)


def test_an_expired_authority_signs_no_more(tmp_path: Path) -> None:
    folder(tmp_path, days=1).opened(NOW)
    with pytest.raises(StrongholdError, match="it expired on"):
        folder(tmp_path).opened(NOW + timedelta(days=1))


def test_keys_of_another_authority_do_not_mix(tmp_path: Path) -> None:
    folder(tmp_path / "1").opened(NOW)
    folder(tmp_path / "2").opened(NOW)
    (tmp_path / "1/a/authority/ca.key").write_bytes((tmp_path / "2/a/authority/ca.key").read_bytes())
    with pytest.raises(StrongholdError, match="does not belong to its certificate"):
        folder(tmp_path / "1").opened(NOW)
