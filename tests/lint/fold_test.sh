#!/usr/bin/env bash
# lint.fold: docs/changes/fold.sh moves every changes file into one section, once.
set -euo pipefail
fold=$(cd "$(dirname "$0")/../.." && pwd)/docs/changes/fold.sh
WEIR_FOLD_ROOT=$(mktemp -d)
export WEIR_FOLD_ROOT
trap 'rm -rf "$WEIR_FOLD_ROOT"' EXIT
cd "$WEIR_FOLD_ROOT"

mkdir -p docs/changes/unreleased/{added,changed,fixed,removed}
printf '# Changelog\n\n<!-- releases -->\n\n## 0.1.0 (2000-01-01)\n' >CHANGELOG.md
if "$fold" 0.2.0 2000-02-02 2>/dev/null; then echo "folded nothing into a release" && exit 1; fi
printf 'A thing.\nMore of it. #1\n' >docs/changes/unreleased/added/thing.md
printf 'No more crash. #2\n' >docs/changes/unreleased/fixed/crash.md
"$fold" 0.2.0 2000-02-02 >/dev/null
diff CHANGELOG.md - <<'EOF'
# Changelog

<!-- releases -->

## 0.2.0 (2000-02-02)

### Added

- A thing.
  More of it. #1

### Fixed

- No more crash. #2

## 0.1.0 (2000-01-01)
EOF
[ -z "$(find docs -name '*.md')" ] || { echo "changes files are left" && exit 1; }
printf 'Again. #3\n' >docs/changes/unreleased/fixed/again.md
if "$fold" 0.2.0 2>/dev/null; then echo "the same version twice" && exit 1; fi
