# shellcheck shell=bash
# Starts and stops one invoice-app with one payment-provider. To be sourced; for bash 3.2.
#
#   start_pair DIRECTORY   starts both with their databases and logs in DIRECTORY, and returns when
#                          both are ready; sets INVOICE_URL and PROVIDER_URL
#   pair_runs              whether all run
#   stop_pair              stops all gracefully; safe to call at any time
#
# With DATABASE=postgresql, both use a temporary PostgreSQL server (scripts/postgres.sh) with its data in
# DIRECTORY/postgres, which starts and stops with them. Its port is POSTGRES_PORT, or any free one.
#
# Ports are INVOICE_APP_PORT, INVOICE_APP_ADMIN_PORT, PAYMENT_PROVIDER_PORT and
# PAYMENT_PROVIDER_ADMIN_PORT, or any free ones. Other variables pass through to the services. The
# binaries are in BIN_DIR.

BIN_DIR=${BIN_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/bin}
PAIR_READY_SECONDS=30
PAIR_STOP_SECONDS=15

INVOICE_APP_PID=
PAYMENT_PROVIDER_PID=
POSTGRES_PID=

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

# Whether the server accepts connections. The first line of postmaster.pid is its process; the eighth,
# its status.
pair_postgres_is_ready() {
  awk -v pid="$POSTGRES_PID" 'NR == 1 { mine = $1 == pid }; NR == 8 { ready = $1 == "ready" }
    END { exit !(mine && ready) }' "$1/postgres/data/postmaster.pid" 2>/dev/null
}

# pair_free_port: below the ports that the system gives to clients.
pair_free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)) && (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# pair_start_postgres DIRECTORY PORT
pair_start_postgres() {
  local deadline=$((SECONDS + PAIR_READY_SECONDS))
  chmod a+x "$1" # for root, the server runs as another user
  # In a process group of its own: Ctrl-C must not stop it before the services.
  set -m
  "$(dirname "${BASH_SOURCE[0]}")/postgres.sh" --database invoices --database payments \
    "$1/postgres" "port=$2" >"$1/postgres.log" 2>&1 &
  POSTGRES_PID=$!
  set +m
  until pair_postgres_is_ready "$1"; do
    if ! kill -0 "$POSTGRES_PID" 2>/dev/null || [[ $SECONDS -ge $deadline ]]; then
      tail -n 20 "$1/postgres.log" >&2
      pair_fail "PostgreSQL does not start; the end of its log is above"
      return 1
    fi
    sleep 0.1
  done
}

# pair_use_database DIRECTORY: sets INVOICES_URL and PAYMENTS_URL.
pair_use_database() {
  local directory=$1 port server
  case ${DATABASE:-sqlite} in
    sqlite)
      INVOICES_URL=sqlite:$directory/invoices.db
      PAYMENTS_URL=sqlite:$directory/payments.db
      ;;
    postgresql)
      port=${POSTGRES_PORT:-$(pair_free_port)}
      pair_start_postgres "$directory" "$port" || return 1
      server=postgresql://postgres@127.0.0.1:$port
      INVOICES_URL=$server/invoices
      PAYMENTS_URL=$server/payments
      ;;
    *) pair_fail "DATABASE is sqlite or postgresql, not \"$DATABASE\"" ;;
  esac
}

start_pair() {
  local directory=$1 name
  unset DATABASE_URL_FILE # it would replace DATABASE_URL
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
  pair_use_database "$directory" || return 1

  PORT=${PAYMENT_PROVIDER_PORT:-0} ADMIN_PORT=${PAYMENT_PROVIDER_ADMIN_PORT:-0} \
    PORT_FILE=$directory/payment-provider.ports DATABASE_URL=$PAYMENTS_URL \
    "$BIN_DIR/payment-provider" >"$directory/payment-provider.log" 2>&1 &
  PAYMENT_PROVIDER_PID=$!
  PROVIDER_URL=$(pair_await_ready payment-provider "$PAYMENT_PROVIDER_PID" "$directory") || return 1

  PORT=${INVOICE_APP_PORT:-0} ADMIN_PORT=${INVOICE_APP_ADMIN_PORT:-0} \
    PORT_FILE=$directory/invoice-app.ports DATABASE_URL=$INVOICES_URL \
    PAYMENT_PROVIDER_URL=$PROVIDER_URL "$BIN_DIR/invoice-app" >"$directory/invoice-app.log" 2>&1 &
  INVOICE_APP_PID=$!
  # shellcheck disable=SC2034  # for the script that sources this
  INVOICE_URL=$(pair_await_ready invoice-app "$INVOICE_APP_PID" "$directory") || return 1
}

pair_runs() {
  local pid
  for pid in "$INVOICE_APP_PID" "$PAYMENT_PROVIDER_PID" $POSTGRES_PID; do
    kill -0 "$pid" 2>/dev/null || return 1
  done
}

# pair_stop_process SIGNAL PID: stops a process, with SIGKILL after PAIR_STOP_SECONDS.
pair_stop_process() {
  local signal=$1 pid=$2
  local deadline=$((SECONDS + PAIR_STOP_SECONDS))
  [[ -n $pid ]] || return 0
  kill -"$signal" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null && [[ $SECONDS -lt $deadline ]]; do
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# Each before the one that it calls.
stop_pair() {
  pair_stop_process TERM "$INVOICE_APP_PID"
  INVOICE_APP_PID=
  pair_stop_process TERM "$PAYMENT_PROVIDER_PID"
  PAYMENT_PROVIDER_PID=
  pair_stop_process INT "$POSTGRES_PID"
  POSTGRES_PID=
}
