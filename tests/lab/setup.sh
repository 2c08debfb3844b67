#!/usr/bin/env bash
# Prepares this machine for the lab and the tests, and says what it installs: system packages (with root or sudo)
# and a virtual environment. Prints nothing and does nothing when all is there.
#
#   setup.sh VENV REQUIREMENTS
set -euo pipefail

venv=$1 requirements=$2
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $($python --version) is too old, Python 3.11 or later is needed; name one with PYTHON=..." >&2
    exit 1
}

# command that must be found = Debian package that brings it
declare -A packages=(
    [podman]=podman [runc]=runc [/usr/lib/podman/netavark]=netavark [/usr/lib/podman/aardvark-dns]=aardvark-dns
    [iptables]=iptables [nft]=nftables [logrotate]=logrotate [debootstrap]=debootstrap [patchelf]=patchelf [gpg]=gpg [ssh]=openssh-client
    [openssl]=openssl [ip]=iproute2 [npm]=npm [/usr/lib/wine/wine64]=wine64
)
missing=()
for command in "${!packages[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
"$python" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

if ((${#missing[@]})); then
    if ((EUID == 0)); then sudo=(); elif command -v sudo >/dev/null; then sudo=(sudo); else
        echo "setup: these system packages are missing, and without root or sudo they cannot be installed: ${missing[*]}" >&2
        exit 1
    fi
    echo "setup: installing system packages: ${missing[*]}" >&2
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [[ ! -e $venv/complete ]]; then
    echo "setup: making a virtual environment with $("$python" --version) from $requirements" >&2
    "$python" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    touch "$venv/complete"
fi
