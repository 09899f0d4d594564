#!/usr/bin/env bash
# lint.man: the man pages format without a warning.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

if ! command -v groff >/dev/null; then
  echo "groff is not installed"
  exit 77
fi
while IFS= read -r warning; do report "$warning"; done < <(groff -man -Tutf8 -ww -z docs/man/*.1 2>&1)
finish "man pages groff does not warn of"
