#!/usr/bin/env bash
# lint.layers: who may include whom (house rules: CONTRIBUTING.md, "Where things go").
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

layers=(base sql freshness cache pool engine http app)
vendor_pqxx='^(pqxx/|libpq|postgresql/|pg_query)'
vendor_sqlite='^sqlite3'
vendor_redis='^(hiredis|openssl)/'
vendors="$vendor_pqxx|$vendor_sqlite|$vendor_redis"

# May src/<layer> include "<header>"? Layers only include themselves and what is to their left.
layer_may() {
  local layer=$1 header=$2 candidate
  for candidate in "${layers[@]}"; do
    [[ $header == src/$candidate/* ]] && return 0
    [ "$candidate" = "$layer" ] && return 1
  done
  return 1
}

# check FILE KIND HEADER: prints why the include is wrong, or nothing. KIND is quote or angle.
check() {
  local file=$1 kind=$2 header=$3 driver own
  case $file in
    include/*)
      if [ "$kind" = quote ]; then
        [[ $header == weir/* ]] || echo "public headers include public headers only"
      elif [[ ! $header =~ ^[a-z_0-9]+$ ]]; then
        [[ $file == include/weir/events.hpp && $header == boost/signals2* ]] || echo "public headers include std only"
      fi
      ;;
    src/app/* | src/open.cpp)
      if [[ $header =~ $vendors ]]; then echo "vendor header outside its driver"; fi
      ;;
    src/*)
      local layer=${file#src/}
      layer=${layer%%/*}
      if [[ $header =~ $vendors ]]; then echo "vendor header outside its driver"; fi
      if [[ $header =~ ^(CLI/|nlohmann/) ]]; then echo "for src/app only"; fi
      if [[ $header == drivers/* || $header == weir/drivers/* ]]; then echo "drivers are wired in src/app and src/open.cpp"; fi
      if [[ $header == src/* ]] && ! layer_may "$layer" "$header"; then echo "not to the left of src/$layer"; fi
      ;;
    drivers/*)
      driver=${file#drivers/}
      driver=${driver%%/*}
      case $driver in postgres) own=$vendor_pqxx ;; sqlite) own=$vendor_sqlite ;; redis) own=$vendor_redis ;; *) own='^$' ;; esac
      if [[ $header =~ $vendors && ! $header =~ $own ]]; then echo "another driver's vendor"; fi
      if [[ $header =~ ^(boost/|toml|CLI/|nlohmann/) ]]; then echo "drivers use std, fmt and their own vendor"; fi
      if [[ $kind == quote && ! $header =~ $own && $header != weir/* && $header != drivers/$driver/* ]]; then
        echo "drivers include weir/ and drivers/$driver/ only"
      fi
      ;;
    tests/unit/* | tests/fuzz/* | tests/bench/* | tests/support/*) ;;
    tests/* | examples/*)
      if [[ $header == src/* ]]; then echo "src/ headers are for tests/unit, fuzz, bench and support"; fi
      if [[ $file == examples/* && $header == drivers/* ]]; then echo "examples use installed headers"; fi
      ;;
  esac
}

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"])([^>"]+)[>"]'
while IFS=: read -r file line text; do
  [[ $text =~ $include ]] || continue
  kind=angle
  [ "${BASH_REMATCH[1]}" = '"' ] && kind=quote
  why=$(check "$file" $kind "${BASH_REMATCH[2]}")
  if [ -n "$why" ]; then report "$file:$line: ${BASH_REMATCH[2]}: $why"; fi
done < <(cpp_files include src drivers tests examples | xargs -r grep -nHE '^[[:space:]]*#[[:space:]]*include')
finish "the layers"
