#!/usr/bin/env bash
# Tests scripts/run.sh: a second run in a directory leaves the first one alone, and one after it works.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/run_test.sh BIN_DIR

BIN_DIR  has invoice-app and payment-provider
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '' | -*) usage >&2; exit 2 ;;
esac
BIN_DIR=$(cd "$1" && pwd)
export BIN_DIR
export DATABASE_URL_FILE=/of/another/database # must not be used
export INVOICE_APP_PORT=0 INVOICE_APP_ADMIN_PORT=0 PAYMENT_PROVIDER_PORT=0 PAYMENT_PROVIDER_ADMIN_PORT=0

cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/run-test.XXXXXX")
pid=

clean_up() {
  if [[ -n $pid ]]; then stop; fi
  rm -rf "$work"
}
trap clean_up EXIT

wrong() {
  tail -n 20 "$work"/*.out | sed 's/^/  | /'
  echo "run_test.sh: FAIL: $*"
  exit 1
}

# start NAME: returns when both services are ready. The output goes to $work/NAME.out.
start() {
  local deadline=$((SECONDS + 60))
  : >"$work/$1.out"
  scripts/run.sh "$work/run" >"$work/$1.out" 2>&1 &
  pid=$!
  until grep -qx 'Ctrl-C stops all\.' "$work/$1.out"; do
    kill -0 "$pid" 2>/dev/null || wrong "the $1 run ended"
    [[ $SECONDS -lt $deadline ]] || wrong "the $1 run was not ready"
    sleep 0.1
  done
}

stop() {
  kill "$pid"
  wait "$pid" || wrong "its exit status was $?"
  pid=
}

start first
! timeout 10 scripts/run.sh "$work/run" >"$work/second.out" 2>&1 || wrong "a second run was possible"
grep -q "is in use by process $pid," "$work/second.out" || wrong "the second run does not say why it ends"
for name in invoice-app payment-provider; do
  [[ -s $work/run/$name.log ]] || wrong "the second run removed the log of $name"
done
stop
start third
stop

# What every target of the Makefile that builds the programs begins with, on macOS.
mkdir "$work/bin"
printf '#!/bin/sh\necho Darwin\n' >"$work/bin/uname"
chmod +x "$work/bin/uname"
! PATH=$work/bin:$PATH make --no-print-directory demo >"$work/macos.out" 2>&1 || wrong "it ran on macOS"
grep -q 'only on Linux. Here, use containers: docker compose up' "$work/macos.out" ||
  wrong "it does not say what to use on macOS"

echo "run_test.sh: PASS"
