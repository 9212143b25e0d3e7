#!/usr/bin/env bash
# Shows in a few seconds what the services do, on free ports and with temporary databases. Exits with
# 0 only if the three invoices of a new database are paid at the end. DATABASE: sqlite (default), or
# postgresql.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/pair.sh
. "$here/pair.sh"

fail() {
  echo "demo.sh: $*" >&2
  exit 1
}

command -v jq >/dev/null || fail 'jq is missing: run "make deps"'

directory=$(mktemp -d "${TMPDIR:-/tmp}/invoice-demo.XXXXXX")
clean_up() {
  trap - EXIT
  trap '' INT TERM # a second Ctrl-C must not end this before all processes have ended
  stop_pair
  rm -rf "$directory"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# show TITLE METHOD URL: prints a curl command and its output.
show() {
  local title=$1 method=$2 url=$3
  printf '\n# %s\n$ curl -X %s %s\n' "$title" "$method" "$url"
  curl -sS --fail-with-body --max-time 30 -X "$method" "$url" |
    jq -c 'if type == "array" then .[] else . end' ||
    fail "$method $url failed; see the answer above"
}

export SEED_INVOICES=true
# The commands below have no token, and the invoices have three currencies.
unset PROVIDER_TOKEN_FILE ACCEPTED_CURRENCIES
start_pair "$directory"
echo "The page is at $INVOICE_URL/ for the second that this runs. To use it: make run"

show "Three invoices, none of them paid" GET "$INVOICE_URL/invoices"
show "Pay all invoices" POST "$INVOICE_URL/invoices/pay"
show "All are paid" GET "$INVOICE_URL/invoices"
show "The provider's ledger has each payment once" GET "$PROVIDER_URL/payments"
show "Paying again pays nothing twice" POST "$INVOICE_URL/invoices/pay"

count() {
  curl -sS --fail --max-time 30 "$1" | jq "$2"
}
paid=$(count "$INVOICE_URL/invoices" 'map(select(.IsPaid)) | length')
payments=$(count "$PROVIDER_URL/payments" length)
echo
[[ $paid -eq 3 ]] || fail "$paid of 3 invoices are paid"
[[ $payments -eq 3 ]] || fail "the ledger has $payments payments instead of 3"
echo "demo.sh: 3 invoices, 3 payments."
