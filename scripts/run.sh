#!/usr/bin/env bash
# Runs both services on their usual ports until Ctrl-C.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/run.sh [DIRECTORY]

Runs invoice-app (port 8081, admin 9081) and payment-provider (port 8082, admin 9082), with their
databases and logs in DIRECTORY (default: build/run), until Ctrl-C. The next run continues with the
same data; for a fresh start, remove DIRECTORY.

DATABASE: sqlite (default), or postgresql for a temporary server on port 8083 (POSTGRES_PORT) that runs
with the services. Each kind of database has data of its own in DIRECTORY.

Other ports: INVOICE_APP_PORT, INVOICE_APP_ADMIN_PORT, PAYMENT_PROVIDER_PORT,
PAYMENT_PROVIDER_ADMIN_PORT. All other variables pass through to the services; the default of
LOG_FORMAT is text here.
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/pair.sh
. "$here/pair.sh"

directory=${1:-$here/../build/run}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

# A second run would remove the logs of the first.
pid_file=$directory/run.pid
if [[ -s $pid_file ]] && kill -0 "$(cat "$pid_file")" 2>/dev/null; then
  echo "run.sh: $directory is in use by process $(cat "$pid_file"), of another run. Stop that one, or choose" \
    "another DIRECTORY and other ports (run.sh --help)" >&2
  exit 1
fi
echo $$ >"$pid_file"

export INVOICE_APP_PORT=${INVOICE_APP_PORT:-8081}
export INVOICE_APP_ADMIN_PORT=${INVOICE_APP_ADMIN_PORT:-9081}
export PAYMENT_PROVIDER_PORT=${PAYMENT_PROVIDER_PORT:-8082}
export PAYMENT_PROVIDER_ADMIN_PORT=${PAYMENT_PROVIDER_ADMIN_PORT:-9082}
export POSTGRES_PORT=${POSTGRES_PORT:-8083}
export LOG_FORMAT=${LOG_FORMAT:-text}

follower=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  trap - EXIT
  trap '' INT TERM # a second Ctrl-C must not end this before all processes have ended
  stop_pair
  if [[ -n $follower ]]; then kill "$follower" 2>/dev/null || true; fi
  rm -f "$pid_file"
}
trap clean_up EXIT
trap 'echo; echo "Stopping."; exit 0' INT TERM

start_pair "$directory"
server=
if [[ ${DATABASE:-sqlite} == postgresql ]]; then
  server=$'\n'"PostgreSQL        $INVOICES_URL, $PAYMENTS_URL"
fi
cat <<END
invoice-app       $INVOICE_URL   (probes and metrics: port $(pair_port "$directory/invoice-app.ports" ADMIN_PORT))
payment-provider  $PROVIDER_URL   (probes and metrics: port $(pair_port "$directory/payment-provider.ports" ADMIN_PORT))
databases, logs   $directory$server

Page:  $INVOICE_URL/

Try:  curl $INVOICE_URL/invoices
      curl -X POST $INVOICE_URL/invoices/pay
Ctrl-C stops all.

END
tail -q -n 0 -f "$directory/payment-provider.log" "$directory/invoice-app.log" &
follower=$!

while pair_runs; do
  sleep 1
done
echo "run.sh: a process ended by itself; see its log in $directory" >&2
exit 1
