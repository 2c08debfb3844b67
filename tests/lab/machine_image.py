# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine of the lab boots from: its kernel, and a disk of Debian 12 with mongod, restic, LVM and the Python of a host."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.binaries import WHEELS, debian_mirror, mongod_tree
from lab.shell import CACHE, as_root, one_at_a_time, progress, run

SUITE, SERVER = "bookworm", "6.0.27"
PACKAGES = (
    "systemd,systemd-sysv,udev,dbus,kmod,openssh-server,python3,iproute2,procps,ca-certificates,libcurl4,restic,lvm2,"
    "thin-provisioning-tools,xfsprogs,cryptsetup-bin,linux-image-cloud-amd64,initramfs-tools,zstd"
)
SIZE = "4G"
MONGOD = "/opt/mongodb/bin/mongod"
PYTHON = "/opt/stronghold/venv"
PYTHON_VERSION = "3.11"  # of the suite
SITE_PACKAGES = f"{PYTHON}/lib/python{PYTHON_VERSION}/site-packages"
REQUIREMENTS = Path(__file__).resolve().parents[2] / "meta" / "ee-requirements.txt"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")  # whose C library is no newer than that of the suite

# The network of QEMU's user mode, without waiting for its DHCP.
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
# Each would take an emulated processor a second or more.
_MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer "
    "getty.target ldconfig.service systemd-hwdb-update.service systemd-timesyncd.service systemd-pstore.service "
    "systemd-update-utmp.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount "
    "sys-kernel-tracing.mount sys-fs-fuse-connections.mount modprobe@drm.service modprobe@fuse.service"
)
_FINISH = f"""
set -e
mount -t proc proc "$1/proc"
exec chroot "$1" sh -ec '
systemctl enable --quiet systemd-networkd ssh
systemctl mask --quiet {_MASKED}
ssh-keygen -A >/dev/null
update-initramfs -u >/dev/null
python3 -m venv --without-pip {PYTHON}
cp -r /opt/libraries/. {SITE_PACKAGES}
{PYTHON}/bin/python -m compileall -q {SITE_PACKAGES}
rm -rf /opt/libraries
apt-get clean
'
"""


@dataclass(frozen=True)
class Image:
    """Files in one folder. Who has the private ``key`` logs in as root."""

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
        return self.folder / "id_ed25519"


def image() -> Image:
    """Made once, then cached; with the emulator, which is installed where it is missing."""
    recipe = Path(__file__).read_bytes() + REQUIREMENTS.read_bytes() + repr(WHEELS[SERVER]).encode()
    made = Image(CACHE / "machines" / hashlib.sha256(recipe).hexdigest()[:12])
    with one_at_a_time(made.folder.parent):
        _require_emulator()
        if not made.folder.exists():
            _build(made)
    return made


def _require_emulator() -> None:
    if not shutil.which("qemu-system-x86_64") or not shutil.which("qemu-img"):
        progress("installing system packages: qemu-system-x86 qemu-utils")
        run(*as_root("apt-get", "update", "-qq"))
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86", "qemu-utils")
        run(*as_root("env", "DEBIAN_FRONTEND=noninteractive", *install))


def _build(made: Image) -> None:
    progress("building the disk of a machine")
    with TemporaryDirectory(dir=made.folder.parent) as scratch:
        root, staged = Path(scratch) / "root", Image(Path(scratch) / "staged")
        staged.folder.mkdir()
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
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", staged.key)
    run(*as_root("install", "-d", "-m", "700", f"{root}/root/.ssh"))
    run(*as_root("install", "-m", "600", f"{staged.key}.pub", f"{root}/root/.ssh/authorized_keys"))
    run(*as_root("cp", "-r", str(mongod_tree(SERVER)), f"{root}/opt/mongodb"))
    libraries = root.parent / "libraries"
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    suited = ("--python-version", PYTHON_VERSION, *platforms, "--only-binary", ":all:", "--no-compile")
    run(sys.executable, "-m", "pip", "install", "--quiet", *suited, "--target", libraries, "--requirement", REQUIREMENTS)
    run(*as_root("cp", "-r", str(libraries), f"{root}/opt/libraries"))


def _pack(root: Path, staged: Image) -> None:
    plain = staged.folder / "plain"
    run("truncate", "-s", SIZE, plain)
    run(*as_root("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,nodiscard", "-d", str(root), str(plain)))
    run("qemu-img", "convert", "-O", "qcow2", plain, staged.disk)
    plain.unlink()
