# shellcheck shell=bash disable=SC2154 # $work
# A container engine and the base image of Debian 13. Tests that run containers source this file. It
# needs $work, a directory for temporary files, and the functions say and fail. A test calls
# open_engine first and close_engine at its end.

readonly base=debian:trixie-slim

docker=docker
engine_pid=
made_base=

# Starts an engine if none is running. Installs Debian's (packages.txt) for that.
open_engine() {
  local deadline=$((SECONDS + 60))
  prefer_distributions_client
  if engine_answers; then return; fi
  [[ $(id -u) -eq 0 ]] ||
    fail "no container engine is running; start Docker, or run this as root to have one started"
  say "no container engine is running; starting one"
  scripts/install-packages.sh images
  prefer_distributions_client
  command -v "$docker" >/dev/null ||
    fail "there is no docker command; install it (on Debian 13: apt-get install docker-cli)"
  export DOCKER_HOST=unix://$work/docker.sock
  # Without a bridge and rules of its own, which would stay in the kernel when it has stopped.
  dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/docker.pid" --bridge none --iptables=false --ip6tables=false \
    >"$work/dockerd.log" 2>&1 &
  engine_pid=$!
  until engine_answers; do
    if ! kill -0 "$engine_pid" 2>/dev/null || [[ $SECONDS -ge $deadline ]]; then
      tail -n 20 "$work/dockerd.log" >&2
      fail "dockerd does not start; the end of its log is above"
    fi
    sleep 0.2
  done
}

# Removes the base image and stops the engine, if they were made here.
close_engine() {
  # The real image may be pulled next time.
  if [[ -n $made_base ]]; then "$docker" image rm "$base" >/dev/null 2>&1 || true; fi
  if [[ -n $engine_pid ]]; then
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    # dockerd leaves these mounted for containers that used the host's network.
    umount "$work"/exec/netns/* 2>/dev/null || true
  fi
}

engine_answers() { "$docker" version >/dev/null 2>&1; }

# It has both builders. Another client that comes first in the PATH may lack one.
prefer_distributions_client() {
  if [[ -x /usr/bin/docker ]]; then docker=/usr/bin/docker; fi
}

# Prints the proxy of this machine's apt, or nothing if apt uses none.
apt_proxy() {
  local proxy=
  if command -v apt-config >/dev/null; then
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
  fi
  echo "${http_proxy:-$proxy}"
}

# Prints the mirror of this machine's apt, or nothing if that is not a mirror of Debian. debootstrap
# then uses its default.
debian_mirror() {
  # shellcheck disable=SC2016  # apt-get fills it in
  apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
    'Label: Debian' 'Component: main' 2>/dev/null | head -n 1 || true
}

make_base() {
  [[ $(id -u) -eq 0 ]] || fail "$base cannot be pulled, and only root can make it"
  scripts/install-packages.sh images
  local mirror
  mirror=$(debian_mirror)
  say "$base cannot be pulled; making it with debootstrap"
  http_proxy=$(apt_proxy) debootstrap --variant=minbase trixie "$work/base" ${mirror:+"$mirror"} \
    >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log" >&2
    fail "debootstrap failed; the end of its log is above"
  }
  # As in the real image: dpkg does not sync files, so packages are installed faster.
  echo force-unsafe-io >"$work/base/etc/dpkg/dpkg.cfg.d/unsafe-io"
  tar -C "$work/base" -c . | "$docker" import - "$base" >/dev/null
  rm -rf "$work/base"
  made_base=yes
}

have_base() {
  "$docker" image inspect "$base" >/dev/null 2>&1 ||
    timeout 120 "$docker" pull --quiet "$base" >/dev/null 2>&1 || make_base
}

# build_image TAG DOCKERFILE: the context is the current directory. DOCKERFILE may be -, standard
# input. DOCKER_BUILDKIT chooses the builder.
build_image() {
  local arguments=(--network host) proxy
  proxy=$(apt_proxy)
  if [[ -n $proxy ]]; then arguments+=(--build-arg "http_proxy=$proxy"); fi
  "$docker" build "${arguments[@]}" --tag "$1" --file "$2" . >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log" >&2
    fail "building $1 failed; the end of its log is above"
  }
}
