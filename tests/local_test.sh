#!/usr/bin/env bash
# Tests test.sh without a cluster: it passes with a good pair, and finds each mistake of a bad one.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/local_test.sh BIN_DIR

BIN_DIR  has invoice-app and payment-provider
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '' | -*) usage >&2; exit 2 ;;
esac
BIN_DIR=$(cd "$1" && pwd)
export BIN_DIR

cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/local-test.XXXXXX")
pid=
# shellcheck source=tests/support/test_sh.sh
. tests/support/test_sh.sh

clean_up() {
  if [[ -n $pid ]]; then kill "$pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT

# finds MISTAKE PATTERN: of the last line.
finds() {
  mkfifo "$work/port"
  "${PYTHON3:-python3}" tests/support/fake_pair.py "$1" >"$work/port" &
  pid=$!
  read -r port <"$work/port"
  rm "$work/port"
  PAY_SECONDS=1 PROVIDER_URL=http://127.0.0.1:$port \
    tests "$1" "$([[ $1 == none ]] && echo 0 || echo 1)" "http://127.0.0.1:$port"
  ends "$1" "$2"
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  pid=
}

# kubectl_fails MESSAGE
kubectl_fails() {
  mkdir -p "$work/bin"
  printf '#!/bin/sh\necho "%s" >&2\nexit 1\n' "$1" >"$work/bin/kubectl"
  chmod +x "$work/bin/kubectl"
  PATH=$work/bin:$PATH
}

# own_program NAME: starts the program of that name, whose process id stays known.
own_program() {
  printf '#!/bin/sh\necho $$ >>"%s"\nexec "%s" "$@"\n' "$work/pids" "$BIN_DIR/$1" >"$work/pair/$1"
  chmod +x "$work/pair/$1"
}

mkdir "$work/pair"
own_program invoice-app
own_program payment-provider
BIN_DIR=$work/pair tests own-pair 0 --local
[[ $(wc -l <"$work/pids") -eq 2 ]] || wrong own-pair "it didn't start two programs"
while read -r pid; do
  ! kill -0 "$pid" 2>/dev/null || wrong own-pair "it left a program running"
done <"$work/pids"
pid=
says own-pair "Testing two processes on this machine"
says own-pair '  I1  12\.15 EUR'
ends own-pair 'test.sh: PASS: [1-9][0-9]* checks passed, 0 failed, 0 skipped'

kubectl_fails "no cluster here"
tests without-cluster 0
says without-cluster "Testing two processes .*, because no cluster has invoice-app: no cluster here"
tests cluster-wanted 1 --cluster
ends cluster-wanted "test.sh: FAIL: .* can't be found on the cluster: no cluster here\. .*"

tests two-modes 2 --local http://127.0.0.1:1
tests context-of-nothing 2 --local --context minikube
tests unknown-option 2 --bogus

finds none 'test.sh: PASS: [1-9][0-9]* checks passed, 0 failed, 0 skipped'
finds pays-nothing 'test.sh: FAIL: .*POST /invoices/pay gave 200, but there are: 1 unpaid.*'
finds never-ends 'test.sh: FAIL: .*not everything was paid after 1 s; the last response was 202.*'
finds refuses 'test.sh: FAIL: .*POST /invoices/pay gave 502.*'
finds loses-invoice 'test.sh: FAIL: .*the new invoice test-.* is not listed once, unchanged and paid.*'
finds lists-less 'test.sh: FAIL: .*the new invoice test-.* is missing in GET /invoices.*'
finds drops-new 'test.sh: FAIL: .*is not listed once, unchanged and unpaid.*'
finds adds-twice 'test.sh: FAIL: .*is not listed once, unchanged and unpaid.*'
finds paid-at-once 'test.sh: FAIL: .*is not listed once, unchanged and unpaid.*'
finds pays-twice 'test.sh: FAIL: .*not exactly one payment with the same amount .*'
finds no-payment 'test.sh: FAIL: .*not exactly one payment with the same amount .*'
finds different-amount 'test.sh: FAIL: .*not exactly one payment with the same amount .*'
finds pays-again 'test.sh: FAIL: .*the ledger has changed'

echo "local_test.sh: PASS"
