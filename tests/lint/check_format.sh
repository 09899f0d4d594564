#!/usr/bin/env bash
# lint.format: every C++ file is as clang-format 14 would write it. Skipped (77) without clang-format 14.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

format=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$format" ] || ! "$format" --version | grep -q 'version 14\.'; then
  echo "clang-format 14 is not installed"
  exit 77
fi
while IFS= read -r where; do report "$where ($format -i fixes it)"; done < <(
  cpp_files include src drivers tests examples | xargs -r "$format" --dry-run --style=file 2>&1 |
    grep -oE '^[^: ]+\.[ch]pp:[0-9]+(:[0-9]+: (warning|error))' | sort -u -t: -k1,1
)
finish "clang-format 14"
