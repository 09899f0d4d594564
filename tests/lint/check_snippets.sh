#!/usr/bin/env bash
# lint.snippets: every C++ block of README.md and docs/guide/ is the code of examples/snippets/, which is compiled and run.
#
#   check_snippets.sh FOLDER            fails where a page and its source differ
#   check_snippets.sh FOLDER --write    puts the sources' code into the pages
#
# On a page, above the block: <!-- snippet: file.cpp#name -->. In examples/snippets/file.cpp: two lines // [name].
# A file without #name is taken whole (the rules file).
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

shown=$(mktemp)
wanted=$(mktemp)
trap 'rm -f "$shown" "$wanted"' EXIT

# The page on stdin with the blocks below markers filled from their sources; complaints go to stderr.
fill() {
  awk -v page="$1" '
    function complain(what) { printf "%s:%d: %s\n", page, FNR, what > "/dev/stderr"; bad = 1 }
    function print_source(reference,    parts, count, file, line, inside, found, indent) {
      count = split(reference, parts, "#")
      file = "examples/snippets/" parts[1]
      inside = count < 2
      while ((getline line < file) > 0) {
        if (count > 1 && index(line, "// [" parts[2] "]")) {
          inside = !inside
          found++
          match(line, /^ */)
          indent = RLENGTH
        } else if (inside) {
          print substr(line, 1, indent) ~ /^ *$/ ? substr(line, indent + 1) : line
        }
      }
      close(file)
      if (count > 1 && found != 2) complain(file " has not two lines // [" parts[2] "]")
    }
    /^<!-- snippet: .* -->$/ { reference = $3; print; next }
    /^```/ && !fenced {
      fenced = 1
      if (reference == "" && $0 == "```cpp") complain("a C++ block without <!-- snippet: file#name --> above it")
      print
      if (reference != "") print_source(reference)
      next
    }
    /^```/ { fenced = 0; reference = ""; print; next }
    reference != "" && fenced { next }
    { if (!fenced && reference != "") complain("no block follows the marker"); print }
    END { exit bad }'
}

while read -r page; do
  fill "$page" <"$page" >"$wanted" 2>"$shown" || while IFS= read -r line; do report "$line"; done <"$shown"
  if [ "${2:-}" = --write ]; then
    cmp -s "$wanted" "$page" || cat "$wanted" >"$page"
  elif ! cmp -s "$wanted" "$page"; then
    line=$(cmp "$wanted" "$page" 2>/dev/null | sed 's/.*line //' || true)
    report "$page:${line:-1}: differs from its source; run tests/lint/check_snippets.sh . --write"
  fi
done < <(find README.md docs/guide -name '*.md' 2>/dev/null | sort)
finish "the rule that snippets are compiled"
