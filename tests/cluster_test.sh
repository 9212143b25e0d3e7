#!/usr/bin/env bash
# Tests test.sh with a cluster that is one of real processes (tests/support/fake_cluster.py): it
# passes with a good one, and finds whatever is wrong with a bad one.
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

clean_up() {
  # shellcheck disable=SC2086  # several
  kill $jobs 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap clean_up EXIT

# start NAME [FAULTS] [DATABASE]: a cluster, which the tests that follow in this shell are about.
start() {
  export FAKE_CLUSTER=$work/$1.cluster FAULT=${2:-} FAKE_DATABASE=${3:-sqlite}
  mkdir "$FAKE_CLUSTER"
  "${PYTHON3:-python3}" tests/support/fake_cluster.py &
  cluster=$!
  trap 'kill $cluster && wait' EXIT
  until [[ -s $FAKE_CLUSTER/port ]]; do
    kill -0 "$cluster" || exit 1
    sleep 0.1
  done
}

# left_nothing NAME: in the cluster, and of kubectl.
left_nothing() {
  local deadline=$((SECONDS + 10)) left
  while left=$(kubectl left --request-timeout=20s) && [[ -n $left ]]; do
    [[ $SECONDS -lt $deadline ]] || wrong "$1" "it left $left"
    sleep 0.1
  done
  ! grep -F a-token-that-nobody-guesses "$work/$1.out" || wrong "$1" "it printed the token"
}

# With a network like many a developer's.
on_sqlite() {
  start sqlite "no-way-to-node policies-ignored"
  POLICY_SECONDS=1 tests sqlite 0 --cluster
  says sqlite "Testing what runs on the cluster of kubectl's context fake"
  says sqlite 'ok       invoice-app can be reached .*, a forwarded port: .*'
  says sqlite 'SKIPPED  .* does NOT enforce NetworkPolicies: .*'
  says sqlite 'ok       a stranger gets 401 from the provider'
  says sqlite 'ok       each invoice is paid once when all pods die .* ended with (000|202|503)\)'
  says sqlite 'ok       the audit finds no difference .*'
  says sqlite '  I1  12\.15 EUR'
  ends sqlite 'test.sh: PASS: .* 0 failed, 1 skipped; SKIPPED .* NOT enforce .*'
  left_nothing sqlite
}

on_postgresql() {
  local url
  if [[ -z $REAL_KUBECTL ]]; then
    echo "cluster_test.sh: no test on PostgreSQL, because there is no kubectl to render the overlay"
    return
  fi
  start postgresql unspread postgresql
  tests postgresql 1
  says postgresql 'FAILED   the pods of invoice-app .*: all run on one node, .* rollout restart deployment/invoice-app'
  says postgresql 'ok       the pods of payment-provider are spread over the nodes \(on 3 of 3 nodes\)'
  says postgresql 'ok       invoice-app can be reached from outside \(http://127.*, the NodePort\)'
  says postgresql "ok       a stranger can't connect to the provider"
  ends postgresql 'test.sh: FAIL: .* 1 failed, 0 skipped; .*'
  left_nothing postgresql

  # The same services again, as one who has only the URL.
  url=$(sed -n 's/.*(\(http:.*\), the NodePort)/\1/p' "$work/postgresql.out")
  tests again 0 "$url"
  ends again 'test.sh: PASS: .* 0 failed, 1 skipped; SKIPPED the ledger .*: PROVIDER_URL is not set'
}

faults() {
  start faults "unready crashed restarts node-port rights-too-wide replica policy-open loses-invoice \
    loses-payment no-secret no-token-demanded"
  tests faults 1
  says faults 'ok       invoice-app has not crashed \(before this test, .*-0 was restarted, 1 times: .* status 255\)'
  says faults 'FAILED   payment-provider has not crashed: .*-0 was restarted, 1 times: .* status 139; .*'
  says faults 'FAILED   invoice-app has 3 pods.*: .*-0 is not ready;invoice-app-.*-0 was restarted, 1 times.*'
  says faults 'FAILED   both namespaces have the same token .*: namespace payments: .*NotFound.*'
  says faults 'FAILED   all replicas of invoice-app .*: GET /invoices of invoice-app-.*-2 differs .*'
  says faults 'FAILED   all replicas of payment-provider .*: .* of payment-provider-.*-2 differs .*'
  says faults 'FAILED   nothing opens .*: there is: Service payment-provider \(NodePort\);'
  says faults 'FAILED   the provider requires .*: GET .*/payments.limit=1 gave 200 instead of 401.*'
  says faults 'FAILED   each team .*: .* says of team-invoicing yes in payments: delete pods;'
  says faults "ok       a stranger can't call it when a policy forbids it"
  says faults "FAILED   a stranger can't connect to the provider: .* got: reachable"
  says faults 'FAILED   invoices and ledger are unchanged after .*: GET /invoices has changed'
  says faults 'FAILED   each invoice .*: not exactly one payment .* for: I2 .*'
  says faults 'FAILED   the audit .*: its Job failed: .*"PaidWithoutPayment":[1-9].*'
  ends faults 'test.sh: FAIL: .* 12 failed, 0 skipped; first: payment-provider has not .*'
  left_nothing faults
}

REAL_KUBECTL=$(command -v kubectl || true)
export REAL_KUBECTL
mkdir "$work/bin"
ln -s "$PWD/tests/support/fake_kubectl.sh" "$work/bin/kubectl"
PATH=$work/bin:$PATH
export KILL_INVOICES=20000 # so that a payment run is still in progress when pods are deleted
for scenario in on_sqlite on_postgresql faults; do
  $scenario &
  jobs="$jobs $!"
done
for job in $jobs; do wait "$job"; done
jobs=
echo "cluster_test.sh: PASS"
