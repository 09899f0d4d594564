#!/usr/bin/env bash
# lint.files: sizes and names of files, #pragma once, and the list of public headers.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

while read -r file; do
  limit=600
  case $file in *.hpp) limit=400 ;; esac
  lines=$(wc -l <"$file")
  if [ "$lines" -gt $limit ] && ! head -15 "$file" | grep -qE '// (Long|Over [0-9]+ lines) because '; then
    report "$file:1: $lines lines, more than $limit; split it, or say '// Long because ...' at its top"
  fi
  if [[ $file == *.hpp ]] && ! grep -q '^#pragma once$' "$file"; then report "$file:1: no #pragma once"; fi
  if [[ ! $(basename "$file") =~ ^[a-z0-9_]+\.(hpp|cpp)$ ]]; then report "$file:1: not snake_case"; fi
done < <(cpp_files include src drivers tests examples)

list=src/cmake/public_headers.cmake
while read -r header; do
  grep -qE "^ *${header//./\\.}\)?$" $list || report "include/weir/$header:1: not in $list"
done < <(cpp_files include/weir | sed 's|^include/weir/||')
# A forgotten source or test would never be built or run, and nobody would notice. What tests share is named wherever it
# is used.
mapfile -t lists < <(find src drivers tests examples -name CMakeLists.txt 2>/dev/null)
while read -r file; do
  named_in=("$(dirname "$file")/CMakeLists.txt")
  if [[ $file == tests/support/* ]]; then named_in=("${lists[@]}"); fi
  grep -qsE "(^|[[:space:](/])$(basename "$file")([[:space:])]|\$)" "${named_in[@]}" ||
    report "$file:1: no CMakeLists.txt names it"
done < <(cpp_files src drivers tests examples | grep '\.cpp$')
while IFS=: read -r list name; do
  [[ $name == */* || -e "$(dirname "$list")/$name" ]] || report "$list:1: names $name, which does not exist"
done < <(grep -HoE '[^[:space:]()"]+\.cpp\b' "${lists[@]}" /dev/null)
while read -r folder; do
  grep -qE "^ *$folder\)?$" tests/CMakeLists.txt || report "tests/$folder/CMakeLists.txt:1: $folder is not an area of tests/CMakeLists.txt"
done < <(find tests/{unit,integration,property,fault} -mindepth 2 -name CMakeLists.txt -printf '%h\n' 2>/dev/null | sed 's|^tests/||' | sort)
finish "the rules for files"
