# shellcheck shell=bash
# Starts and stops one invoice-app with one payment-provider. To be sourced; for bash 3.2.
#
#   start_pair DIRECTORY   starts both with their databases and logs in DIRECTORY, and returns when
#                          both are ready; sets INVOICE_URL and PROVIDER_URL
#   stop_pair              stops what start_pair started, gracefully; safe to call at any time
#
# Ports come from INVOICE_APP_PORT, INVOICE_APP_ADMIN_PORT, PAYMENT_PROVIDER_PORT and
# PAYMENT_PROVIDER_ADMIN_PORT; free ones are taken for those that are not set. The other variables
# of the services pass through, but for those of the log, in which the ports are looked up. The
# binaries are those in BIN_DIR.

BIN_DIR=${BIN_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/bin}
PAIR_READY_SECONDS=30
PAIR_STOP_SECONDS=15

INVOICE_APP_PID=
PAYMENT_PROVIDER_PID=

pair_fail() {
  echo "$(basename "$0"): $*" >&2
  return 1
}

# The port that a listener (public or admin) has logged; nothing as long as it hasn't.
pair_logged_port() {
  local log=$1 listener=$2
  sed -n "s/.* listening listener=$listener port=\([0-9][0-9]*\).*/\1/p" "$log" | tail -n 1
}

# Waits until the process that logs to LOG is ready.
pair_await_ready() {
  local name=$1 pid=$2 log=$3 admin_port
  local deadline=$((SECONDS + PAIR_READY_SECONDS))
  while [[ $SECONDS -lt $deadline ]]; do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$log" >&2
      pair_fail "$name ended while it was starting; its last words are above"
      return 1
    fi
    admin_port=$(pair_logged_port "$log" admin)
    if [[ -n $admin_port && -n $(pair_logged_port "$log" public) ]] &&
      curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$admin_port/readyz" 2>/dev/null; then
      return 0
    fi
    sleep 0.1
  done
  tail -n 20 "$log" >&2
  pair_fail "$name was not ready after $PAIR_READY_SECONDS s; its last words are above"
}

start_pair() {
  local directory=$1 name
  for name in invoice-app payment-provider; do
    [[ -x $BIN_DIR/$name ]] || {
      pair_fail "there is no $BIN_DIR/$name: run \"make build\" first"
      return 1
    }
  done
  command -v curl >/dev/null || {
    pair_fail "curl is missing: run \"make deps\""
    return 1
  }
  mkdir -p "$directory"
  rm -f "$directory"/*.log # not emptied: a pair that runs there goes on with its own

  PORT=${PAYMENT_PROVIDER_PORT:-0} ADMIN_PORT=${PAYMENT_PROVIDER_ADMIN_PORT:-0} LOG_FORMAT=text LOG_LEVEL=info \
    DATABASE_URL="sqlite:$directory/payments.db" \
    "$BIN_DIR/payment-provider" >"$directory/payment-provider.log" 2>&1 &
  PAYMENT_PROVIDER_PID=$!
  pair_await_ready payment-provider "$PAYMENT_PROVIDER_PID" "$directory/payment-provider.log" ||
    return 1
  PROVIDER_URL=http://127.0.0.1:$(pair_logged_port "$directory/payment-provider.log" public)

  PORT=${INVOICE_APP_PORT:-0} ADMIN_PORT=${INVOICE_APP_ADMIN_PORT:-0} LOG_FORMAT=text LOG_LEVEL=info \
    DATABASE_URL="sqlite:$directory/invoices.db" PAYMENT_PROVIDER_URL=$PROVIDER_URL \
    "$BIN_DIR/invoice-app" >"$directory/invoice-app.log" 2>&1 &
  INVOICE_APP_PID=$!
  pair_await_ready invoice-app "$INVOICE_APP_PID" "$directory/invoice-app.log" || return 1
  # shellcheck disable=SC2034  # for the script that sources this
  INVOICE_URL=http://127.0.0.1:$(pair_logged_port "$directory/invoice-app.log" public)
}

# Asks a process to stop, and kills it when it doesn't.
pair_stop_process() {
  local pid=$1
  local deadline=$((SECONDS + PAIR_STOP_SECONDS))
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null && [[ $SECONDS -lt $deadline ]]; do
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# The caller first, so that it never finds the provider gone.
stop_pair() {
  if [[ -n $INVOICE_APP_PID ]]; then pair_stop_process "$INVOICE_APP_PID"; fi
  INVOICE_APP_PID=
  if [[ -n $PAYMENT_PROVIDER_PID ]]; then pair_stop_process "$PAYMENT_PROVIDER_PID"; fi
  PAYMENT_PROVIDER_PID=
}
