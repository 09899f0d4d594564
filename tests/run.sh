#!/usr/bin/env bash
# All tests. On a fresh Debian it first installs the packages it lacks (and says which); works run again and again.
#
#   tests/run.sh                     gcc: everything; clang: build, unit; asan, tsan: unit, property, integration;
#                                    fuzz: two seconds of each fuzz target
#   tests/run.sh --fast              the inner loop: gcc, unit tests, lints and SQLite
#   tests/run.sh --preset P          every test of one preset
#   tests/run.sh ... CTEST-ARGS      e.g. -R pool, --rerun-failed; given to every ctest
#
# Builds in build/<preset>. PostgreSQL and PgBouncer run privately in a temporary folder. The last line is the sum:
# "N passed, N failed". A skipped test counts as failed unless --fast is given.
set -euo pipefail
cd "$(dirname "$0")/.."

fast=no preset=
while [ $# -gt 0 ]; do
  case $1 in
    --fast) fast=yes && shift ;;
    --preset)
      preset=${2:?--preset needs a name from CMakePresets.json}
      shift 2
      ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) break ;;
  esac
done
ctest_args=("$@")

jobs=${WEIR_TEST_JOBS:-$(nproc)}
passed=0 failed=0
failures=()

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

fail() {
  failed=$((failed + 1))
  failures+=("$1")
}

finish() {
  "$servers" stop || true
  if [ ${#failures[@]} -gt 0 ]; then printf '\nFailed:\n' && printf '  %s\n' "${failures[@]}"; fi
  printf '\n%d passed, %d failed\n' $passed $failed
}

# configure_and_build PRESET [TARGET]: false when either fails.
configure_and_build() {
  local preset=$1 target=${2:-all}
  say "$preset: build"
  cmake --preset "$preset" --log-level=WARNING >/dev/null && cmake --build "build/$preset" -j "$jobs" --target "$target"
}

# run_tests PRESET CTEST-ARGS...: runs them and adds to the sums.
run_tests() {
  local preset=$1 junit line name
  shift
  junit=$PWD/build/$preset/junit.xml
  rm -f "$junit"
  say "$preset: tests"
  ctest --test-dir "build/$preset" -j "$jobs" --timeout 300 --output-on-failure --no-tests=ignore \
    --output-junit "$junit" "$@" ${ctest_args[@]+"${ctest_args[@]}"} || true
  if [ ! -s "$junit" ]; then
    fail "$preset: ctest did not run"
    return 0
  fi
  while IFS= read -r line; do
    name=${line#*name=\"}
    name=${name%%\"*}
    case $line in
      *'status="run"'*) passed=$((passed + 1)) ;;
      *'status="notrun"'* | *'status="disabled"'*)
        if [ $fast = yes ]; then echo "skipped: $name"; else fail "$preset: $name (skipped)"; fi
        ;;
      *) fail "$preset: $name" ;;
    esac
  done < <(grep '<testcase ' "$junit")
}

groups=(build test)
if [ $fast = no ] && [ "$preset" != gcc ]; then groups+=(clang); fi
tests/support/packages.sh install "${groups[@]}"

export ASAN_OPTIONS=${ASAN_OPTIONS:-strict_string_checks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
export NINJA_STATUS='[%f/%t %es] '

servers=$PWD/tests/support/servers.sh
trap finish EXIT
if [ $fast = no ]; then
  say "private servers"
  variables=$("$servers" start)
  eval "$variables"
  export WEIR_REQUIRE_SERVERS=1
fi

sanitized='^(unit|property|integration)\.'
if [ $fast = yes ]; then
  if configure_and_build gcc; then run_tests gcc -R '^(unit|lint|fuzz)\.|^(integration|property)\.sqlite\.'; else fail "gcc: build"; fi
elif [ -n "$preset" ]; then
  if configure_and_build "$preset"; then run_tests "$preset"; else fail "$preset: build"; fi
else
  if configure_and_build gcc; then run_tests gcc; else fail "gcc: build"; fi
  if configure_and_build clang; then run_tests clang -R '^unit\.'; else fail "clang: build"; fi
  for preset in asan tsan; do
    if configure_and_build $preset tests/all; then run_tests $preset -R "$sanitized"; else fail "$preset: build"; fi
  done
  if configure_and_build fuzz; then run_tests fuzz; else fail "fuzz: build"; fi
fi

if [ $((passed + failed)) = 0 ]; then fail "no test matches"; fi
[ $failed = 0 ]
