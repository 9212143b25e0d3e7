#!/usr/bin/env bash
# Builds both images for real, looks into them, runs three containers of each with as few rights as
# Kubernetes gives its pods, tests them, and kills some in the middle of paying. Then runs one of each
# on PostgreSQL, with TLS.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/images_test.sh

Where no container engine is running, and as root, it installs Debian's (packages.txt), starts one of
its own and stops it at the end. Where debian:trixie-slim can't be pulled, it is made with
debootstrap. Other tools that are missing are installed too. Removes what it made.

Environment:
  DOCKER_BUILDKIT  1 builds with BuildKit (default 0: with the classic builder, which knows less)
  MAX_IMAGE_MB   how large an image may be, unpacked (default 25)
  INVOICES       how many are being paid when containers are killed (default 20000); it must be so
                 many that not all are paid within a second

Exit status: 0 passed, 1 failed, 2 wrong usage.
END
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."

readonly user=65532:65532
readonly programs='payment-provider invoice-app' # in the order in which they start
readonly replicas='1 2 3'
readonly invoices=${INVOICES:-20000}
export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}
readonly run="images-test-$$" # tag of the images, and first part of all other names

python=python3
work=

say() { echo "- $*"; }

fail() {
  echo "images_test.sh: FAIL: $*" >&2
  exit 1
}

# shellcheck source=tests/support/engine.sh
. tests/support/engine.sh
# shellcheck source=tests/support/tls_database.sh
. tests/support/tls_database.sh

remove_what_was_made() {
  local name
  "$docker" ps --all --quiet --filter "name=^$run-" | xargs "$docker" rm --force || true
  for name in $programs database; do
    "$docker" volume rm "$run-$name" || true
    "$docker" image rm --force "$name:$run" || true
  done
  "$docker" network rm "$run" || true
}

clean_up() {
  local status=$? container
  trap - EXIT INT TERM
  if [[ -n $work ]]; then
    if [[ $status -ne 0 ]] && engine_answers; then
      for container in $("$docker" ps --all --filter "name=^$run-" --format '{{.Names}}'); do
        "$docker" logs --tail 20 "$container" 2>&1 | sed "s/^/$container: /" >&2 || true
      done
    fi
    remove_what_was_made >/dev/null 2>&1
    close_engine
    rm -rf "$work"
  fi
  exit "$status"
}

# --- The images ---

build() {
  local name file started=$SECONDS
  for name in $programs; do
    case $name in
      invoice-app) file=Dockerfile.invoice ;;
      payment-provider) file=Dockerfile.payment ;;
    esac
    build_image "$name:$run" "$file"
  done
  say "built in $((SECONDS - started)) s"
}

# What a container's configuration has at a path, e.g. .User
config_of() { "$docker" image inspect --format "{{.Config$2}}" "$1:$run"; }

check_config() {
  local name=$1 label
  [[ $(config_of "$name" .User) == "$user" ]] || fail "$name runs as $(config_of "$name" .User)"
  [[ $(config_of "$name" .WorkingDir) == /data ]] || fail "$name doesn't work in /data"
  for label in title description version revision licenses; do
    [[ -n $("$docker" image inspect --format \
      "{{index .Config.Labels \"org.opencontainers.image.$label\"}}" "$name:$run") ]] ||
      fail "$name has no label org.opencontainers.image.$label"
  done
  [[ "$("$docker" run --rm "$name:$run" --version)" == "$name $("$docker" image inspect --format \
    '{{index .Config.Labels "org.opencontainers.image.version"}}' "$name:$run")" ]] ||
    fail "$name has another version than its label says"
}

check_size() {
  local name=$1 bytes
  bytes=$("$docker" image inspect --format '{{.Size}}' "$name:$run")
  say "$name: $((bytes / 1000000)) MB"
  [[ $bytes -le $((${MAX_IMAGE_MB:-25} * 1000000)) ]] || fail "$name is larger than that"
}

# Nothing in it can be run but the program, and the loader and libraries that it needs.
check_files() {
  local name=$1 container programs_in_it
  container=$("$docker" create "$name:$run")
  "$docker" export "$container" | tar --numeric-owner -tv >"$work/files"
  "$docker" rm "$container" >/dev/null

  programs_in_it=$(awk '$1 ~ /^-.*x/ { print $NF }' "$work/files" |
    grep -Ev '^(lib|lib64|usr/lib)/|^\.dockerenv$|^dev/console$|^etc/(hostname|hosts|resolv\.conf)$')
  [[ $programs_in_it == "usr/local/bin/$name" ]] ||
    fail "$name has more than one program in it:" "$programs_in_it"
  if grep -E '^-..s|^-.....s' "$work/files"; then fail "$name has files with set-id bits, see above"; fi
  if awk '$1 ~ /^[-d].......w/ { print; found = 1 } END { exit !found }' "$work/files"; then
    fail "$name has files that everyone may write, see above"
  fi
  grep -q '^drwxrwx--- 65532/0 .* data/$' "$work/files" || fail "$name has no /data of its user's"
  grep -q ' etc/ssl/certs/ca-certificates.crt$' "$work/files" || fail "$name has no certificates"
  grep -q ' var/lib/dpkg/status.d/libc6$' "$work/files" || fail "$name has no list of its packages"
}

# --- The running services ---

port_of() {
  case $1 in
    invoice-app) echo 8081 ;;
    payment-provider) echo 8082 ;;
  esac
}

# The name that its Service has on Kubernetes. Here it stands for all three containers.
host_of() {
  case $1 in
    invoice-app) echo invoice-app ;;
    payment-provider) echo payment-provider.payments.svc.cluster.local ;;
  esac
}

# value NAME FILE EXPRESSION: of an object in k8s/NAME, in Python.
value() {
  "$python" -c 'import sys, yaml; o = yaml.safe_load(sys.stdin); print(eval(sys.argv[1]))' "$3" \
    <"k8s/$1/$2.yaml"
}

# start NAME REPLICA [OPTION...]: with the settings that it has on Kubernetes, but without a volume.
start() {
  local name=$1 replica=$2 port
  shift 2
  port=$(port_of "$name")
  "$docker" run --detach --name "$run-$name-$replica" \
    --network "$run" --network-alias "$(host_of "$name")" \
    --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 256 \
    --memory "$(value "$name" deployment \
      'o["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]')" \
    --volume "$work/token:/etc/provider-token:ro" \
    --env-file "$work/$name.env" --env PROVIDER_TOKEN_FILE=/etc/provider-token/token \
    --publish "127.0.0.1::$port" --publish "127.0.0.1::$((port + 1000))" "$@" "$name:$run" >/dev/null
}

start_all() {
  local name replica
  "$docker" network create "$run" >/dev/null
  for name in $programs; do
    value "$name" configmap '"\n".join(f"{k}={v}" for k, v in o["data"].items())' >"$work/$name.env"
    for replica in $replicas; do start "$name" "$replica" --volume "$run-$name:/data"; done
  done
  await_ready "$replicas"
}

# url_of NAME REPLICA [admin]: where it can be reached. Another port each time it starts.
url_of() {
  local port
  port=$(port_of "$1")
  if [[ ${3:-} == admin ]]; then port=$((port + 1000)); fi
  echo "http://$("$docker" port "$run-$1-$2" "$port/tcp" | head -n 1)"
}

# await_ready REPLICAS
await_ready() {
  local name replica deadline=$((SECONDS + 60))
  for name in $programs; do
    for replica in $1; do
      until curl -fsS --max-time 2 -o /dev/null "$(url_of "$name" "$replica" admin)/readyz" \
        2>/dev/null; do
        [[ $SECONDS -lt $deadline ]] || fail "$name $replica was not ready after 60 s"
        sleep 0.2
      done
    done
  done
}

# What the kernel says of the process, rather than what was asked for.
check_rights() {
  local name=$1 status
  status=/proc/$("$docker" inspect --format '{{.State.Pid}}' "$run-$name-1")/status
  if [[ ! -r $status ]]; then
    say "$name: its rights aren't looked at, as the engine runs elsewhere"
    return
  fi
  grep -qE '^Uid:(\s65532){4}$' "$status" || fail "$name runs as another user"
  grep -qE '^Gid:(\s65532){4}$' "$status" || fail "$name runs as another group"
  grep -qE '^CapEff:\s0+$' "$status" || fail "$name has capabilities"
  grep -qE '^NoNewPrivs:\s1$' "$status" || fail "$name can get new privileges"
}

# As OpenShift does: as any user of the group root. Without a volume, so in the image's /data.
check_runs_as_any_user() {
  local name
  for name in $programs; do start "$name" any --user 12345:0 --read-only=false; done
  await_ready any
  for name in $programs; do "$docker" rm --force "$run-$name-any" >/dev/null; done
}

check_refuses_without_token() {
  local status
  status=$(curl -sS -o /dev/null -w '%{http_code}' "$(url_of payment-provider 1)/payments")
  [[ $status == 401 ]] || fail "payment-provider answered $status, not 401, without a token"
}

# One that gets fewer threads than it wants doesn't start, and says why.
check_says_that_threads_lack() {
  local container=$run-payment-provider-4 status
  start payment-provider 4 --volume "$run-payment-provider:/data" --pids-limit 8
  status=$(timeout 60 "$docker" wait "$container") || fail "it runs with 8 threads"
  [[ $status == 1 ]] || fail "with 8 threads it ended with $status, not 1"
  "$docker" logs "$container" >"$work/threads.log" 2>&1
  grep -q 'thread [0-9]* of the [0-9]* for requests: ' "$work/threads.log" ||
    fail "with 8 threads it said:" "$(cat "$work/threads.log")"
  "$docker" rm "$container" >/dev/null
}

# list NAME REPLICA: what one replica has: the invoices, or the ledger.
list() {
  local path=invoices
  if [[ $1 == payment-provider ]]; then path=payments; fi
  curl -fsS --max-time 30 -K "$work/token.curl" "$(url_of "$1" "$2")/$path"
}

check_all_have_the_same() {
  local name replica
  for name in $programs; do
    for replica in $replicas; do
      list "$name" "$replica" >"$work/$name-$replica"
      cmp "$work/$name-1" "$work/$name-$replica" || fail "$name $replica has another list than 1"
    done
  done
}

# test_pair REPLICA: test.sh, which checks that each invoice is paid once, against one of them.
test_pair() {
  PROVIDER_URL=$(url_of payment-provider "$1") PROVIDER_TOKEN_FILE=$work/token/token \
    ./test.sh "$(url_of invoice-app "$1")" >"$work/test.log" 2>&1 || {
    tail -n 5 "$work/test.log" >&2
    fail "test.sh against replica $1 failed"
  }
  say "$(tail -n 1 "$work/test.log")"
}

add_invoices() {
  local first batch=10000
  for ((first = 0; first < invoices; first += batch)); do
    jq -nc --argjson first "$first" --argjson batch "$batch" '[range($first; $first + $batch) |
      {InvoiceId: "killed-\(.)", Value: 12.15, Currency: "EUR"}]' |
      curl -fsS --max-time 30 -o /dev/null -H 'Content-Type: application/json' --data-binary @- \
        "$(url_of invoice-app 1)/invoices" || fail "the invoices could not be added"
  done
}

# Kills one of each while they pay, and starts them again, as Kubernetes does.
kill_in_the_middle() {
  local payer unpaid deadline=$((SECONDS + 30))
  add_invoices
  curl -sS --max-time 60 -X POST "$(url_of invoice-app 1)/invoices/pay" >/dev/null 2>&1 &
  payer=$!
  until [[ $(list payment-provider 3) == *'"killed-'* ]]; do
    [[ $SECONDS -lt $deadline ]] || fail "no payment has arrived after 30 s"
  done
  "$docker" kill "$run-invoice-app-1" "$run-payment-provider-1" >/dev/null
  unpaid=$(list invoice-app 2 | jq 'map(select(.IsPaid | not)) | length')
  [[ $unpaid -gt 0 ]] || fail "all was paid before they were killed: set INVOICES to more"
  say "killed when $unpaid of $invoices were unpaid"
  wait "$payer" || true
  "$docker" start "$run-payment-provider-1" "$run-invoice-app-1" >/dev/null
  await_ready "$replicas"
}

# Asked to stop, all end in order and at once; started again, they have what they had.
check_restart() {
  local name replica containers
  list invoice-app 1 >"$work/before"
  for name in $programs; do
    containers=()
    for replica in $replicas; do containers+=("$run-$name-$replica"); done
    "$docker" stop --time 45 "${containers[@]}" >/dev/null
    "$docker" inspect --format '{{.State.ExitCode}}' "${containers[@]}" >"$work/exit-codes"
    if grep -qvx 0 "$work/exit-codes"; then
      fail "$name didn't end with 0 when it was asked to stop, but with:" "$(cat "$work/exit-codes")"
    fi
    "$docker" start "${containers[@]}" >/dev/null
  done
  await_ready "$replicas"
  list invoice-app 1 >"$work/after"
  cmp "$work/before" "$work/after" || fail "the invoices are others after a restart"
}

# start_on_postgresql NAME REPLICA DATABASE AUTHORITY: with the certificate of its authority in a file
# of the container's, and AUTHORITY for the URL's sslrootcert.
start_on_postgresql() {
  local name=$1 replica=$2 url="postgresql://postgres@database/$3"
  start "$name" "$replica" --env "DATABASE_URL=$url?sslmode=verify-full&sslrootcert=$4" \
    --env "PAYMENT_PROVIDER_URL=http://$run-payment-provider-$replica:8082" \
    --volume "$work/token/database.crt:/etc/ssl/certs/ca-certificates.crt:ro"
}

test_postgresql() {
  start_tls_database "$work/token/database.crt"
  # Both ways to name the authority: the system's, and a file.
  start_on_postgresql payment-provider 4 payments system
  start_on_postgresql invoice-app 4 invoices /etc/ssl/certs/ca-certificates.crt
  await_ready 4
  test_pair 4
}

make_token() {
  mkdir "$work/token"
  head -c 32 /dev/urandom | base64 >"$work/token/token"
  chmod 644 "$work/token/token"
  printf 'header = "Authorization: Bearer %s"\n' "$(cat "$work/token/token")" >"$work/token.curl"
}

main() {
  local name
  trap clean_up EXIT
  trap 'fail interrupted' INT TERM
  work=$(mktemp -d "${TMPDIR:-/tmp}/images-test.XXXXXX")
  chmod 711 "$work" # containers look into token/, nobody lists the rest

  scripts/install-packages.sh run test tools
  # The distribution's first: its package python3-yaml is for that one.
  if [[ -x /usr/bin/python3 ]]; then python=/usr/bin/python3; fi
  open_engine
  have_base

  echo "Building"
  build

  echo "Looking into the images"
  for name in $programs; do
    check_size "$name"
    check_config "$name"
    check_files "$name"
  done

  echo "Running three of each with a read-only root, without capabilities, and with a token"
  make_token
  start_all
  for name in $programs; do check_rights "$name"; done
  check_refuses_without_token
  check_says_that_threads_lack
  check_runs_as_any_user
  test_pair 1
  check_all_have_the_same
  check_restart
  kill_in_the_middle
  test_pair 2
  check_all_have_the_same

  echo "Running one of each on PostgreSQL, with sslmode=verify-full"
  test_postgresql

  echo "images_test.sh: PASS"
}

main
