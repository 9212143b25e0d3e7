#!/usr/bin/env bash
# Tests a running invoice-app from the outside: what is due gets paid, exactly once.
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./test.sh [URL]

Adds an unpaid invoice, pays, and checks that every invoice is paid, that the provider's ledger has
exactly one payment with the same money for each of them, and that paying again changes nothing.
Then prints the paid invoices. Can be run again and again against the same URL.

URL   of invoice-app, e.g. http://127.0.0.1:8081. Without it, invoice-app and payment-provider are
      started on free ports with temporary databases (and built first, if need be).

Environment:
  PROVIDER_URL         of payment-provider, for the check of the ledger, which is left out when
                       testing a URL without it
  PROVIDER_TOKEN_FILE  file with the bearer token that payment-provider demands, if it does
  PAY_SECONDS          how long payments may take (default 60)

Exit status: 0 passed, 1 failed, 2 wrong usage. The last line says which, and why.
END
}

verdict=
fail() {
  verdict="test.sh: FAIL: $*"
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
work=

# Runs at every exit, so that the verdict is the last line whatever happened.
clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if declare -F stop_pair >/dev/null; then stop_pair; fi
  if [[ -n $work ]]; then rm -rf "$work"; fi
  echo "${verdict:-test.sh: FAIL: stopped by an unexpected error (status $status); see above}"
}

require_tools() {
  local tool
  for tool in curl jq; do
    command -v "$tool" >/dev/null ||
      fail "$tool is missing; install it (on Debian and Ubuntu: make deps), then run this again"
  done
}

# call FILE METHOD URL [BODY]: writes the answer's body to FILE and prints its status; 000 when
# there was no answer.
call() {
  local file=$1 method=$2 url=$3
  local arguments=(-sS -o "$file" -w '%{http_code}' --connect-timeout 5 --max-time 60 -X "$method")
  if [[ $# -gt 3 ]]; then
    arguments+=(-H 'Content-Type: application/json' --data-binary "$4")
  fi
  case $url in
    "${PROVIDER_URL:-none}"/*)
      if [[ -n ${PROVIDER_TOKEN_FILE:-} ]]; then
        # Through a file: arguments can be read by every user of the machine.
        printf 'header = "Authorization: Bearer %s"\n' "$(cat "$PROVIDER_TOKEN_FILE")" \
          >"$work/token.curl"
        arguments+=(-K "$work/token.curl")
      fi
      ;;
  esac
  : >"$file"
  curl "${arguments[@]}" "$url" 2>"$work/curl-error" || true
}

# What a failed call has to say, on one line.
why() {
  tr '\n' ' ' <"$1"
  tr '\n' ' ' <"$work/curl-error"
}

start_own_pair() {
  # shellcheck source=scripts/pair.sh
  . "$here/scripts/pair.sh"
  if [[ ! -x $BIN_DIR/invoice-app || ! -x $BIN_DIR/payment-provider ]]; then
    echo "Building (there is no $BIN_DIR/invoice-app yet)"
    make -C "$here" build || fail "make build failed; see above"
  fi
  start_pair "$work/pair" || fail "invoice-app and payment-provider could not be started; see above"
  INVOICE_URL=${INVOICE_URL%/}
}

await_service() {
  local status deadline=$((SECONDS + 30))
  while true; do
    status=$(call "$work/answer" GET "$INVOICE_URL/invoices")
    if [[ $status == 200 ]]; then return; fi
    if [[ $SECONDS -ge $deadline ]]; then
      fail "GET $INVOICE_URL/invoices gave $status instead of 200 for 30 s: $(why "$work/answer")." \
        "Is invoice-app running there?"
    fi
    sleep 1
  done
}

add_invoice() {
  local id=$1 status
  status=$(call "$work/answer" POST "$INVOICE_URL/invoices" \
    "{\"InvoiceId\":\"$id\",\"Value\":12.15,\"Currency\":\"EUR\"}")
  [[ $status == 201 ]] ||
    fail "adding invoice $id gave $status instead of 201: $(why "$work/answer")"
}

# Pays until the answer is 200; what is still under way, or can't be reached now, gets its time.
pay() {
  local status deadline=$((SECONDS + ${PAY_SECONDS:-60}))
  while true; do
    status=$(call "$work/answer" POST "$INVOICE_URL/invoices/pay")
    case $status in
      200) break ;;
      202 | 503) ;;
      *) fail "POST /invoices/pay gave $status: $(why "$work/answer")" ;;
    esac
    [[ $SECONDS -lt $deadline ]] ||
      fail "not all was paid after ${PAY_SECONDS:-60} s; the last answer was $status:" \
        "$(why "$work/answer")"
    sleep 1
  done
}

# fetch_list FILE URL: a JSON array, one element per line.
fetch_list() {
  local file=$1 url=$2 status
  status=$(call "$work/answer" GET "$url")
  [[ $status == 200 ]] || fail "GET $url gave $status instead of 200: $(why "$work/answer")"
  jq -c 'if type == "array" then .[] else error("not an array") end' "$work/answer" >"$file" 2>&1 ||
    fail "GET $url didn't give a JSON array: $(why "$file")"
}

check_listed_as_unpaid() {
  local id=$1
  jq -e -s --arg id "$id" 'map(select(.InvoiceId == $id)) == [
      {"InvoiceId": $id, "Value": 12.15, "Currency": "EUR", "IsPaid": false}]' \
    "$work/new" >/dev/null ||
    fail "the new invoice $id is not listed once, as it was added and unpaid, in GET /invoices"
}

check_all_paid() {
  local unpaid
  unpaid=$(jq -r 'select(.IsPaid != true) | .InvoiceId' "$work/invoices" | sed -n 1,5p | tr '\n' ' ')
  [[ -z $unpaid ]] || fail "POST /invoices/pay gave 200, but these are not paid: $unpaid"
  jq -e -s --arg id "$1" 'any(.InvoiceId == $id)' "$work/invoices" >/dev/null ||
    fail "the new invoice $1 has vanished from GET /invoices"
}

# Every paid invoice has exactly one payment, with its money. (The ledger may have more: others may
# pay at the same provider.)
check_ledger() {
  local wrong
  wrong=$(jq -r -n --slurpfile invoices "$work/invoices" --slurpfile ledger "$work/ledger" '
    (reduce $ledger[] as $p ({}; .[$p.id] += [{value: $p.value, currency: $p.currency}]))
      as $payments
    | $invoices[]
    | select($payments[.InvoiceId] != [{value: .Value, currency: .Currency}])
    | "\(.InvoiceId) (\(.Value) \(.Currency)): \($payments[.InvoiceId] // [] | tojson)"' |
    sed -n 1,5p | tr '\n' ';')
  [[ -z $wrong ]] || fail "not exactly one payment with the same money in the ledger for: $wrong"
}

print_paid() {
  echo "Paid invoices:"
  jq -r 'select(.IsPaid) | "  \(.InvoiceId)  \(.Value) \(.Currency)"' "$work/invoices"
}

main() {
  case ${1:-} in
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
  esac
  [[ $# -le 1 ]] || { usage >&2; exit 2; }

  trap clean_up EXIT
  trap 'fail "interrupted"' INT TERM
  require_tools
  work=$(mktemp -d "${TMPDIR:-/tmp}/invoice-test.XXXXXX")
  chmod 700 "$work"

  if [[ $# -eq 1 ]]; then
    INVOICE_URL=${1%/}
    PROVIDER_URL=${PROVIDER_URL:-}
    PROVIDER_URL=${PROVIDER_URL%/}
  else
    start_own_pair
  fi
  echo "Testing invoice-app at $INVOICE_URL"
  await_service

  local id
  id="test-$(date +%Y%m%dT%H%M%S)-$$-$RANDOM"
  echo "- adding the unpaid invoice $id"
  add_invoice "$id"
  fetch_list "$work/new" "$INVOICE_URL/invoices"
  check_listed_as_unpaid "$id"

  echo "- paying"
  pay
  fetch_list "$work/invoices" "$INVOICE_URL/invoices"
  check_all_paid "$id"

  local ledger="ledger not checked: PROVIDER_URL is not set"
  if [[ -n $PROVIDER_URL ]]; then
    echo "- checking the ledger of payment-provider at $PROVIDER_URL"
    fetch_list "$work/ledger" "$PROVIDER_URL/payments"
    check_ledger
    ledger="one payment each in the ledger"
  fi

  echo "- paying again"
  pay
  fetch_list "$work/invoices-again" "$INVOICE_URL/invoices"
  cmp -s "$work/invoices" "$work/invoices-again" || fail "paying again changed GET /invoices"
  if [[ -n $PROVIDER_URL ]]; then
    fetch_list "$work/ledger-again" "$PROVIDER_URL/payments"
    cmp -s "$work/ledger" "$work/ledger-again" || fail "paying again changed the ledger"
  fi

  print_paid
  verdict="test.sh: PASS ($(wc -l <"$work/invoices" | tr -d ' ') invoices paid, $ledger)"
}

main "$@"
