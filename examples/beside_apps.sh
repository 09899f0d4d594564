#!/usr/bin/env bash
# `weir listen` beside applications, all on this machine: starts a PostgreSQL and a Redis of its own, the listener, two
# application processes and a writer, shows what they see for a while, and stops everything it started, also on Ctrl-C.
#
#   examples/beside_apps.sh             shows it for 20 seconds; what it makes is in build/beside
#   examples/beside_apps.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  '' | [1-9]*) seconds=${1:-20} ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0 ;;
esac

build=${WEIR_BUILD:-}
if [ -z "$build" ]; then
  tests/support/packages.sh install build test
  build=build/beside
  echo "== Building weir in $build"
  cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DWEIR_BUILD_TESTS=OFF --log-level=WARNING >/dev/null
  NINJA_STATUS='[%f/%t %es] ' cmake --build $build --target beside_app weir_command
fi
unset WEIR_TEST_SERVERS_DIR  # only our own are stopped
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-beside.XXXXXX")

started=()
stop() {
  trap - EXIT INT TERM
  [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  tests/support/servers.sh stop
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run LOG COMMAND...: in the background, its output in a file of the folder.
run() {
  local log=$work/$1
  shift
  "$@" >"$log" 2>&1 &
  started+=($!)
}
# await TEXT LOG: until the file holds the text.
await() {
  for _ in $(seq 100); do
    grep -q -e "$1" "$work/$2" 2>/dev/null && return 0
    sleep 0.1
  done
  echo "beside_apps: '$1' did not come:" >&2
  cat "$work/$2" >&2
  exit 1
}

echo "== Starting PostgreSQL and Redis"
eval "$(tests/support/servers.sh start)"
dsn=$WEIR_TEST_POSTGRES_DSN
export WEIR_DATABASE=$dsn
ask() { psql -X -q -A -t -d "$dsn" -c "$1"; }
ask "CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL, changed_ms bigint NOT NULL)"
ask "INSERT INTO products SELECT n, 'product ' || n, 100 + n, 0 FROM generate_series(1, 50) n"
"$build/weir" migrate up 2>/dev/null
"$build/weir" track >/dev/null

echo "== Starting the listener, two applications and a writer"
cat >"$work/listen.toml" <<TOML
[[database]]
name = "shop"
dsn = "\${DSN}"

[redis]
url = "\${REDIS}"

[http]
listen = "127.0.0.1:0"
TOML
DSN=$dsn REDIS=$WEIR_TEST_REDIS_DSN run listen.log "$build/weir" listen --config "$work/listen.toml"
await 'leads: looks' listen.log
run app1.log "$build/examples/beside_app" read "$dsn"
run app2.log "$build/examples/beside_app" read "$dsn" "$WEIR_TEST_REDIS_DSN" weir:changes:shop
run writer.log "$build/examples/beside_app" write "$dsn" 250
port=$(sed -n 's/.*port="\([0-9]*\)".*/\1/p' "$work/listen.log")
echo "   metrics: http://127.0.0.1:$port/metrics"

metric() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
  line=$(grep -a "^$1{" <&3 || true)
  exec 3>&-
  echo "${line##* }"
}
transactions() { ask "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"; }

printf '\n%4s | %-33s | %-33s | %-8s | %s\n' '' 'application 1, woken by NOTIFY' 'application 2, woken by the stream' \
  database 'listener'
printf '%4s | %9s %6s %16s | %9s %6s %16s | %8s | %s\n' s lookups/s hits 'seen after, ms' lookups/s hits \
  'seen after, ms' tx/s 'batches'
before=$(transactions)
for second in $(seq "$seconds"); do
  sleep 1
  now=$(transactions)
  read -r lookups1 hits1 median1 longest1 <<<"$(tail -n 1 "$work/app1.log")" || true
  read -r lookups2 hits2 median2 longest2 <<<"$(tail -n 1 "$work/app2.log")" || true
  printf '%4s | %9s %5s%% %8s %7s | %9s %5s%% %8s %7s | %8s | %s\n' "$second" \
    "${lookups1:--}" "${hits1:--}" "${median1:--}" "${longest1:--}" \
    "${lookups2:--}" "${hits2:--}" "${median2:--}" "${longest2:--}" $((now - before)) \
    "$(metric weir_listen_batches_total)"
  before=$now
done
echo
echo "== Stopping"
