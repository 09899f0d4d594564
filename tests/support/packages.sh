#!/usr/bin/env bash
# The one list of Debian packages weir needs.
#
#   packages.sh list GROUP...      prints them
#   packages.sh install GROUP...   installs those that are missing; asks for root only then
#
# Groups: build (the library and the command), test (all tests of one compiler), bench (what measures), clang (Clang,
# sanitizers, formatting).
set -euo pipefail

declare -A packages
packages[build]="build-essential cmake ninja-build ccache pkg-config libboost-dev libfmt-dev libtomlplusplus-dev libcli11-dev
  libxxhash-dev liblz4-dev libsqlite3-dev libpq-dev libpqxx-dev libpg-query-dev libhiredis-dev libssl-dev
  libcpp-httplib-dev"
packages[test]="libgtest-dev libgmock-dev nlohmann-json3-dev postgresql postgresql-contrib postgresql-client pgbouncer
  sqlite3 redis-server redis-sentinel redis-tools openssl"
packages[bench]="libbenchmark-dev libzstd-dev"
packages[clang]="clang-14 clang libclang-rt-14-dev clang-format-14"

list() {
  local group
  for group in "$@"; do
    [ -n "${packages[$group]:-}" ] || { echo "packages.sh: no group '$group'" >&2 && exit 2; }
    # shellcheck disable=SC2086 # words on purpose
    printf '%s\n' ${packages[$group]}
  done
}

install() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    echo "packages.sh: not Debian; needed there: $(list "$@" | tr '\n' ' ')" >&2
    return 0
  fi
  for package in $(list "$@"); do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "Installing: ${missing[*]}"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "packages.sh: run as root: apt-get install ${missing[*]}" >&2 && exit 1; }
    root=(sudo)
  fi
  # A server of the distribution's own must not start just because its package came in for the tests.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    # shellcheck disable=SC2064 # now, while they are known
    trap "${root[*]} rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod +x $policy
  fi
  "${root[@]}" apt-get -q -o Acquire::Retries=3 update &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
      install --no-install-recommends "${missing[@]}"
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
  list | install) "$command" "$@" ;;
  *) echo "usage: packages.sh list|install GROUP..." >&2 && exit 2 ;;
esac
