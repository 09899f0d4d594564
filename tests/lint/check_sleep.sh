#!/usr/bin/env bash
# lint.sleep: the library never sleeps and reads the clock in one place; tests never sleep (tests/support polls).
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

sleeps='\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep|sqlite3_sleep)\b|(^|[^_[:alnum:]])sleep\('
clocks='(steady_clock|high_resolution_clock|TimePoint::clock)::now\b|\bclock_gettime\b'

# find_in PATTERN FOLDER...: matches outside // comments.
find_in() {
  local pattern=$1 file
  shift
  cpp_files "$@" | while read -r file; do
    sed 's://.*::' "$file" | grep -nE "$pattern" | sed "s|^|$file:|" || true
  done
}

while read -r hit; do report "$hit: a sleep"; done < <(find_in "$sleeps" include src drivers tests | grep -v '^tests/support/')
while read -r hit; do report "$hit: use weir::Clock"; done < <(
  find_in "$clocks" include src drivers | grep -v '^src/base/system_clock\.cpp:'
)
finish "no sleeps, one clock"
