#!/bin/sh
# Fuzzes all parsers with more than ten million mutated texts: bench/fuzz.sh [SECONDS [SEED]]
set -eu
cd "$(dirname "$0")/.."
exec cargo run --quiet --release --example fuzz -- "${1:-600}" "${2:-1}"
