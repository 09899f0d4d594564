#!/usr/bin/env bash
# lint.words: nothing in the repository knows the machine it was written on.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

words='(^|[^[:alnum:]_.])/(wor[k]|roo[t]|hom[e]/[a-z]+|tmp/buil[d]|tmp/brie[f])(/|$|[^[:alnum:]_-])'
while IFS= read -r hit; do report "$hit"; done < <(
  grep -rnIE --exclude-dir=.git --exclude-dir=build --exclude-dir=.cache "$words" . | sed 's|^\./||'
)
finish "no paths of one machine"
