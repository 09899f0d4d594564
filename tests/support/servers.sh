#!/usr/bin/env bash
# Private servers for the tests: a PostgreSQL cluster and, where installed, a PgBouncer in transaction mode before it.
#
#   eval "$(tests/support/servers.sh start)"   starts them and sets the variables below
#   tests/support/servers.sh stop              stops those of $WEIR_TEST_SERVERS_DIR; harmless when there are none
#   tests/support/servers.sh run COMMAND...    starts, runs COMMAND, stops
#
# WEIR_TEST_SERVERS_DIR     the folder of these servers: data/, socket, logs
# WEIR_TEST_POSTGRES_DSN    a superuser's, over TCP on the loopback interface, with a random password
# WEIR_TEST_PGBOUNCER_DSN   the same through PgBouncer; absent when PgBouncer is not installed
#
# As root the servers run as the user postgres, otherwise as the current user. Nothing outside the folder is touched.
set -euo pipefail

die() {
  echo "servers.sh: $*" >&2
  exit 1
}

as_server() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

# The newest installed PostgreSQL's programs.
find_bin() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5 -n -r); do
    if [ -x "$dir/initdb" ]; then
      echo "$dir"
      return 0
    fi
  done
  dir=$(command -v initdb) || die "no PostgreSQL server found; tests/run.sh installs it"
  dirname "$dir"
}

free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return 0
    fi
  done
  die "no free port between 20000 and 32000"
}

start_postgres() {
  local dir=$1 password=$2 port
  printf '%s\n' "$password" | as_server tee "$dir/password" >/dev/null
  as_server "$bin/initdb" -D "$dir/data" -U tester --pwfile="$dir/password" --auth-local=trust \
    --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 </dev/null ||
    die "initdb failed: $(tail -3 "$dir/initdb.log")"
  as_server tee -a "$dir/data/postgresql.conf" >/dev/null <<EOF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
fsync = off
full_page_writes = off
max_connections = 200
max_prepared_transactions = 32
wal_level = logical
shared_buffers = 64MB
EOF
  # The port is only known to be free when the server holds it: try a few.
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    if as_server "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/postgres.log" -o "-p $port" start \
      >"$dir/pg_ctl.log" 2>&1 </dev/null; then
      echo "$port"
      return 0
    fi
  done
  die "the PostgreSQL server did not start: $(tail -3 "$dir/postgres.log")"
}

start_pgbouncer() {
  local dir=$1 password=$2 server_port=$3 port
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || return 0
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    as_server tee "$dir/pgbouncer.ini" >/dev/null <<EOF
[databases]
* = host=127.0.0.1 port=$server_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $dir/pgbouncer.users
auth_user = tester
pool_mode = transaction
max_client_conn = 500
default_pool_size = 20
ignore_startup_parameters = extra_float_digits,options
logfile = $dir/pgbouncer.log
pidfile = $dir/pgbouncer.pid
EOF
    printf '"tester" "%s"\n' "$password" | as_server tee "$dir/pgbouncer.users" >/dev/null
    if as_server env PATH="$PATH:/usr/sbin" pgbouncer -q -d "$dir/pgbouncer.ini" >>"$dir/pgbouncer.err" 2>&1 </dev/null; then
      for _ in $(seq 50); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
          echo "$port"
          return 0
        fi
        sleep 0.1
      done
    fi
  done
  die "PgBouncer did not start: $(tail -3 "$dir/pgbouncer.err")"
}

start() {
  local dir password port bouncer_port
  bin=$(find_bin)
  dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-servers.XXXXXX")
  if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
  trap '[ $? = 0 ] || WEIR_TEST_SERVERS_DIR=$dir stop' EXIT
  password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
  port=$(start_postgres "$dir" "$password")
  bouncer_port=$(start_pgbouncer "$dir" "$password" "$port")
  echo "export WEIR_TEST_SERVERS_DIR='$dir'"
  echo "export WEIR_TEST_POSTGRES_DSN='postgresql://tester:$password@127.0.0.1:$port/postgres'"
  if [ -n "$bouncer_port" ]; then
    echo "export WEIR_TEST_PGBOUNCER_DSN='postgresql://tester:$password@127.0.0.1:$bouncer_port/postgres'"
  fi
}

stop() {
  local dir=${WEIR_TEST_SERVERS_DIR:-}
  [ -n "$dir" ] && [ -d "$dir" ] || return 0
  case $dir in */weir-servers.*) ;; *) die "'$dir' is not a folder of mine" ;; esac
  bin=${bin:-$(find_bin)}
  if [ -s "$dir/pgbouncer.pid" ]; then
    as_server kill "$(cat "$dir/pgbouncer.pid")" 2>/dev/null || true
  fi
  if [ -s "$dir/data/postmaster.pid" ]; then
    as_server "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 60 stop >/dev/null 2>&1 || true
  fi
  rm -rf "$dir"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  run)
    shift
    variables=$("$0" start)
    eval "$variables"
    trap stop EXIT
    "$@"
    ;;
  *) die "usage: servers.sh start | stop | run COMMAND..." ;;
esac
