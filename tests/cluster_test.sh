#!/usr/bin/env bash
# Tests test.sh with a cluster that is one of real processes (tests/support/fake_cluster.py): it
# passes with a good one, again and again, and finds whatever is wrong with a bad one.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/cluster_test.sh BIN_DIR

BIN_DIR  has invoice-app and payment-provider

Environment: PYTHON3, a python3 that has PyYAML
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '' | -*) usage >&2; exit 2 ;;
esac
BIN_DIR=$(cd "$1" && pwd)
export BIN_DIR

cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/cluster-test.XXXXXX")
chmod 711 "$work" # PostgreSQL's user must reach its directory
jobs=
# shellcheck source=tests/support/test_sh.sh
. tests/support/test_sh.sh

fake_cluster() { "${PYTHON3:-python3}" tests/support/fake_cluster.py "$@"; }

clean_up() {
  local cluster
  if [[ -n $jobs ]]; then
    # shellcheck disable=SC2086  # several
    kill $jobs 2>/dev/null || true
    wait
  fi
  for cluster in "$work"/*.cluster; do
    if [[ -d $cluster ]]; then FAKE_CLUSTER=$cluster fake_cluster down; fi
  done
  rm -rf "$work"
}
trap clean_up EXIT

# start NAME [FAULTS] [DATABASE]: a cluster, which the tests that follow in this shell are about.
start() {
  export FAKE_CLUSTER=$work/$1.cluster FAULT=${2:-} FAKE_DATABASE=${3:-sqlite}
  fake_cluster up
}

# left_nothing NAME: in the cluster, and of kubectl.
left_nothing() {
  local deadline=$((SECONDS + 10))
  ! ls "$FAKE_CLUSTER"/objects/-/Namespace/invoice-test* 2>/dev/null ||
    wrong "$1" "its namespace is still there"
  while ls "$FAKE_CLUSTER"/forward-* >/dev/null 2>&1; do
    [[ $SECONDS -lt $deadline ]] || wrong "$1" "a kubectl port-forward is still running"
    sleep 0.1
  done
  ! ls "$FAKE_CLUSTER"/objects/invoicing/Job/* 2>/dev/null || wrong "$1" "its Job is still there"
  ! grep -F a-token-that-nobody-guesses "$work/$1.out" || wrong "$1" "it printed the token"
}

good_cluster() {
  start good
  tests good 0
  says good "Testing what runs on the cluster of kubectl's context fake"
  says good 'ok       invoice-app can be reached from outside \(http://127.*, the NodePort\)'
  says good "ok       a stranger can't connect to the provider"
  says good 'ok       each invoice is paid once when all pods die .* \(of 20000; .* ended with (000|202|503)\)'
  says good 'ok       the audit finds no difference \([0-9]* paid invoices, [0-9]* payments .*\)'
  says good '  I1  12\.15 EUR'
  ends good 'test.sh: PASS: [1-9][0-9]* checks passed, 0 failed, 0 skipped'
  left_nothing good

  # The same cluster again, now with a network like many a developer's.
  FAULT="no-way-to-node policies-ignored" POLICY_SECONDS=1 tests again 0 --cluster
  says again 'ok       invoice-app can be reached .*, a forwarded port: .*'
  says again 'SKIPPED  .*: .* does NOT enforce NetworkPolicies: .* its result is still: reachable'
  says again 'ok       a stranger gets 401 from the provider'
  ends again 'test.sh: PASS: [1-9][0-9]* checks passed, 0 failed, 1 skipped; SKIPPED .* NOT enforce .*'
  left_nothing again
}

on_postgresql() {
  if [[ -z $REAL_KUBECTL ]]; then
    echo "cluster_test.sh: no test on PostgreSQL, because there is no kubectl to render the overlay"
    return
  fi
  start postgresql '' postgresql
  tests postgresql 0
  says postgresql 'ok       the pods of invoice-app are spread over the nodes \(on 3 of 3 nodes\)'
  says postgresql 'ok       the pods of payment-provider are spread over the nodes .*'
  says postgresql "ok       a stranger can't connect to the provider"
  says postgresql 'ok       each invoice is paid once when all pods die .*'
  ends postgresql 'test.sh: PASS: [1-9][0-9]* checks passed, 0 failed, 0 skipped'
  left_nothing postgresql

  FAULT=unspread KILL_INVOICES=1 tests unspread 1
  says unspread 'FAILED   the pods of invoice-app .*: all run on one node, .* rollout restart deployment/invoice-app'
  left_nothing unspread
}

faults_of_pods_and_objects() {
  start objects "unready crashed restarts node-port rights-too-wide replica policy-open loses-invoice \
    loses-payment"
  tests objects 1
  says objects 'FAILED   invoice-app has 3 pods.*: .*-0 is not ready;invoice-app-.*-0 was restarted, 1 times.*'
  says objects 'FAILED   payment-provider has not crashed: .*-0 was restarted, 1 times: Error, exit status 139; .*'
  says objects 'FAILED   all replicas of invoice-app .*: GET /invoices of invoice-app-.*-2 differs .*'
  says objects 'FAILED   all replicas of payment-provider .*: .* of payment-provider-.*-2 differs .*'
  says objects 'FAILED   nothing opens .*: there is: Service payment-provider \(NodePort\);'
  says objects 'FAILED   each team .*: .* says of team-invoicing yes in payments: delete pods;'
  says objects "ok       a stranger can't call it when a policy forbids it"
  says objects "FAILED   a stranger can't connect to the provider: .* got: HTTP 401: .*"
  says objects 'FAILED   invoices and ledger are unchanged after .*: GET /invoices has changed'
  says objects 'FAILED   each invoice .*: not exactly one payment .* for: I2 .*10\.25.*: \[\].*'
  says objects 'FAILED   the audit .*: its Job failed: .*"Result":"different".*"PaidWithoutPayment":[1-9].*'
  ends objects 'test.sh: FAIL: [1-9][0-9]* checks passed, 10 failed, 0 skipped; first: payment-provider has not .*'
  left_nothing objects
}

faults_of_the_token() {
  start token "node-restarted no-secret no-token-demanded policies-ignored"
  POLICY_SECONDS=1 tests token 1
  says token 'ok       invoice-app has not crashed \(before this test, .*-0 was restarted, 1 times: Error, exit status 255\)'
  says token 'FAILED   both namespaces have the same token .*: namespace payments: .*NotFound.*'
  says token 'FAILED   the provider requires .*: GET .*/payments.limit=1 gave 200 instead of 401.*'
  says token 'FAILED   a stranger gets 401 from the provider: .* got: reachable'
  ends token 'test.sh: FAIL: [1-9][0-9]* checks passed, 3 failed, 1 skipped; first: both namespaces .*'
  left_nothing token
}

REAL_KUBECTL=$(command -v kubectl || true)
export REAL_KUBECTL
mkdir "$work/bin"
ln -s "$PWD/tests/support/fake_kubectl.sh" "$work/bin/kubectl"
PATH=$work/bin:$PATH
export KILL_INVOICES=20000 # so that a payment run is still in progress when pods are deleted
for scenario in good_cluster on_postgresql faults_of_pods_and_objects faults_of_the_token; do
  $scenario &
  jobs="$jobs $!"
done
for job in $jobs; do wait "$job"; done
jobs=
echo "cluster_test.sh: PASS"
