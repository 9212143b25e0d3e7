#!/usr/bin/env bash
# Does the crash suite catch what it is for? Builds the services with each mistake of tests/mutants,
# one at a time, and runs the suite against it, which must find a broken promise.
#
#   scripts/mutants.sh CRASH_PROGRAM [TRIALS [SEED]]
#
# Needs what "make crash" needs. Works in build/mutants; the sources here are left alone.
set -euo pipefail

cd "$(dirname "$0")/.."
crash=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
trials=${2:-100}
seed=${3:-1}
work=$PWD/build/mutants
jobs=$(nproc 2>/dev/null || echo 2)

rm -rf "$work/source"
mkdir -p "$work/source"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$work/source"

# build NAME: the services of $work/source, into $work/build/bin.
build() {
  {
    cmake -S "$work/source" -B "$work/build" --preset faults -DBUILD_TESTING=OFF \
      -DWARNINGS_AS_ERRORS=OFF -DHTTPLIB_INCLUDE_DIR="${HTTPLIB_INCLUDE_DIR:-}" &&
      cmake --build "$work/build" --parallel "$jobs" --target invoice-app payment-provider
  } >"$work/$1.log" 2>&1 || {
    tail -n 30 "$work/$1.log"
    echo "mutants.sh: FAIL: can't build $1"
    exit 1
  }
}

survivors=
for patch in tests/mutants/*.patch; do
  name=$(basename "$patch" .patch)
  patch -s -d "$work/source" -p1 <"$patch"
  build "$name"
  status=0
  "$crash" "$work/build/bin" "$trials" "$seed" >"$work/$name.log" 2>&1 || status=$?
  patch -s -R -d "$work/source" -p1 <"$patch"
  if [[ $status -eq 1 ]]; then
    printf '%-28s caught: %s\n' "$name" "$(sed -n 's/^VIOLATION in \(trial [0-9]*\).*): /\1: /p' "$work/$name.log")"
  else
    survivors="$survivors $name"
    printf '%-28s SURVIVED: %s\n' "$name" "$(tail -n 1 "$work/$name.log")"
  fi
done

if [[ -n $survivors ]]; then
  echo "mutants.sh: FAIL: not caught within $trials trials:$survivors"
  exit 1
fi
echo "mutants.sh: PASS: every mistake was caught"
