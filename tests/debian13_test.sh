#!/usr/bin/env bash
# Builds both programs on Debian 13 with AddressSanitizer and UndefinedBehaviorSanitizer, and runs their
# tests and the demo: in a container, from a copy of the sources without build/.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/debian13_test.sh

The container has the packages of packages.txt. It has no network, so the programs are built with the
distribution's cpp-httplib. The tests of scripts, manifests, documents and the page are not run again:
most of that does not depend on the distribution.

If no container engine is running, root is needed: the script installs Debian's (packages.txt),
starts it and stops it at the end. If debian:trixie-slim cannot be pulled, debootstrap makes it. The
script removes what it made, except build/debian13/ccache: the next run is faster with it.

Exit status: 0 passed, 1 failed, 2 wrong usage.
END
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."

readonly run="debian13-test-$$" # the name of the image and of the container
readonly ccache=$PWD/build/debian13/ccache
work=

say() { echo "- $*"; }

fail() {
  echo "debian13_test.sh: FAIL: $*" >&2
  exit 1
}

# shellcheck source=tests/support/engine.sh
. tests/support/engine.sh

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  "$docker" rm --force "$run" >/dev/null 2>&1 || true
  "$docker" image rm --force "$run" >/dev/null 2>&1 || true
  close_engine
  rm -rf "$work"
  exit "$status"
}

install_packages() {
  local started=$SECONDS
  build_image "$run" - <<END
FROM $base
WORKDIR /project
COPY packages.txt ./
COPY scripts/install-packages.sh scripts/
RUN apt-get update && apt-get install --yes --no-install-recommends make \
 && scripts/install-packages.sh build run test postgresql
# PostgreSQL demands that its user has a name.
RUN getent passwd $(id -u) || useradd --uid $(id -u) developer
END
  say "packages installed in $((SECONDS - started)) s"
}

# in_container COMMAND...: the container's user is the caller, so that the caller owns the files of
# ccache. --sig-proxy=false lets Ctrl-C end the client, and clean_up the container.
in_container() {
  mkdir -p "$ccache"
  "$docker" run --name "$run" --interactive --sig-proxy=false --network none \
    --user "$(id -u):$(id -g)" --volume "$ccache:/ccache" --env CCACHE_DIR=/ccache --env CCACHE_DISABLE \
    "$run" "$@"
}

main() {
  trap clean_up EXIT
  trap 'fail interrupted' INT TERM
  work=$(mktemp -d "${TMPDIR:-/tmp}/debian13-test.XXXXXX")

  open_engine
  have_base
  install_packages
  # shellcheck disable=SC2016  # the bash in the container expands it
  tar -cf - --exclude=./build --exclude=./.git . |
    in_container bash -euc '
      mkdir /tmp/project; cd /tmp/project; tar -xf -
      cmake --preset asan
      cmake --build --preset asan --parallel "$1"
      BIN_DIR=build/asan/bin scripts/demo.sh
      ctest --preset asan --parallel $((2 * $1))' bash "${JOBS:-2}" ||
    fail "the output is above"
  echo "debian13_test.sh: PASS"
}

main
