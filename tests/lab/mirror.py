# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A GPG-signed apt repository in the vendor's layout, and a folder of wheels, ready to be served over HTTP."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.binaries import WHEELS
from lab.packages import recipe, server_package, tools_package
from lab.shell import CACHE, one_at_a_time, progress, run

SUITES = ("bookworm", "trixie")
PYTHONS = ("3.11", "3.13")
REQUIREMENTS = Path(__file__).resolve().parents[2] / "meta" / "ee-requirements.txt"
KEY_OWNER = "stronghold.mongodb lab"


def build() -> Path:
    """The folder to serve: ``apt/debian``, ``key.asc``, ``wheels`` and ``fingerprint``. Made once per content."""
    content = json.dumps([recipe(), Path(__file__).read_text(), REQUIREMENTS.read_text()])
    root = CACHE / "mirrors" / hashlib.sha256(content.encode()).hexdigest()[:12]
    if not root.exists():
        with one_at_a_time(root.parent):
            if not root.exists():
                _build(root)
    return root


def _build(root: Path) -> None:
    progress("building the signed package mirror")
    packages = [server_package(version) for version in WHEELS]
    tools = tools_package()
    with TemporaryDirectory(dir=root.parent) as scratch:
        staged = Path(scratch) / "mirror"
        _apt(staged / "apt" / "debian", packages, [tools] if tools else [])
        (staged / "key.asc").write_text(_gpg("--armor", "--export", KEY_OWNER))
        (staged / "fingerprint").write_text(_fingerprint())
        _wheels(staged / "wheels")
        staged.chmod(0o755)
        staged.rename(root)


def fingerprint() -> str:
    return (build() / "fingerprint").read_text()


def _apt(root: Path, servers: list[Path], tools: list[Path]) -> None:
    """One suite per release of Debian and series of the server; the tools are in each."""
    for package in servers + tools:
        pool = root / "pool"
        pool.mkdir(parents=True, exist_ok=True)
        os.link(package, pool / package.name)
    for suite in SUITES:
        for series in sorted({_series(package) for package in servers}):
            chosen = [package for package in servers if _series(package) == series]
            _suite(root, f"{suite}/mongodb-org/{series}", chosen + tools)


def _series(package: Path) -> str:
    return ".".join(package.name.split("_")[1].split(".")[:2])


def _suite(root: Path, suite: str, packages: list[Path]) -> None:
    dist = root / "dists" / suite
    index = dist / "main" / "binary-amd64" / "Packages"
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(_stanza(package) for package in packages))
    with gzip.open(index.with_suffix(".gz"), "wb") as compressed:
        compressed.write(index.read_bytes())
    files = [index, index.with_suffix(".gz")]
    sums = "".join(f" {_sha256(file)} {file.stat().st_size} {file.relative_to(dist)}\n" for file in files)
    release = f"Origin: {KEY_OWNER}\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\n"
    release += f"Date: {formatdate(usegmt=True)}\nSHA256:\n{sums}"
    (dist / "Release").write_text(release)
    (dist / "InRelease").write_text(_gpg("--clearsign", "--local-user", KEY_OWNER, stdin=release))


def _stanza(package: Path) -> str:
    control = run("dpkg-deb", "--field", package).rstrip()
    return f"{control}\nFilename: pool/{package.name}\nSize: {package.stat().st_size}\nSHA256: {_sha256(package)}\n"


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _gpg(*arguments: str, stdin: str | None = None) -> str:
    home = CACHE / "gnupg"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    base = ("gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    if not (home / "made").exists():
        run(*base, "--quick-generate-key", KEY_OWNER, "rsa3072", "sign", "never")
        (home / "made").touch()
    return run(*base, *arguments, stdin=stdin)


def _fingerprint() -> str:
    listing = _gpg("--with-colons", "--list-keys", KEY_OWNER)
    return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))


def _wheels(target: Path) -> None:
    progress("fetching the hosts' Python wheels")
    for python in PYTHONS:
        run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", target, "--only-binary", ":all:"),
            *("--python-version", python, "--implementation", "cp", "--abi", f"cp{python.replace('.', '')}", "--abi", "abi3"),
            *("--abi", "none", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"),
            *("-r", REQUIREMENTS),
        )
