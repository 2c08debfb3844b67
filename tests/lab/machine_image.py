# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk, kernel and initial file system of a machine: Debian 12 with mongod, restic, LVM, and Python as on a host."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.binaries import debian_mirror, mongod_tree
from lab.shell import CACHE, as_root, one_at_a_time, progress, run

SUITE, SERVER = "bookworm", "6.0.27"
PACKAGES = (
    "systemd,systemd-sysv,udev,dbus,kmod,openssh-server,python3,python3-venv,iproute2,procps,ca-certificates,libcurl4,restic,"
    "lvm2,thin-provisioning-tools,xfsprogs,cryptsetup-bin,linux-image-cloud-amd64,initramfs-tools,zstd"
)
PYTHON = "/opt/stronghold/venv"
LIBRARIES = ("pymongo>=4.6", "cryptography", "jmespath")
SIZE = "4G"

_NETWORK = "[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
_FILES = {
    "etc/hostname": "machine\n",
    "etc/hosts": "127.0.0.1 localhost machine\n",
    "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 1\n",
    "etc/systemd/network/10-lab.network": _NETWORK,
    "etc/ssh/sshd_config.d/lab.conf": "PermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 50\nMaxSessions 50\n",
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\nRESUME=none\nCOMPRESS=zstd\n",
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n",
}
_QUIET = (
    "apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer "
    "systemd-timesyncd.service getty.target systemd-hwdb-update.service ldconfig.service"
)
_FINISH = f"""
set -e
mount -t proc proc "$1/proc"
chroot "$1" sh -ec '
systemctl enable --quiet systemd-networkd ssh
systemctl mask --quiet {_QUIET}
ssh-keygen -A >/dev/null
update-initramfs -u >/dev/null
python3 -m venv {PYTHON}
{PYTHON}/bin/pip install --quiet --no-index --find-links /wheels {" ".join(f'"{name}"' for name in LIBRARIES)}
rm -rf /wheels
apt-get clean
'
"""


@dataclass(frozen=True)
class Image:
    """Files in one folder, with the private ``key`` of who may log in as root."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "root.qcow2"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initial(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def key(self) -> Path:
        return self.folder / "id"


def image() -> Image:
    """Made once, then cached."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    made = Image(CACHE / "machines" / recipe)
    if not made.folder.exists():
        with one_at_a_time(made.folder.parent):
            if not made.folder.exists():
                _require_emulator()
                _build(made)
    return made


def _require_emulator() -> None:
    if not shutil.which("qemu-system-x86_64") or not shutil.which("qemu-img"):
        progress("installing QEMU")
        run(*as_root("apt-get", "update", "-qq"))
        words = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86", "qemu-utils", "seabios")
        run(*as_root("env", "DEBIAN_FRONTEND=noninteractive", *words))


def _build(made: Image) -> None:
    progress("building the disk of a machine")
    with TemporaryDirectory(dir=made.folder.parent) as scratch:
        root, staged = Path(scratch) / "root", Image(Path(scratch) / "staged")
        staged.folder.mkdir()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", staged.key)
        try:
            run(*as_root("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), debian_mirror()))
            _fill(root, staged)
            run(*as_root("unshare", "--mount", "sh", "-c", _FINISH, "sh", str(root)))
            for pattern, target in (("vmlinuz-*", staged.kernel), ("initrd.img-*", staged.initial)):
                (source,) = (root / "boot").glob(pattern)
                run(*as_root("install", "-m", "644", str(source), str(target)))
            _pack(root, staged)
        finally:
            run(*as_root("rm", "-rf", str(root)))
        staged.folder.rename(made.folder)


def _fill(root: Path, staged: Image) -> None:
    for name, text in _FILES.items():
        run(*as_root("tee", f"{root}/{name}"), stdin=text)
    run(*as_root("install", "-d", "-m", "700", f"{root}/root/.ssh"))
    run(*as_root("install", "-m", "600", f"{staged.key}.pub", f"{root}/root/.ssh/authorized_keys"))
    run(*as_root("cp", "-r", str(mongod_tree(SERVER)), f"{root}/opt/mongodb"))
    wheels = staged.folder.parent / "wheels"
    run(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", wheels, *LIBRARIES)
    run(*as_root("cp", "-r", str(wheels), f"{root}/wheels"))


def _pack(root: Path, staged: Image) -> None:
    plain = staged.folder / "plain"
    run("truncate", "-s", SIZE, plain)
    options = ("-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard", "-m", "0")
    run(*as_root("mkfs.ext4", *options, "-d", str(root), str(plain)))
    run("qemu-img", "convert", "-O", "qcow2", plain, staged.disk)
    plain.unlink()
