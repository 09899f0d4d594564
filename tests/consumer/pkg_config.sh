#!/usr/bin/env bash
# pkg_config.sh COMPILER PROJECT STAGE LIBDIR OUTPUT: builds and runs the consumer with nothing but pkg-config.
set -euo pipefail
compiler=$1 project=$2 stage=$3 libdir=$4 output=$5

mkdir -p "$output"
# The staged prefix is not the configured one: tell pkg-config where the file really is.
export PKG_CONFIG_PATH="$stage/$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
flags=$(pkg-config --define-variable=libdir="$stage/$libdir" --define-variable=includedir="$stage/include" \
  --cflags --libs weir)
# shellcheck disable=SC2086 # flags are words
"$compiler" -std=c++20 "$project/consumer.cpp" -o "$output/consumer" $flags
LD_LIBRARY_PATH="$stage/$libdir" "$output/consumer"
