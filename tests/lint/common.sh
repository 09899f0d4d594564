# shellcheck shell=bash
# Sourced by the lints. Each takes the folder to check as its only argument, prints every violation as file:line: text
# and fails if there was one.
set -euo pipefail
cd "${1:?usage: $0 FOLDER}"
failures=0

report() {
  echo "$*"
  failures=$((failures + 1))
}

# The C++ files below the given folders.
cpp_files() {
  local folder
  for folder in "$@"; do
    if [ -d "$folder" ]; then find "$folder" \( -name '*.hpp' -o -name '*.cpp' \) -print; fi
  done | sort
}

finish() {
  if [ $failures -gt 0 ]; then
    echo "$failures violation(s) of: $*" >&2
    exit 1
  fi
}
