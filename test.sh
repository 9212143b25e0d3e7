#!/usr/bin/env bash
# Tests both services from the outside: each invoice gets paid exactly once. On a cluster also: this is
# true when pods die, and access from outside, from other pods and between teams is denied.
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./test.sh [URL | --local | --cluster] [--context NAME]

Adds an invoice, which stays, and pays ALL unpaid invoices. Checks that every invoice is paid, that the
ledger of the provider has exactly one payment with the same amount for each, and that a second request
changes nothing. Then prints the paid invoices. Can be run repeatedly. Fails if the provider refuses one.

URL             tests the invoice-app at this URL; for example http://127.0.0.1:8081
--local         starts invoice-app and payment-provider on free ports with temporary databases, and
                tests them (builds them first, if necessary)
--cluster       tests the deployment on the cluster of kubectl's current context. Also checks the pods,
                their nodes (on PostgreSQL), the replicas, access to the provider and the rights of the
                teams. Deletes all pods, twice, the second time during a payment run, and runs the audit.
                Creates and removes a namespace and a Job of its own.
--context NAME  like --cluster, with this kubectl context

The default is --cluster if kubectl finds invoice-app on a cluster, otherwise --local.

Environment:
  PROVIDER_URL         URL of payment-provider. If a URL is tested without it, the check of the ledger
                       is skipped
  PROVIDER_TOKEN_FILE  file with the bearer token that payment-provider requires, if it does
  PAY_SECONDS          how long payments may take (default 60)
  POLICY_SECONDS       how long a cluster's network may take to apply a new policy (default 30)
  KILL_INVOICES        how many unpaid invoices there are when the pods of a cluster are killed. If all
                       of them are paid before the pods are dead, the next number is tried
                       (default "60000 200000")

Exit status: 0 passed, 1 failed, 2 wrong usage. The last line has the result, and the reason.
END
}

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/checks.sh
. "$here/scripts/checks.sh"
# shellcheck source=scripts/pair.sh
. "$here/scripts/pair.sh"
# shellcheck source=scripts/cluster.sh
. "$here/scripts/cluster.sh"
# shellcheck source=scripts/cluster-checks.sh
. "$here/scripts/cluster-checks.sh"
# shellcheck source=scripts/stranger-checks.sh
. "$here/scripts/stranger-checks.sh"

mode=
context=

# Runs at every exit. Removes everything temporary; the last line is the result.
clean_up() {
  local status=$?
  trap - EXIT INT TERM
  stop_pair
  if [[ -n $work ]]; then
    remove_audit
    remove_stranger_namespace
    stop_forwards
    print_verdict "$status"
    rm -rf "$work"
  fi
}

wrong_usage() {
  echo "test.sh: $*; see ./test.sh --help" >&2
  exit 2
}

read_arguments() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --context)
        [[ -n ${2:-} ]] || wrong_usage "--context needs a name"
        context=$2
        shift
        ;;
      --local | --cluster)
        [[ -z $mode || $mode == "${1#--}" ]] || wrong_usage "$1 and $mode exclude each other"
        mode=${1#--}
        ;;
      -* | '') wrong_usage "unknown option \"$1\"" ;;
      *)
        [[ -z $mode ]] || wrong_usage "$1 and $mode exclude each other"
        mode=url
        INVOICE_URL=${1%/}
        ;;
    esac
    shift
  done
  if [[ -n $context ]]; then
    [[ -z $mode || $mode == cluster ]] || wrong_usage "--context is for --cluster"
    mode=cluster
  fi
}

# Sets mode if no argument has set it, and prints what is tested.
choose_target() {
  local wanted=$mode because=
  if [[ -z $mode || $mode == cluster ]]; then
    mode=cluster
    if ! is_deployed; then
      [[ -z $wanted ]] || fail "invoice-app can't be found on the cluster: $(kubectl_error)." \
        "Run \"make deploy\" first, or choose the cluster with --context"
      mode=local
      because=", because no cluster has invoice-app: $(kubectl_error)"
    fi
  fi
  case $mode in
    url) echo "Testing invoice-app at $INVOICE_URL" ;;
    local) echo "Testing two processes on this machine$because" ;;
    cluster) echo "Testing what runs on the cluster of kubectl's context $(context_name)" ;;
  esac
}

start_own_pair() {
  if [[ ! -x $BIN_DIR/invoice-app || ! -x $BIN_DIR/payment-provider ]]; then
    echo "Building (there is no $BIN_DIR/invoice-app yet)"
    make -C "$here" build || fail "make build failed; see above"
  fi
  start_pair "$work/pair" || fail "invoice-app and payment-provider could not be started; see above"
}

test_payments() {
  must "invoice-app responds" await_service
  must "a new invoice is listed once, unchanged and unpaid" add_unpaid_invoice
  must "a request to pay pays all invoices" pay_all
  check "the ledger has exactly one payment with the same amount for each" check_ledger
  check "a second request to pay changes nothing" pay_again
}

test_cluster() {
  check "invoice-app has not crashed" note_restarts invoicing invoice-app
  check "payment-provider has not crashed" note_restarts payments payment-provider
  check "invoice-app has 3 pods, all ready" check_pods invoicing invoice-app
  check "payment-provider has 3 pods, all ready" check_pods payments payment-provider
  if uses_postgresql invoicing invoice-app; then
    check "the pods of invoice-app are spread over the nodes" check_nodes invoicing invoice-app
    check "the pods of payment-provider are spread over the nodes" check_nodes payments payment-provider
  fi
  check "both namespaces have the same token in their Secret" read_token
  must "invoice-app can be reached from outside" find_entrance
  test_payments
  check "all replicas of invoice-app list the same" \
    check_replicas invoicing invoice-app 8081 invoices
  check "all replicas of payment-provider list the same" \
    check_replicas payments payment-provider 8082 payments
  check "nothing opens the provider to the outside of the cluster" check_no_way_in
  check "the provider requires the token" check_token_is_demanded
  check "each team has its rights, and none in the other team's namespace" check_rights
  test_strangers
  check "invoices and ledger are unchanged after all pods were deleted" check_all_pods_replaced
  check "each invoice is paid once when all pods die during a payment run" \
    check_pods_killed_while_paying
  check "the audit finds no difference" check_audit
}

main() {
  read_arguments "$@"
  trap clean_up EXIT
  trap 'fail "interrupted"' INT TERM
  prepare_checks

  choose_target
  if [[ $mode == local ]]; then start_own_pair; fi
  if [[ $mode == cluster ]]; then test_cluster; else test_payments; fi

  print_paid
  if [[ $mode != local ]]; then
    echo "The invoices that this test has added stay, because the API cannot delete them."
  fi
  finished=yes
  [[ $failures -eq 0 ]]
}

main "$@"
