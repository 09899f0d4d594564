#!/usr/bin/env bash
# Builds weir and runs its unit, integration and consumer tests on Debian 13 (libpqxx 7.10, libpg_query 17,
# PostgreSQL 17), in a debootstrap folder. Needs root and a Debian host; installs debootstrap when it is missing.
#
#   tests/debian13.sh [CTEST-ARGS...]
#
# The folder (WEIR_DEBIAN13_ROOT, by default ~/.cache/weir/debian13) is kept: the next run only builds and tests. The
# mirror is the one this machine's own apt uses.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${WEIR_DEBIAN13_ROOT:-$HOME/.cache/weir/debian13}
[ "$(id -u)" = 0 ] || { echo "debian13.sh: run as root (chroot)" >&2 && exit 1; }

mirror() {
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
    grep -v security | head -1
}

in_root() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}

if [ ! -e "$root/.complete" ]; then
  if ! command -v debootstrap >/dev/null; then
    echo "Installing: debootstrap"
    apt-get -q update && apt-get -q -y install --no-install-recommends debootstrap
  fi
  uri=$(mirror)
  [ -n "$uri" ] || { echo "debian13.sh: this machine's apt knows no Debian mirror" >&2 && exit 1; }
  echo "== Debian 13 from $uri into $root"
  rm -rf "$root" && mkdir -p "$root"
  debootstrap --variant=minbase trixie "$root" "$uri"
  touch "$root/.complete"
fi
if [ -e /etc/resolv.conf ]; then cp -L /etc/resolv.conf "$root/etc/resolv.conf"; fi
# Where nothing may be mounted, a plain folder does for shared memory, and programs do without /proc.
mkdir -p "$root/dev/shm" && chmod 1777 "$root/dev/shm"
mounted=no
if [ ! -e "$root/proc/self" ] && mount -t proc proc "$root/proc" 2>/dev/null; then mounted=yes; fi
trap '[ $mounted = no ] || umount "$root/proc"' EXIT

echo "== copying the tree"
tree=$root/srv/weir
mkdir -p "$tree"
find "$tree" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
# With today's times: a file changed while the last copy was being built would be older than its object. ccache pays.
tar -c --exclude=./.git --exclude=./build --exclude=./.cache . | tar -x -m -C "$tree"

arguments=("$@")
[ $# -gt 0 ] || arguments=(-R '^(unit|integration|consumer)\.')
in_root /srv/weir/tests/run.sh --preset gcc "${arguments[@]}"
