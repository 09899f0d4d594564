#!/usr/bin/env bash
# lint.self_test: every lint finds the violation planted for it and is quiet about its lawful twin.
set -euo pipefail
lint=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# expect fail|pass SCRIPT FILE TEXT: in a tree that holds just FILE (and a list of public headers naming it).
expect() {
  local want=$1 script=$2 file=$3 text=$4 got=pass output
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/$(dirname "$file")" "$tree/src/cmake"
  cp "$lint/../../.clang-format" "$tree/"
  mkdir -p "$tree/tests" && touch "$tree/tests/CMakeLists.txt"
  printf 'set(WEIR_PUBLIC_HEADERS\n    listed.hpp)\n' >"$tree/src/cmake/public_headers.cmake"
  printf '%b' "$text" >"$tree/$file"
  if [[ $file == *.cpp ]]; then echo "sources($(basename "$file"))" >"$tree/$(dirname "$file")/CMakeLists.txt"; fi
  output=$("$lint/$script.sh" "$tree" 2>&1) || got=fail
  if [ "$want" = fail ] && [[ $output != *$file* ]]; then got="$got without naming $file"; fi
  if [ "$got" != "$want" ]; then
    echo "$script: $got, expected $want, for $file: $text"
    echo "$output"
    failures=$((failures + 1))
  fi
}

layers() { expect "$1" check_layers "$2" "#include $3\n"; }
layers fail include/weir/a.hpp '"src/base/mutex.hpp"'
layers fail include/weir/a.hpp '<fmt/core.h>'
layers fail include/weir/a.hpp '<boost/signals2.hpp>'
layers pass include/weir/events.hpp '<boost/signals2.hpp>'
layers pass include/weir/a.hpp '<string_view>'
layers fail src/sql/a.cpp '"src/cache/tier.hpp"'
layers fail src/base/a.cpp '"src/sql/memo.hpp"'
layers pass src/cache/a.cpp '"src/sql/memo.hpp"'
layers fail src/cache/a.cpp '<sqlite3.h>'
layers fail src/engine/a.cpp '<pqxx/pqxx>'
layers fail src/engine/a.cpp '"weir/drivers/sqlite.hpp"'
layers fail src/engine/a.cpp '"drivers/sqlite/driver.hpp"'
layers fail src/engine/a.cpp '<nlohmann/json.hpp>'
layers pass src/open.cpp '"weir/drivers/sqlite.hpp"'
layers pass src/app/a.cpp '<CLI/CLI.hpp>'
layers fail src/app/a.cpp '<libpq-fe.h>'
layers fail drivers/sqlite/a.cpp '"src/base/mutex.hpp"'
layers fail drivers/sqlite/a.cpp '<libpq-fe.h>'
layers fail drivers/sqlite/a.cpp '"drivers/postgres/pq.hpp"'
layers fail drivers/postgres/a.cpp '<sqlite3.h>'
layers fail drivers/postgres/a.cpp '<boost/signals2.hpp>'
layers pass drivers/postgres/a.cpp '<pg_query.h>'
layers pass drivers/postgres/a.cpp '"drivers/postgres/pq.hpp"'
layers fail tests/integration/a.cpp '"src/base/mutex.hpp"'
layers pass tests/unit/a.cpp '"src/base/mutex.hpp"'
layers fail examples/a.cpp '"drivers/sqlite/driver.hpp"'

expect fail check_sleep src/pool/a.cpp 'void f() {\n  std::this_thread::sleep_for(d);\n}\n'
expect fail check_sleep drivers/sqlite/a.cpp 'int x = usleep(5);\n'
expect fail check_sleep tests/unit/a.cpp 'void f() { sleep(1); }\n'
expect pass check_sleep tests/unit/a.cpp 'auto sql = "SELECT pg_sleep(1)";\n'
expect pass check_sleep src/pool/a.cpp '// never sleep_for here\n'
expect fail check_sleep src/pool/a.cpp 'auto t = std::chrono::steady_clock::now();\n'
expect pass check_sleep src/base/system_clock.cpp 'auto t = std::chrono::steady_clock::now();\n'
expect pass check_sleep tests/unit/a.cpp 'auto t = std::chrono::steady_clock::now();\n'

lines() { printf '%*s' "$1" '' | sed 's/ /\\n/g'; }
expect fail check_files src/base/a.hpp "#pragma once\n$(lines 400)"
expect pass check_files src/base/a.hpp "#pragma once\n$(lines 399)"
expect fail check_files src/base/a.cpp "$(lines 601)"
expect pass check_files src/base/a.cpp "// Long because it is one table.\n$(lines 601)"
expect fail check_files src/base/a.hpp '// no guard\n'
expect fail check_files src/base/MyType.cpp '\n'
expect fail check_files include/weir/unlisted.hpp '#pragma once\n'
expect pass check_files include/weir/listed.hpp '#pragma once\n'

expect fail check_files src/base/CMakeLists.txt 'sources(gone.cpp)\n'
expect fail check_files tests/unit/base/CMakeLists.txt 'weir_add_test()\n'
unlisted=$tree/src/base/forgotten.cpp
mkdir -p "$(dirname "$unlisted")" && touch "$unlisted"
if "$lint/check_files.sh" "$tree" >/dev/null 2>&1; then
  echo "check_files: a source that no CMakeLists.txt names was not found"
  failures=$((failures + 1))
fi

expect fail check_words docs/a.md 'see /wor''k/main/x\n'
expect fail check_words tests/a.sh 'cd /hom''e/somebody/x\n'
expect pass check_words docs/a.md 'how we work/rest; /var/lib/x; the root/ of it; a/wor''k/b\n'

expect fail check_snippets docs/guide/a.md '```cpp\nint a;\n```\n'
expect pass check_snippets docs/guide/a.md '```cmake\nproject(a)\n```\n'
expect fail check_snippets docs/guide/a.md '<!-- snippet: a.cpp#gone -->\n```cpp\nint a;\n```\n'
snippet='void f() {\n  // [a]\n  if (x) {\n    g();\n  }\n  // [a]\n}\n'
page='<!-- snippet: a.cpp#a -->\n```cpp\n%s\n```\n'
mkdir -p "$tree/examples/snippets" "$tree/docs/guide"
for block in 'if (x) {\n  g();\n}' 'if (x) {\n  h();\n}'; do
  printf '%b' "$snippet" >"$tree/examples/snippets/a.cpp"
  # shellcheck disable=SC2059 # the page is the format
  printf "$page" "$(printf '%b' "$block")" >"$tree/docs/guide/a.md"
  got=differs
  if output=$("$lint/check_snippets.sh" "$tree" 2>&1); then got=same; fi
  if [[ $got = "$([[ $block == *h\(* ]] && echo same || echo differs)" || $got$output = differs ]]; then
    echo "check_snippets: $got for $block"
    failures=$((failures + 1))
  fi
done

if command -v clang-format-14 >/dev/null; then
  expect fail check_format src/base/a.cpp 'int   x=1;\n'
  expect pass check_format src/base/a.cpp 'int x = 1;\n'
fi

if [ $failures -gt 0 ]; then
  echo "$failures lint self-test(s) failed" >&2
  exit 1
fi
