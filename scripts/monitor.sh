#!/usr/bin/env bash
# Runs Prometheus and Alertmanager for the services of run.sh until Ctrl-C.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: scripts/monitor.sh [DIRECTORY]

Runs Prometheus (port 9083) and Alertmanager (port 9084) on 127.0.0.1, with their data and logs in
DIRECTORY (default: build/monitor), until Ctrl-C. They watch the services that scripts/run.sh runs.

Other ports: PROMETHEUS_PORT, ALERTMANAGER_PORT, and INVOICE_APP_ADMIN_PORT and
PAYMENT_PROVIDER_ADMIN_PORT of run.sh. MONITORING: the directory of prometheus.yaml, alertmanager.yaml
and alerts.yaml (default: monitoring).
EOF
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/pair.sh
. "$here/pair.sh" # for pair_stop_process

fail() {
  echo "monitor.sh: $*" >&2
  exit 1
}

for program in prometheus prometheus-alertmanager curl; do
  command -v "$program" >/dev/null || fail "$program is missing: run \"make deps\""
done

directory=${1:-$here/../build/monitor}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
monitoring=${MONITORING:-$here/../monitoring}
prometheus=127.0.0.1:${PROMETHEUS_PORT:-9083}
alertmanager=127.0.0.1:${ALERTMANAGER_PORT:-9084}

pids=()
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  trap - EXIT
  trap '' INT TERM # a second Ctrl-C must not end this before both processes have ended
  for pid in ${pids[@]+"${pids[@]}"}; do pair_stop_process TERM "$pid"; done
}
trap clean_up EXIT
trap 'echo; echo "Stopping."; exit 0' INT TERM

# runs PID NAME: ends this script if the process has ended.
runs() {
  kill -0 "$1" 2>/dev/null && return
  tail -n 20 "$directory/$2.log" >&2
  fail "$2 has ended; the end of its log is above"
}

# start NAME ADDRESS COMMAND...: starts it, and returns when it is ready.
start() {
  local name=$1 address=$2 pid deadline=$((SECONDS + 30))
  shift 2
  # The second is where links in alerts lead. It would have the name of the host.
  "$@" --web.listen-address="$address" --web.external-url="http://$address" >"$directory/$name.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  until curl -fsS -o /dev/null --max-time 2 "http://$address/-/ready" 2>/dev/null; do
    [[ $SECONDS -lt $deadline ]] || fail "$name was not ready after 30 s; see $directory/$name.log"
    runs "$pid" "$name"
    sleep 0.1
  done
}

cp "$monitoring/alerts.yaml" "$directory/alerts.yaml"
sed -e "s/:9081\]/:${INVOICE_APP_ADMIN_PORT:-9081}]/;t" \
  -e "s/:9082\]/:${PAYMENT_PROVIDER_ADMIN_PORT:-9082}]/;t" \
  -e "s/127\.0\.0\.1:9084/$alertmanager/" "$monitoring/prometheus.yaml" >"$directory/prometheus.yaml"

# The cluster of Alertmanager is off: it has no other members, and would listen on all addresses.
start alertmanager "$alertmanager" prometheus-alertmanager --config.file="$monitoring/alertmanager.yaml" \
  --storage.path="$directory/alertmanager" --cluster.listen-address=
start prometheus "$prometheus" prometheus --config.file="$directory/prometheus.yaml" \
  --storage.tsdb.path="$directory/prometheus"
cat <<END
Prometheus        http://$prometheus   (in the menu: Alerts; Status, Targets)
Alertmanager      http://$alertmanager
data, logs        $directory

Try:  amtool --alertmanager.url=http://$alertmanager alert
Ctrl-C stops both.
END

while sleep 1; do
  runs "${pids[0]}" alertmanager
  runs "${pids[1]}" prometheus
done
