#!/usr/bin/env bash
# Builds both images for real, looks into them, runs them with as few rights as Kubernetes gives
# them, and tests the running pair.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/images_test.sh

Where no container engine is running, and as root, it installs Debian's (packages.txt), starts one of
its own and stops it at the end. Where debian:trixie-slim can't be pulled, it is made with
debootstrap. Other tools that are missing are installed too. Removes what it made.

Environment:
  MAX_IMAGE_MB   how large an image may be, unpacked (default 25)

Exit status: 0 passed, 1 failed, 2 wrong usage.
END
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."

readonly base=debian:trixie-slim
readonly user=65532:65532
readonly programs='invoice-app payment-provider'
readonly run="images-test-$$" # tag of the images, and first part of all other names

docker=docker
work=
engine_pid=
made_base=

say() { echo "- $*"; }

fail() {
  echo "images_test.sh: FAIL: $*" >&2
  exit 1
}

# --- The container engine, and the base image ---

stop_engine() {
  kill "$engine_pid" 2>/dev/null || true
  wait "$engine_pid" 2>/dev/null || true
}

remove_what_was_made() {
  local name
  for name in $programs; do
    "$docker" rm --force "$run-$name" || true
    "$docker" volume rm "$run-$name" || true
    "$docker" image rm --force "$name:$run" || true
  done
  "$docker" network rm "$run" || true
  # Only a stand-in for the real one, which may be pulled another day.
  if [[ -n $made_base ]]; then "$docker" image rm "$base" || true; fi
}

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if [[ $status -ne 0 && -n $work ]]; then
    for name in $programs; do
      "$docker" logs --tail 20 "$run-$name" 2>&1 | sed "s/^/$name: /" >&2 || true
    done
  fi
  if [[ -n $work ]]; then remove_what_was_made >/dev/null 2>&1; fi
  if [[ -n $engine_pid ]]; then stop_engine; fi
  if [[ -n $work ]]; then rm -rf "$work"; fi
  exit "$status"
}

engine_answers() { "$docker" version >/dev/null 2>&1; }

start_engine() {
  local deadline=$((SECONDS + 60))
  [[ $(id -u) -eq 0 ]] ||
    fail "no container engine is running; start Docker, or run this as root to have one started"
  say "no container engine is running; starting one"
  scripts/install-packages.sh images
  prefer_distributions_client
  command -v "$docker" >/dev/null ||
    fail "there is no docker command; install it (on Debian 13: apt-get install docker-cli)"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/docker.pid" >"$work/dockerd.log" 2>&1 &
  engine_pid=$!
  until engine_answers; do
    if ! kill -0 "$engine_pid" 2>/dev/null || [[ $SECONDS -ge $deadline ]]; then
      tail -n 20 "$work/dockerd.log" >&2
      fail "dockerd doesn't start; its last words are above"
    fi
    sleep 0.2
  done
}

# The distribution's client has both builders; another one that comes first in the PATH may lack
# BuildKit's plug-in.
prefer_distributions_client() {
  if [[ -x /usr/bin/docker ]]; then docker=/usr/bin/docker; fi
}

# What this machine's apt uses; nothing when it goes straight to its mirrors.
apt_proxy() {
  local proxy=
  if command -v apt-config >/dev/null; then
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
  fi
  echo "${http_proxy:-$proxy}"
}

debian_mirror() {
  local mirror
  # shellcheck disable=SC2016  # apt-get fills it in
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
    'Label: Debian' 'Component: main' 2>/dev/null | head -n 1)
  echo "${mirror:-http://deb.debian.org/debian}"
}

make_base() {
  [[ $(id -u) -eq 0 ]] || fail "$base can't be pulled, and only root can make it"
  scripts/install-packages.sh images
  say "$base can't be pulled; making it from $(debian_mirror)"
  http_proxy=$(apt_proxy) debootstrap --variant=minbase trixie "$work/base" "$(debian_mirror)" \
    >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log" >&2
    fail "debootstrap failed; its last words are above"
  }
  tar -C "$work/base" -c . | "$docker" import - "$base" >/dev/null
  rm -rf "$work/base"
  made_base=yes
}

have_base() {
  "$docker" image inspect "$base" >/dev/null 2>&1 ||
    timeout 120 "$docker" pull --quiet "$base" >/dev/null 2>&1 || make_base
}

# --- The images ---

# build BUILDKIT (0 or 1)
build() {
  local arguments=() name file proxy started=$SECONDS
  proxy=$(apt_proxy)
  if [[ -n $proxy ]]; then arguments+=(--build-arg "http_proxy=$proxy"); fi
  for name in $programs; do
    case $name in
      invoice-app) file=Dockerfile.invoice ;;
      payment-provider) file=Dockerfile.payment ;;
    esac
    DOCKER_BUILDKIT=$1 "$docker" build ${arguments[@]+"${arguments[@]}"} --file "$file" \
      --tag "$name:$run" . >"$work/build.log" 2>&1 || {
      tail -n 40 "$work/build.log" >&2
      fail "building $name failed; the end of what it said is above"
    }
  done
  say "built in $((SECONDS - started)) s"
}

buildkit_works() {
  printf 'FROM scratch\nLABEL a=b\n' |
    DOCKER_BUILDKIT=1 "$docker" build --quiet - >"$work/buildkit.log" 2>&1
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
  grep -q '^d.* 65532/65532 .* data/$' "$work/files" || fail "$name has no /data of its user's"
  grep -q ' etc/ssl/certs/ca-certificates.crt$' "$work/files" || fail "$name has no certificates"
}

# --- The running pair ---

# start NAME HOST PORT ADMIN_PORT: with the settings that it has on Kubernetes, and as HOST to others.
start() {
  local name=$1 host=$2 port=$3 admin_port=$4
  python3 -c 'import sys, yaml
for name, value in yaml.safe_load(sys.stdin)["data"].items(): print(f"{name}={value}")' \
    <"k8s/$name/configmap.yaml" >"$work/$name.env"
  "$docker" run --detach --name "$run-$name" --network "$run" --network-alias "$host" \
    --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 512 \
    --volume "$run-$name:/data" --volume "$work/token:/etc/provider-token:ro" \
    --env-file "$work/$name.env" --env PROVIDER_TOKEN_FILE=/etc/provider-token/token \
    --publish "127.0.0.1::$port" --publish "127.0.0.1::$admin_port" "$name:$run" >/dev/null
}

# Where a port of a container can be reached.
url_of() { echo "http://$("$docker" port "$run-$1" "$2/tcp" | head -n 1)"; }

await_ready() {
  local deadline=$((SECONDS + 30))
  until curl -fsS --max-time 2 -o /dev/null "$(url_of "$1" "$2")/readyz" 2>/dev/null; do
    [[ $SECONDS -lt $deadline ]] || fail "$1 was not ready after 30 s"
    sleep 0.2
  done
}

# What the kernel says of the process, rather than what was asked for.
check_rights() {
  local name=$1 status
  status=/proc/$("$docker" inspect --format '{{.State.Pid}}' "$run-$name")/status
  if [[ ! -r $status ]]; then
    say "$name: its rights aren't looked at, as the engine runs elsewhere"
    return
  fi
  grep -qE '^Uid:(\s65532){4}$' "$status" || fail "$name runs as another user"
  grep -qE '^Gid:(\s65532){4}$' "$status" || fail "$name runs as another group"
  grep -qE '^CapEff:\s0+$' "$status" || fail "$name has capabilities"
  grep -qE '^NoNewPrivs:\s1$' "$status" || fail "$name can get new privileges"
}

check_refuses_without_token() {
  local status
  status=$(curl -sS -o /dev/null -w '%{http_code}' "$provider_url/payments")
  [[ $status == 401 ]] || fail "payment-provider answered $status, not 401, without a token"
}

# Asked to stop, both end in order and at once; started again, they have what they had.
check_restart() {
  local name status
  curl -fsS "$invoice_url/invoices" >"$work/before"
  for name in $programs; do
    "$docker" stop --time 30 "$run-$name" >/dev/null
    status=$("$docker" inspect --format '{{.State.ExitCode}}' "$run-$name")
    [[ $status == 0 ]] || fail "$name ended with $status when it was asked to stop"
    "$docker" start "$run-$name" >/dev/null
  done
  await_pair
  curl -fsS "$invoice_url/invoices" >"$work/after"
  cmp "$work/before" "$work/after" || fail "the invoices are others after a restart"
}

# Ports are given out anew at each start.
await_pair() {
  await_ready payment-provider 9082
  await_ready invoice-app 9081
  invoice_url=$(url_of invoice-app 8081)
  provider_url=$(url_of payment-provider 8082)
}

test_pair() {
  PROVIDER_URL=$provider_url PROVIDER_TOKEN_FILE=$work/token/token ./test.sh "$invoice_url"
}

main() {
  local name
  trap clean_up EXIT
  trap 'fail interrupted' INT TERM
  work=$(mktemp -d "${TMPDIR:-/tmp}/images-test.XXXXXX")
  chmod 711 "$work" # containers look into token/, nobody lists the rest

  scripts/install-packages.sh run test
  prefer_distributions_client
  if ! engine_answers; then start_engine; fi
  have_base

  echo "Building with the classic builder"
  build 0
  if buildkit_works; then
    echo "Building with BuildKit"
    build 1
  else
    say "BuildKit is not there, so it isn't tried: $(tail -n 1 "$work/buildkit.log")"
  fi

  echo "Looking into the images"
  for name in $programs; do
    check_size "$name"
    check_config "$name"
    check_files "$name"
  done

  echo "Running them with a read-only root, without capabilities, and with a token"
  mkdir "$work/token"
  head -c 32 /dev/urandom | base64 >"$work/token/token"
  chmod 644 "$work/token/token"
  "$docker" network create "$run" >/dev/null
  start payment-provider payment-provider.payments.svc.cluster.local 8082 9082
  start invoice-app invoice-app 8081 9081
  await_pair
  for name in $programs; do check_rights "$name"; done
  check_refuses_without_token
  test_pair
  check_restart
  test_pair

  echo "images_test.sh: PASS"
}

main
