# Copyright (c) 2026, the stronghold.mongodb maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installation by apt-get in one call. Pure.

The module ``ansible.builtin.apt`` first installs python3-apt on a bare host, with an update of its own, and always
updates every source.

Sources: apt-get(8), apt.conf(5), dpkg(1).

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence

# An update knows no waiting for its lock (DPkg::Lock::Timeout is for installations only), hence the loop. The update of one
# source keeps no cache, or it would replace that of all sources.
SCRIPT = """
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
source=$1
shift

refresh() {
    for attempt in 1 2 3 4 5; do
        problem=$(apt-get --quiet --option APT::Update::Error-Mode=any "$@" update 2>&1 >/dev/null) && return
        case $problem in *"ould not get lock"*) sleep 6 ;; *) break ;; esac
    done
    printf '%s\\n' "$problem" >&2
    return 1
}

install() {
    apt-get --quiet --yes --no-install-recommends --allow-change-held-packages --option DPkg::Lock::Timeout=60 \\
        --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold install "$@"
}

if [ -z "$source" ]; then
    refresh
    install "$@"
else
    refresh --option Dir::Etc::sourcelist="$source" --option Dir::Etc::sourceparts=- --option APT::Get::List-Cleanup=0 \\
        --option Dir::Cache::pkgcache= --option Dir::Cache::srcpkgcache=
    install "$@" || { refresh && install "$@"; }
fi
"""


def install_command(packages: Sequence[str], source: str = "") -> list[str]:
    """The argument list that installs ``packages``, each NAME or NAME=VERSION.

    Without ``source`` every source is updated before. With it, the path of a file in sources.list.d, only that one is; the
    others follow if the installation fails, which may be for lists that are missing or too old.
    """
    return ["/bin/sh", "-c", SCRIPT.strip(), "apt", source, *packages]
