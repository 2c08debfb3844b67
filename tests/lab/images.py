# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host images: a bare Debian with systemd and sshd, made by debootstrap and imported into Podman."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import podman
from lab.binaries import debian_mirror
from lab.shell import CACHE, LabError, as_root, one_at_a_time, progress, run

SUITES = {"debian-12": "bookworm", "debian-13": "trixie"}
PACKAGES = "systemd,systemd-sysv,dbus,python3,openssh-server,ca-certificates,iproute2,procps"

HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
SSHD = "PermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 100\n"


def ensure(name: str) -> str:
    """The Podman image of ``name`` (a key of SUITES); made once, then cached."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    image = f"localhost/stronghold-lab-{name}:{recipe}"
    if not podman.exists("image", image):
        with one_at_a_time(CACHE / "images" / name):
            if not podman.exists("image", image):
                _build(name, image)
    return image


def _build(name: str, image: str) -> None:
    progress(f"building the host image {name}")
    with TemporaryDirectory(dir=CACHE) as scratch:
        root = Path(scratch) / "root"
        try:
            run(*as_root("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITES[name], str(root), debian_mirror()))
            _configure(root)
            with subprocess.Popen(as_root("tar", "-C", str(root), "-c", "."), stdout=subprocess.PIPE) as archive:
                done = subprocess.run(
                    podman.command("import", "-", image), stdin=archive.stdout, capture_output=True, text=True, check=False
                )
            if done.returncode or archive.returncode:
                raise LabError(f"the image {name} could not be imported: {done.stderr.strip()}")
        finally:
            run(*as_root("rm", "-rf", str(root)))


def _configure(root: Path) -> None:
    """Masks what a container has no use for, and hands over the proxy and clock settings of this machine's apt."""
    for unit in ("systemd-udevd.service", "systemd-udev-trigger.service", "getty.target", "console-getty.service"):
        run(*as_root("ln", "-sf", "/dev/null", f"{root}/etc/systemd/system/{unit}"))
    settings = run("apt-config", "dump").splitlines()
    wanted = ("Acquire::http::Proxy ", "Acquire::Check-Valid-Until ", "Acquire::Check-Date ")
    files = {
        "etc/apt/apt.conf.d/90lab": "".join(f"{line}\n" for line in settings if line.startswith(wanted)),
        "etc/hosts": HOSTS,
        "etc/ssh/sshd_config.d/lab.conf": SSHD,
    }
    for name, text in files.items():
        run(*as_root("tee", f"{root}/{name}"), stdin=text)
