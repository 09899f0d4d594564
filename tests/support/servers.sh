#!/usr/bin/env bash
# Private servers for the tests: a PostgreSQL cluster and, where installed, a PgBouncer in transaction mode before it
# and a Redis.
#
#   eval "$(tests/support/servers.sh start)"   starts them and sets the variables below
#   tests/support/servers.sh stop              stops those of $WEIR_TEST_SERVERS_DIR; harmless when there are none
#   tests/support/servers.sh run COMMAND...    starts, runs COMMAND, stops
#   tests/support/servers.sh redis KIND [NAME] starts more Redis servers in $WEIR_TEST_SERVERS_DIR/redis-KIND[-NAME], once,
#                                              and prints their URL. KIND: plain, cluster (3 primaries, a replica each),
#                                              sentinel (3 sentinels, a primary and a replica), tls (with ca.crt)
#   tests/support/servers.sh redis-stop KIND NAME   stops those
#
# WEIR_TEST_SERVERS_DIR     the folder of these servers: data/, socket, logs
# WEIR_TEST_POSTGRES_DSN    a superuser's, over TCP on the loopback interface, with a random password
# WEIR_TEST_PGBOUNCER_DSN   the same through PgBouncer; absent when PgBouncer is not installed
# WEIR_TEST_REDIS_DSN       a Redis over TCP, as a user with all rights; its folder has acl.conf and redis.sock. Absent when
#                           Redis is not installed
#
# A Redis server's folder is N/ with redis.conf, redis.pid and redis.log, N from 1; `redis-server N/redis.conf` starts it
# again. As root the servers run as the user postgres, otherwise as the current user. Nothing outside the folder is touched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

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

random_word() {
  head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# redis_node FOLDER NUMBER CONFIG-LINE...: starts one server and prints its port. PORT in a line stands for the port.
redis_node() {
  local folder=$1/$2 port lines
  shift 2
  as_server mkdir -p "$folder"
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    lines=$(printf '%s\n' "$@")
    as_server tee "$folder/redis.conf" >/dev/null <<EOF
bind 127.0.0.1
port $port
dir $folder
pidfile $folder/redis.pid
logfile $folder/redis.log
daemonize yes
save ""
appendonly no
${lines//PORT/$port}
EOF
    if as_server redis-server "$folder/redis.conf" ${redis_mode:-} >"$folder.err" 2>&1 </dev/null; then
      for _ in $(seq 100); do
        if [ -s "$folder/redis.pid" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
          echo "$port"
          return 0
        fi
        if grep -qs 'Address already in use\|Failed listening' "$folder/redis.log"; then break; fi
        sleep 0.02
      done
    fi
  done
  die "a Redis server did not start: $(tail -3 "$folder/redis.log" "$folder.err")"
}

redis_plain() {
  local folder=$1 password=$2 port
  as_server tee "$folder/acl.conf" >/dev/null <<EOF
user default off
user tester on >$password ~* &* +@all
user weir on >$password ~weir:* $(cat "$here/redis_rights.txt")
EOF
  port=$(redis_node "$folder" 1 "aclfile $folder/acl.conf" "unixsocket $folder/redis.sock")
  echo "redis://tester:$password@127.0.0.1:$port"
}

redis_cluster() {
  local folder=$1 password=$2 ports=() id i
  for i in 1 2 3 4 5 6; do
    ports+=("$(redis_node "$folder" $i "requirepass $password" "masterauth $password" "cluster-enabled yes" \
      "cluster-node-timeout 1000" "cluster-config-file nodes.conf" "repl-diskless-sync-delay 0")")
  done
  export REDISCLI_AUTH=$password
  redis-cli -p "${ports[0]}" cluster addslotsrange 0 5460 >/dev/null
  redis-cli -p "${ports[1]}" cluster addslotsrange 5461 10922 >/dev/null
  redis-cli -p "${ports[2]}" cluster addslotsrange 10923 16383 >/dev/null
  for i in 0 1 2; do redis-cli -p "${ports[i]}" cluster set-config-epoch $((i + 1)) >/dev/null; done
  for i in 1 2 3 4 5; do redis-cli -p "${ports[0]}" cluster meet 127.0.0.1 "${ports[i]}" >/dev/null; done
  for i in 0 1 2; do
    id=$(redis-cli -p "${ports[i]}" cluster myid)
    wait_until eval "redis-cli -p ${ports[i + 3]} cluster replicate $id | grep -qx OK"
  done
  for i in "${ports[@]}"; do wait_until eval "redis-cli -p $i cluster info | grep -q 'cluster_state:ok'"; done
  for i in 0 1 2; do
    wait_until eval "redis-cli -p ${ports[i + 3]} info replication | grep -q 'master_link_status:up'"
    wait_until eval "redis-cli -p ${ports[0]} cluster slots | grep -q '^${ports[i + 3]}$'"
  done
  echo "redis+cluster://:$password@127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}"
}

redis_sentinel() {
  local folder=$1 password=$2 primary replica hosts='' i port
  primary=$(redis_node "$folder" 1 "requirepass $password" "masterauth $password" "repl-diskless-sync-delay 0")
  replica=$(redis_node "$folder" 2 "requirepass $password" "masterauth $password" "repl-diskless-sync-delay 0" \
    "replicaof 127.0.0.1 $primary")
  wait_until eval "REDISCLI_AUTH=$password redis-cli -p $replica info replication | grep -q 'master_link_status:up'"
  for i in 3 4 5; do
    port=$(redis_mode=--sentinel redis_node "$folder" $i "sentinel monitor weir-test 127.0.0.1 $primary 2" \
      "sentinel auth-pass weir-test $password" "sentinel down-after-milliseconds weir-test 500" \
      "sentinel failover-timeout weir-test 3000")
    hosts+=${hosts:+,}127.0.0.1:$port
  done
  for port in ${hosts//,/ }; do
    wait_until eval "redis-cli -p ${port#*:} sentinel master weir-test | grep -A1 num-other-sentinels | grep -qx 2"
    wait_until eval "redis-cli -p ${port#*:} sentinel master weir-test | grep -A1 num-slaves | grep -qx 1"
  done
  echo "redis+sentinel://:$password@$hosts/weir-test"
}

redis_tls() {
  local folder=$1 password=$2 port
  as_server openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=weir test authority' \
    -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>"$folder/openssl.err"
  as_server openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$folder/server.key" \
    -out "$folder/server.csr" 2>>"$folder/openssl.err"
  printf 'subjectAltName=DNS:localhost\n' | as_server tee "$folder/server.ext" >/dev/null
  as_server openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
    -days 2 -extfile "$folder/server.ext" -out "$folder/server.crt" 2>>"$folder/openssl.err"
  as_server chmod 644 "$folder/server.key" "$folder/ca.crt"
  # The plain port is of no use here, and closed again by "port 0".
  port=$(redis_node "$folder" 1 "requirepass $password" "port 0" "tls-port PORT" "tls-cert-file $folder/server.crt" \
    "tls-key-file $folder/server.key" "tls-ca-cert-file $folder/ca.crt" "tls-auth-clients optional")
  echo "rediss://:$password@localhost:$port"
}

# wait_until COMMAND...: until it succeeds, for ten seconds.
wait_until() {
  for _ in $(seq 200); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.05
  done
  die "waited too long for: $*"
}

start_redis() {
  local kind=$1 name=${2:-} dir=${WEIR_TEST_SERVERS_DIR:?} folder url
  case $kind in plain | cluster | sentinel | tls) ;; *) die "no kind of Redis '$kind'" ;; esac
  command -v redis-server >/dev/null || die "no Redis found; tests/run.sh installs it"
  folder=$dir/redis-$kind${name:+-$name}
  exec 9>"$dir/redis-$kind.lock"
  flock 9
  if [ ! -s "$folder/url" ]; then
    as_server mkdir -p "$folder"
    url=$("redis_$kind" "$folder" "$(random_word)" 9>&-)
    printf '%s\n' "$url" | as_server tee "$folder/url" >/dev/null
  fi
  cat "$folder/url"
}

# Only what still runs in the folder: a number in a file may be another process's by now.
stop_redis() {
  local folder=$1 file pid
  for file in "$folder"/*/redis.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    case $(readlink "/proc/$pid/cwd" 2>/dev/null) in "$folder"/*) kill -KILL "$pid" 2>/dev/null || true ;; esac
  done
  rm -rf "$folder"
}

start() {
  local dir password port bouncer_port redis_url
  bin=$(find_bin)
  dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-servers.XXXXXX")
  if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
  trap '[ $? = 0 ] || WEIR_TEST_SERVERS_DIR=$dir stop' EXIT
  password=$(random_word)
  port=$(start_postgres "$dir" "$password")
  bouncer_port=$(start_pgbouncer "$dir" "$password" "$port")
  if command -v redis-server >/dev/null; then redis_url=$(WEIR_TEST_SERVERS_DIR=$dir start_redis plain); fi
  echo "export WEIR_TEST_SERVERS_DIR='$dir'"
  echo "export WEIR_TEST_POSTGRES_DSN='postgresql://tester:$password@127.0.0.1:$port/postgres'"
  if [ -n "$bouncer_port" ]; then
    echo "export WEIR_TEST_PGBOUNCER_DSN='postgresql://tester:$password@127.0.0.1:$bouncer_port/postgres'"
  fi
  if [ -n "${redis_url:-}" ]; then echo "export WEIR_TEST_REDIS_DSN='$redis_url'"; fi
}

stop() {
  local dir=${WEIR_TEST_SERVERS_DIR:-} folder
  [ -n "$dir" ] && [ -d "$dir" ] || return 0
  case $dir in */weir-servers.*) ;; *) die "'$dir' is not a folder of mine" ;; esac
  for folder in "$dir"/redis-*; do
    if [ -d "$folder" ]; then stop_redis "$folder"; fi
  done
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
  redis) start_redis "${2:?KIND}" "${3:-}" ;;
  redis-stop) stop_redis "${WEIR_TEST_SERVERS_DIR:?}/redis-${2:?KIND}-${3:?NAME}" ;;
  *) die "usage: servers.sh start | stop | run COMMAND... | redis KIND [NAME] | redis-stop KIND NAME" ;;
esac
