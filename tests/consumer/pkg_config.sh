#!/usr/bin/env bash
# pkg_config.sh COMPILER PROJECT STAGE LIBDIR OUTPUT: builds and runs the consumer with nothing but pkg-config.
set -euo pipefail
compiler=$1 project=$2 stage=$3 libdir=$4 output=$5

mkdir -p "$output"
export PKG_CONFIG_PATH="$stage/$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
flags=$(pkg-config --cflags --libs weir)
# shellcheck disable=SC2086 # flags are words
"$compiler" -std=c++20 "$project/consumer.cpp" -o "$output/consumer" $flags
LD_LIBRARY_PATH="$stage/$libdir" "$output/consumer"
