# shellcheck shell=bash
# Starts and stops one invoice-app with one payment-provider. To be sourced; for bash 3.2.
#
#   start_pair DIRECTORY   starts both with their databases and logs in DIRECTORY, and returns when
#                          both are ready; sets INVOICE_URL and PROVIDER_URL
#   pair_runs              whether both run
#   stop_pair              stops both gracefully; safe to call at any time
#
# Ports are INVOICE_APP_PORT, INVOICE_APP_ADMIN_PORT, PAYMENT_PROVIDER_PORT and
# PAYMENT_PROVIDER_ADMIN_PORT, or any free ones. Other variables pass through to the services. The
# binaries are in BIN_DIR.

BIN_DIR=${BIN_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/bin}
PAIR_READY_SECONDS=30
PAIR_STOP_SECONDS=15

INVOICE_APP_PID=
PAYMENT_PROVIDER_PID=

pair_fail() {
  echo "$(basename "$0"): $*" >&2
  return 1
}

# pair_port FILE VARIABLE: a port from a port file.
pair_port() { sed -n "s/^$2=//p" "$1"; }

# pair_await_ready NAME PID DIRECTORY: prints the URL of a service once it is ready.
pair_await_ready() {
  local name=$1 pid=$2 ports=$3/$1.ports log=$3/$1.log
  local deadline=$((SECONDS + PAIR_READY_SECONDS)) problem="was not ready after $PAIR_READY_SECONDS s"
  while [[ $SECONDS -lt $deadline ]]; do
    if ! kill -0 "$pid" 2>/dev/null; then
      problem="ended during its start"
      break
    fi
    if [[ -f $ports ]] && curl -fsS -o /dev/null --max-time 2 \
      "http://127.0.0.1:$(pair_port "$ports" ADMIN_PORT)/readyz" 2>/dev/null; then
      echo "http://127.0.0.1:$(pair_port "$ports" PORT)"
      return 0
    fi
    sleep 0.1
  done
  tail -n 20 "$log" >&2
  pair_fail "$name $problem; the end of its log is above"
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
  # Removed, not emptied: another pair may still write to its logs there.
  rm -f "$directory"/*.log "$directory"/*.ports

  PORT=${PAYMENT_PROVIDER_PORT:-0} ADMIN_PORT=${PAYMENT_PROVIDER_ADMIN_PORT:-0} \
    PORT_FILE=$directory/payment-provider.ports DATABASE_URL="sqlite:$directory/payments.db" \
    "$BIN_DIR/payment-provider" >"$directory/payment-provider.log" 2>&1 &
  PAYMENT_PROVIDER_PID=$!
  PROVIDER_URL=$(pair_await_ready payment-provider "$PAYMENT_PROVIDER_PID" "$directory") || return 1

  PORT=${INVOICE_APP_PORT:-0} ADMIN_PORT=${INVOICE_APP_ADMIN_PORT:-0} \
    PORT_FILE=$directory/invoice-app.ports DATABASE_URL="sqlite:$directory/invoices.db" \
    PAYMENT_PROVIDER_URL=$PROVIDER_URL "$BIN_DIR/invoice-app" >"$directory/invoice-app.log" 2>&1 &
  INVOICE_APP_PID=$!
  # shellcheck disable=SC2034  # for the script that sources this
  INVOICE_URL=$(pair_await_ready invoice-app "$INVOICE_APP_PID" "$directory") || return 1
}

pair_runs() { kill -0 "$INVOICE_APP_PID" 2>/dev/null && kill -0 "$PAYMENT_PROVIDER_PID" 2>/dev/null; }

# Stops a process with SIGTERM, or with SIGKILL after PAIR_STOP_SECONDS.
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

# invoice-app first, because it calls payment-provider.
stop_pair() {
  if [[ -n $INVOICE_APP_PID ]]; then pair_stop_process "$INVOICE_APP_PID"; fi
  INVOICE_APP_PID=
  if [[ -n $PAYMENT_PROVIDER_PID ]]; then pair_stop_process "$PAYMENT_PROVIDER_PID"; fi
  PAYMENT_PROVIDER_PID=
}
