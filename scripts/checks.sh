# shellcheck shell=bash disable=SC2034,SC2154 # variables of the files that are sourced together
# Functions that run checks, and the checks that need only the URLs of the services. test.sh sources
# this file. Works in bash 3.2.
#
#   check NAME COMMAND...  runs the command and prints a line with its result. The command runs in a
#                          subshell, so it passes data to other checks in files in $work.
#   must NAME COMMAND...   the same, and ends the test if it fails
#   fail, skip, note       used by the command of a check: the reason for a failure, the reason for a
#                          skip (both end the command), or additional information
#
# Bash ignores "set -e" in $(…) and in conditions. Commands there must end with fail, or their status
# must be checked.

work=       # directory for temporary files; set by prepare_checks
id=         # id of the invoice that this run adds
finished=   # "yes" when all checks have run
outcome=    # result of the last check: ok, skipped or failed
passed=0
failures=0
skipped=0
readonly SKIP_STATUS=77
readonly MAX_PRINTED=20

fail() {
  if [[ -z $work ]]; then
    echo "test.sh: FAIL: $*"
  else
    echo "$*" >"$work/said"
  fi
  exit 1
}

skip() {
  echo "$*" >"$work/said"
  exit "$SKIP_STATUS"
}

note() { echo "$*" >"$work/said"; }

prepare_checks() {
  local tool
  for tool in curl jq; do
    command -v "$tool" >/dev/null ||
      fail "$tool is missing; install it (on Debian and Ubuntu: make deps), then run this again"
  done
  work=$(mktemp -d "${TMPDIR:-/tmp}/invoice-test.XXXXXX")
  chmod 700 "$work"
  : >"$work/said"
  : >"$work/token.curl"
  : >"$work/failures"
  : >"$work/skips"
  id="test-$(date +%Y%m%dT%H%M%S)-$$-$RANDOM"
  INVOICE_URL=${INVOICE_URL:-}
  PROVIDER_URL=${PROVIDER_URL:-}
  PROVIDER_URL=${PROVIDER_URL%/}
  if [[ -n ${PROVIDER_TOKEN_FILE:-} ]]; then use_token "$PROVIDER_TOKEN_FILE"; fi
}

# Passes the token in FILE to curl in a file: every user of the machine can read arguments.
use_token() { printf 'header = "Authorization: Bearer %s"\n' "$(cat "$1")" >"$work/token.curl"; }

check() {
  local name=$1 status
  shift
  : >"$work/said"
  set +e # bash ignores set -e inside of "check || …"
  (set -e && "$@")
  status=$?
  set -e
  case $status in
    0)
      outcome=ok
      passed=$((passed + 1))
      echo "ok       $name$(sed 's/.*/ (&)/' "$work/said")"
      ;;
    "$SKIP_STATUS")
      outcome=skipped
      skipped=$((skipped + 1))
      echo "$name: $(cat "$work/said")" >>"$work/skips"
      echo "SKIPPED  $name: $(cat "$work/said")"
      ;;
    *)
      outcome=failed
      failures=$((failures + 1))
      [[ -s $work/said ]] || note "stopped by an unexpected error (status $status); see above"
      echo "$name: $(cat "$work/said")" >>"$work/failures"
      echo "FAILED   $name: $(cat "$work/said")"
      ;;
  esac
  : >"$work/said"
}

must() {
  check "$@"
  if [[ $outcome != ok ]]; then fail "the other checks need this one"; fi
}

# print_verdict STATUS: the last line. STATUS is the shell's.
print_verdict() {
  local counts="$passed checks passed, $failures failed, $skipped skipped"
  if [[ $failures -gt 0 ]]; then
    echo "test.sh: FAIL: $counts; first: $(head -n 1 "$work/failures")"
  elif [[ -z $finished ]]; then
    [[ -s $work/said ]] || note "stopped by an unexpected error (status $1); see above"
    echo "test.sh: FAIL: $(cat "$work/said") ($counts)"
  else
    echo "test.sh: PASS: $counts$(sed 's/^/; SKIPPED /' "$work/skips" | tr -d '\n')"
  fi
}

# await SECONDS COMMAND...: repeats the command until it succeeds. Fails after this time.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [[ $SECONDS -lt $deadline ]] || return 1
    sleep 0.3
  done
}

# call FILE METHOD URL [CURL'S ARGUMENTS...]: writes the body of the response to FILE and prints the
# status; 000 if there was no response.
call() {
  local file=$1 method=$2 url=$3
  shift 3
  : >"$file"
  curl -sSg -o "$file" -w '%{http_code}' --connect-timeout 5 --max-time 60 -X "$method" "$@" "$url" \
    2>"$work/curl-error" || true
}

# why FILE: prints the reason of a failed call on one line.
why() {
  head -c 500 "$1" | tr '\n' ' '
  tr '\n' ' ' <"$work/curl-error"
}

# expect STATUS METHOD URL [CURL'S ARGUMENTS...]: writes the body of the response to $work/answer.
expect() {
  local expected=$1 status
  shift
  status=$(call "$work/answer" "$@")
  [[ $status == "$expected" ]] ||
    fail "$1 $2 gave $status instead of $expected: $(why "$work/answer")"
}

# add_invoices URL: adds those of standard input.
add_invoices() {
  expect 201 POST "$1/invoices" -H 'Content-Type: application/json' --data-binary @-
}

# fetch_list FILE URL [CURL'S ARGUMENTS...]: writes a JSON array to FILE, one element per line.
fetch_list() {
  local file=$1 url=$2
  shift 2
  expect 200 GET "$url" "$@"
  jq -c 'if type == "array" then .[] else error("not an array") end' "$work/answer" >"$file" 2>&1 ||
    fail "GET $url didn't give a JSON array: $(why "$file")"
}

# fetch_both WHEN: writes both lists to $work/invoices-WHEN and $work/payments-WHEN.
fetch_both() {
  fetch_list "$work/invoices-$1" "$INVOICE_URL/invoices"
  [[ -n $PROVIDER_URL ]] || return 0
  fetch_list "$work/payments-$1" "$PROVIDER_URL/payments" -K "$work/token.curl"
}

# check_unchanged WHEN: between WHEN and now.
check_unchanged() {
  fetch_both again
  cmp -s "$work/invoices-$1" "$work/invoices-again" || fail "GET /invoices has changed"
  [[ -z $PROVIDER_URL ]] || cmp -s "$work/payments-$1" "$work/payments-again" ||
    fail "the ledger has changed"
}

# Sets INVOICE_URL and PROVIDER_URL; call it before using them. On a cluster they change when pods die.
connect() { if [[ $mode == cluster ]]; then connect_to_cluster; fi; }

answers_invoices() { [[ $(call "$work/answer" GET "$INVOICE_URL/invoices?limit=1") == 200 ]]; }

await_service() {
  connect
  await 30 answers_invoices ||
    fail "GET $INVOICE_URL/invoices didn't give 200 for 30 s: $(why "$work/answer")." \
      "Is invoice-app running there?"
}

# pay SECONDS STATUSES: repeats the request until its status is 200, while it is one of STATUSES.
pay() {
  local deadline=$((SECONDS + $1)) status
  while true; do
    status=$(call "$work/answer" POST "$INVOICE_URL/invoices/pay")
    case " $2 " in
      *" $status "*) ;;
      *)
        [[ $status == 200 ]] || fail "POST /invoices/pay gave $status: $(why "$work/answer")"
        return
        ;;
    esac
    [[ $SECONDS -lt $deadline ]] ||
      fail "not everything was paid after $1 s; the last response was $status: $(why "$work/answer")"
    sleep 1
  done
}

# check_new_invoice STATUS: of the invoice that this run has added.
check_new_invoice() {
  fetch_list "$work/new" "$INVOICE_URL/invoices?prefix=$id"
  [[ $(jq -c '[.InvoiceId, .Value, .Currency, .Status]' "$work/new") == "[\"$id\",12.15,\"EUR\",\"$1\"]" ]] ||
    fail "the new invoice $id is not listed once, unchanged and $1: $(tr '\n' ' ' <"$work/new")"
}

check_all_paid() {
  local others
  fetch_list "$work/summary" "$INVOICE_URL/summary"
  others=$(jq -r 'select(.Status != "paid" and .Count > 0) | "\(.Count) \(.Status)"' \
    "$work/summary" | tr '\n' ' ')
  [[ -z $others ]] || fail "POST /invoices/pay gave 200, but there are: $others"
  check_new_invoice paid
}

# check_paid_once WHEN: each invoice has exactly one payment with the same amount. The ledger may have
# other payments, because other clients may use the same provider.
check_paid_once() {
  local wrong
  wrong=$(jq -r -n --slurpfile invoices "$work/invoices-$1" --slurpfile ledger "$work/payments-$1" '
    ($ledger | group_by(.id) | map({(.[0].id): map([.value, .currency])}) | add // {}) as $payments
    | $invoices[]
    | select($payments[.InvoiceId] != [[.Value, .Currency]])
    | "\(.InvoiceId) \([.Value, .Currency] | tojson): \($payments[.InvoiceId] // [] | tojson)"' |
    sed -n 1,5p | tr '\n' ';')
  [[ -z $wrong ]] || fail "not exactly one payment with the same amount in the ledger for: $wrong"
}

# --- The checks of test.sh ---

add_unpaid_invoice() {
  connect
  add_invoices "$INVOICE_URL" <<<"{\"InvoiceId\":\"$id\",\"Value\":12.15,\"Currency\":\"EUR\"}"
  check_new_invoice unpaid
}

pay_all() {
  connect
  pay "${PAY_SECONDS:-60}" "202 503"
  check_all_paid
  fetch_both paid
  grep -Fqx "{\"InvoiceId\":\"$id\",\"Value\":12.15,\"Currency\":\"EUR\",\"IsPaid\":true}" \
    "$work/invoices-paid" || fail "the new invoice $id is missing in GET /invoices"
  note "$(wc -l <"$work/invoices-paid" | tr -d ' ') invoices"
}

check_ledger() {
  [[ -e $work/payments-paid ]] || skip "PROVIDER_URL is not set"
  check_paid_once paid
}

pay_again() {
  connect
  pay "${PAY_SECONDS:-60}" "202 503"
  check_unchanged paid
}

print_paid() {
  echo "Paid invoices (the newest $MAX_PRINTED, if there are more):"
  jq -r 'select(.IsPaid) | "  \(.InvoiceId)  \(.Value) \(.Currency)"' "$work/invoices-paid" |
    tail -n "$MAX_PRINTED"
}
