#!/usr/bin/env bash
# Runs the libFuzzer programs. Each begins with the inputs of fuzz/corpus, and keeps those that it
# adds in the build directory, where its next run finds them.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/fuzz.sh DIRECTORY SECONDS

DIRECTORY  has the programs fuzz-TARGET, built by "make fuzz"
SECONDS    for all targets together; each gets at least one

Environment: JOBS, number of concurrent targets (default 1)
Exit status: 0 no findings, 1 a finding, 2 wrong usage.
END
}

# fuzz PROGRAM SECONDS: runs one target.
fuzz() {
  local program=$1 seconds=$2 name work
  name=$(basename "$program")
  name=${name#fuzz-}
  work=$(dirname "$program")/$name
  mkdir -p "$work/corpus" "$work/findings"
  "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$work/findings/" "$work/corpus" "fuzz/corpus/$name" >"$work/log" 2>&1 || {
    tail -n 40 "$work/log"
    echo "fuzz.sh: FAIL: $name. To repeat it: $program FILE, with the new file in $work/findings." \
      "When the bug is fixed, add this file to fuzz/corpus/$name"
    return 1
  }
  printf '%-16s %12d executions in %d s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")" "$seconds"
}

cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  --one) fuzz "$2" "$3"; exit ;;
esac
[[ $# -eq 2 && -d $1 && $2 =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }

jobs=${JOBS:-1}
programs=("$1"/fuzz-*)
each=$(($2 * jobs / ${#programs[@]}))
[[ $each -ge 1 ]] || each=1
printf '%s\n' "${programs[@]}" | xargs -P "$jobs" -I '{}' scripts/fuzz.sh --one '{}' "$each" || exit 1
