#!/usr/bin/env bash
# Runs each fuzz target for SECONDS (default 10) from its corpus, with the stable toolchain of this repository: nothing here needs a sanitizer,
# the code under test has no `unsafe`. What is found stays in `fuzz/artifacts/`; new inputs go to `target/`, so the corpus stays small.
#   fuzz/run.sh [SECONDS] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(answer blob_name envelope framing message reply row)
source .ci/tools.sh
# cargo-fuzz instruments with `-Z`-like flags that stable refuses otherwise.
export RUSTC_BOOTSTRAP=1
"$tools/bin/cargo-fuzz" fuzz build --sanitizer none
for target in "${targets[@]}"; do
  printf '\n== fuzz %s, %s s\n' "$target" "$seconds"
  found="fuzz/target/found/$target"
  mkdir -p "$found"
  "$tools/bin/cargo-fuzz" fuzz run --sanitizer none "$target" "$found" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -print_final_stats=1 -verbosity=0 2>&1 |
    sed '/Recommended dictionary/,/End of recommended/d'
done
