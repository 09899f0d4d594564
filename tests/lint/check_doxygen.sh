#!/usr/bin/env bash
# lint.doxygen: the API reference is made without a warning. Skipped where doxygen is not installed.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

command -v doxygen >/dev/null || { echo "no doxygen" >&2 && exit 77; }
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
while IFS= read -r line; do
  if [ -n "$line" ]; then report "${line#"$PWD"/}"; fi
done < <({ cat Doxyfile && echo "OUTPUT_DIRECTORY = $output"; } | doxygen - 2>&1)
finish "doxygen's"
