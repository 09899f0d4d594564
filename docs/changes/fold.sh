#!/usr/bin/env bash
# fold.sh VERSION [DATE]: moves docs/changes/unreleased/*/*.md into a section of CHANGELOG.md. Commits nothing.
set -euo pipefail
cd "${WEIR_FOLD_ROOT:-$(dirname "$0")/../..}"
version=${1:?usage: fold.sh VERSION [DATE]}
date=${2:-$(date +%F)}
marker='<!-- releases -->'

grep -qxF "$marker" CHANGELOG.md || { echo "fold.sh: CHANGELOG.md has no line '$marker'" >&2 && exit 1; }
if grep -qF "## $version " CHANGELOG.md; then echo "fold.sh: CHANGELOG.md already has $version" >&2 && exit 1; fi

section=$(mktemp)
trap 'rm -f "$section"' EXIT
folded=()
printf '\n## %s (%s)\n' "$version" "$date" >"$section"
for kind in added changed fixed removed; do
  files=()
  for file in docs/changes/unreleased/"$kind"/*.md; do
    if [ -e "$file" ]; then files+=("$file"); fi
  done
  [ ${#files[@]} -gt 0 ] || continue
  printf '\n### %s\n\n' "${kind^}" >>"$section"
  for file in "${files[@]}"; do
    # One item per file: its lines, the later ones indented.
    sed -e '/^[[:space:]]*$/d' -e '1s/^/- /' -e '2,$s/^/  /' "$file" >>"$section"
  done
  folded+=("${files[@]}")
done
[ ${#folded[@]} -gt 0 ] || { echo "fold.sh: nothing is unreleased" >&2 && exit 1; }

sed -i "/^$marker\$/r $section" CHANGELOG.md
rm "${folded[@]}"
echo "folded ${#folded[@]} change(s) into CHANGELOG.md as $version"
