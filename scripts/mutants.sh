#!/usr/bin/env bash
# Tests the crash suite: builds the services with the mistakes of tests/mutants, one at a time, and runs
# the suite, which must find a broken promise each time.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/mutants.sh CRASH_PROGRAM [TRIALS [SEED]]

CRASH_PROGRAM  the crash suite, built by "make faults"
TRIALS         number of trials in which each mistake must be caught (default 100)
SEED           seed of the trials (default 1)

Works in build/mutants, and keeps a log for each mistake there. The sources are not changed.
Exit status: 0 all were caught, 1 one was not caught or does not build, 2 wrong usage.
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
esac

crash=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
trials=${2:-100}
seed=${3:-1}
cd "$(dirname "$0")/.."
work=$PWD/build/mutants
source=$work/source
jobs=$(nproc 2>/dev/null || echo 2)

rm -rf "$source"
mkdir -p "$source"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$source"

# build NAME: builds the services in $source. ccache has the files that the mistake does not change.
build() {
  (
    cd "$source"
    export CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=1
    cmake --preset faults -DBUILD_TESTING=OFF -DHTTPLIB_DOWNLOAD_DIR="$work/../httplib" \
      -DHTTPLIB_INCLUDE_DIR="${HTTPLIB_INCLUDE_DIR:-}" &&
      cmake --build --preset faults --parallel "$jobs" --target invoice-app payment-provider
  ) >"$work/$1.log" 2>&1 || {
    tail -n 30 "$work/$1.log"
    echo "mutants.sh: FAIL: can't build $1. If the sources have changed, update tests/mutants/$1.patch"
    exit 1
  }
}

survivors=
for patch in tests/mutants/*.patch; do
  name=$(basename "$patch" .patch)
  started=$SECONDS
  patch -s -d "$source" -p1 <"$patch" || {
    echo "mutants.sh: FAIL: $patch does not apply to the sources any more"
    exit 1
  }
  build "$name"
  built=$SECONDS
  status=0
  "$crash" "$source/build/faults/bin" "$trials" "$seed" >"$work/$name.log" 2>&1 || status=$?
  patch -s -R -d "$source" -p1 <"$patch"
  times="built in $((built - started)) s, ran $((SECONDS - built)) s"
  if [[ $status -eq 1 ]]; then
    printf '%-28s caught (%s): %s\n' "$name" "$times" \
      "$(sed -n 's/^VIOLATION in \(trial [0-9]*\).*): /\1: /p' "$work/$name.log")"
  else
    survivors="$survivors $name"
    printf '%-28s SURVIVED (%s): %s\n' "$name" "$times" "$(tail -n 1 "$work/$name.log")"
  fi
done

if [[ -n $survivors ]]; then
  echo "mutants.sh: FAIL: not caught within $trials trials:$survivors"
  exit 1
fi
echo "mutants.sh: PASS: every mistake was caught"
