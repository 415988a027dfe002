#!/bin/sh
# Feeds ten million changed texts and more to everything that reads text: bench/fuzz.sh [SECONDS [SEED]]
set -eu
cd "$(dirname "$0")/.."
exec cargo run --quiet --release --example fuzz -- "${1:-600}" "${2:-1}"
