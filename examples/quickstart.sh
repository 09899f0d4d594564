#!/usr/bin/env bash
# weir on embedded SQLite, without any server: installs the Debian packages that are missing (and says which), builds
# the library, the `weir` command and the example, and runs the example: a shop's page, asked directly and through
# weir, while another process writes.
#
#   examples/quickstart.sh              works run again and again; everything it makes is in build/quickstart
#   examples/quickstart.sh CUSTOMERS    the shop's size (50000)
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  '' | [1-9]*) customers=${1:-50000} ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" && exit 0 ;;
esac

tests/support/packages.sh install build

build=build/quickstart
say() { printf '\n== %s\n' "$*"; }

say "Building weir (SQLite only) in $build"
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DWEIR_WITH_POSTGRES=OFF -DWEIR_WITH_REDIS=OFF \
  -DWEIR_BUILD_TESTS=OFF --log-level=WARNING >/dev/null
NINJA_STATUS='[%f/%t %es] ' cmake --build $build --target shop_page weir_command

say "A shop's page"
shop=$build/shop-$customers
mkdir -p "$shop"
$build/examples/shop_page "$shop" "$customers"

say "The same from the command line"
weir() {
  local word line='$ weir'
  for word in "$@"; do
    if [[ $word =~ [^a-z0-9-] ]]; then line+=" \"$word\""; else line+=" $word"; fi
  done
  printf '\n%s\n' "$line"
  $build/weir "$@"
}
export WEIR_DATABASE=sqlite:$shop/shop.db
weir query --repeat 2 'SELECT city, count(*) FROM customers GROUP BY city ORDER BY 2 DESC LIMIT 3'
weir explain "SELECT count(*) FROM orders WHERE state = 'open'"
