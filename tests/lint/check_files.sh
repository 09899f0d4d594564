#!/usr/bin/env bash
# lint.files: sizes and names of files, #pragma once, and the list of public headers.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

while read -r file; do
  limit=600
  case $file in *.hpp) limit=400 ;; esac
  lines=$(wc -l <"$file")
  if [ "$lines" -gt $limit ] && ! head -10 "$file" | grep -q '// Long because '; then
    report "$file:1: $lines lines, more than $limit; split it, or say '// Long because ...' at its top"
  fi
  if [[ $file == *.hpp ]] && ! grep -q '^#pragma once$' "$file"; then report "$file:1: no #pragma once"; fi
  if [[ ! $(basename "$file") =~ ^[a-z0-9_]+\.(hpp|cpp)$ ]]; then report "$file:1: not snake_case"; fi
done < <(cpp_files include src drivers tests examples)

list=src/cmake/public_headers.cmake
while read -r header; do
  grep -qE "^ *${header//./\\.}\)?$" $list || report "include/weir/$header:1: not in $list"
done < <(cpp_files include/weir | sed 's|^include/weir/||')
finish "the rules for files"
