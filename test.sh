#!/usr/bin/env bash
# Tests both services from the outside: what is due gets paid, exactly once; on a cluster also that
# it stays so whatever dies, and that nobody gets at what isn't theirs.
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./test.sh [URL | --local | --cluster] [--context NAME]

Adds an unpaid invoice, pays, and checks that every invoice is paid, that the provider's ledger has
exactly one payment with the same amount for each of them, and that paying again changes nothing.
Then prints the paid invoices. Can be run again and again.

URL             of invoice-app, e.g. http://127.0.0.1:8081
--local         invoice-app and payment-provider are started on free ports with temporary databases
                (and built first, if need be)
--cluster       what deploy.sh put on the cluster of kubectl's current context. Checks the pods,
                the replicas, who may reach the provider and what the teams may do, too; deletes all
                pods, twice, once in the middle of a payment run; and works in a namespace of its
                own, which it removes.
--context NAME  kubectl's context for --cluster

Without any of these: --cluster if kubectl finds invoice-app on a cluster, else --local.

Environment:
  PROVIDER_URL         of payment-provider, for the check of the ledger, which is skipped when
                       testing a URL without it
  PROVIDER_TOKEN_FILE  file with the bearer token that payment-provider demands, if it does
  PAY_SECONDS          how long payments may take (default 60)
  POLICY_SECONDS       how long a cluster's network may take to obey a new policy (default 30)
  KILL_INVOICES        how many invoices are being paid when a cluster's pods are killed; the next
                       number is for one that is done with those before its pods are dead
                       (default "20000 60000")

Exit status: 0 passed, 1 failed, 2 wrong usage. The last line says which, and why.
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

# Runs at every exit, so that nothing stays behind and the verdict is the last line.
clean_up() {
  local status=$?
  trap - EXIT INT TERM
  stop_pair
  if [[ -n $work ]]; then
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

# Sets mode, when no argument has, and says what is tested.
choose_target() {
  case $mode in
    url) echo "Testing invoice-app at $INVOICE_URL" ;;
    local) echo "Testing a pair of this machine's own" ;;
    cluster)
      is_deployed || fail "invoice-app can't be found on the cluster: $(kubectl_error)." \
        "Run \"make deploy\" first, or choose the cluster with --context"
      echo "Testing what runs on the cluster of kubectl's context $(context_name)"
      ;;
    '')
      if is_deployed; then
        mode=cluster
        echo "Testing what runs on the cluster of kubectl's context $(context_name)"
      else
        mode=local
        echo "Testing a pair of this machine's own, as there is no cluster with invoice-app:" \
          "$(kubectl_error)"
      fi
      ;;
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
  must "invoice-app answers" await_service
  must "a new invoice is listed once, as it was added and unpaid" add_unpaid_invoice
  must "paying pays all there is" pay_all
  check "the ledger has exactly one payment with the same amount for each" check_ledger
  check "paying again changes nothing" pay_again
}

test_cluster() {
  check "invoice-app has 3 pods, all ready, none restarted" check_pods invoicing invoice-app
  check "payment-provider has 3 pods, all ready, none restarted" check_pods payments payment-provider
  check "both namespaces have the same token in their Secret" read_token
  must "invoice-app can be reached from outside" find_entrance
  test_payments
  check "every replica of invoice-app lists the same" \
    check_replicas invoicing invoice-app 8081 invoices
  check "every replica of payment-provider lists the same" \
    check_replicas payments payment-provider 8082 payments
  check "nothing leads into the provider from outside the cluster" check_no_way_in
  check "the provider wants the token" check_token_is_demanded
  check "a team can do its work, and nothing in the other team's namespace" check_rights
  test_strangers
  check "invoices and ledger outlive all pods" check_all_pods_replaced
  check "pods that die in the middle of a payment run leave each invoice paid once" \
    check_pods_killed_while_paying
}

main() {
  read_arguments "$@"
  trap clean_up EXIT
  trap 'fail "interrupted"' INT TERM
  prepare_checks

  choose_target
  case $mode in
    cluster) test_cluster ;;
    url) test_payments ;;
    local)
      start_own_pair
      test_payments
      ;;
  esac

  print_paid
  if [[ $mode != local ]]; then
    echo "The invoices that this test has added stay: the API has no way to delete one."
  fi
  finished=yes
  [[ $failures -eq 0 ]]
}

main "$@"
