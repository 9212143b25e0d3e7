#!/usr/bin/env bash
# Installs the missing Debian packages of packages.txt. If none is missing, or the system has none of them,
# it does nothing and needs no root.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/install-packages.sh [USE...]

Installs the packages of packages.txt for these uses: build, run, test, tools, lint, fuzz, load,
monitor, postgresql, images. Without a USE, for all except images, which would install a container engine.
END
}

fail() {
  echo "install-packages.sh: $*" >&2
  exit 1
}

list=$(dirname "$0")/../packages.txt
uses=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    build | run | test | tools | lint | fuzz | load | monitor | postgresql | images) uses+=("$argument") ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ ${#uses[@]} -gt 0 ]] || uses=(build run test tools lint fuzz load monitor postgresql)

[[ $(uname -s) == Linux ]] ||
  fail "this runs only on Linux. Here, use containers: docker compose up --build, or make deploy"

packages=()
for use in "${uses[@]}"; do
  while read -r package; do
    packages+=("$package")
  done < <(sed -n "s/^$use  *\([^ ]*\).*/\1/p" "$list")
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install-packages.sh: this is not Debian or Ubuntu, so nothing is installed. Please install your" \
    "system's equivalents of: ${packages[*]}" >&2
  exit 0
fi

# What is installed, and what that provides: Node.js from elsewhere may bring its own npm.
installed=$(dpkg-query -W -f '${db:Status-Status},${Package},${Provides}\n' |
  sed -n 's/^installed,//p' | tr -d ' ' | tr ',' '\n' | sed 's/(.*//')
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

# sort_missing: sets `available` and `unavailable` to the missing packages with and without a candidate.
sort_missing() {
  local package
  available=()
  unavailable=()
  for package in "${missing[@]}"; do
    if [[ $(LC_ALL=C apt-cache policy "$package") == *'Candidate: '[^\(]* ]]; then
      available+=("$package")
    else
      unavailable+=("$package")
    fi
  done
}

warn_of_unavailable() {
  [[ ${#unavailable[@]} -eq 0 ]] ||
    echo "install-packages.sh: this system does not have: ${unavailable[*]}" >&2
}

sort_missing
# In a new image there are no lists of packages yet, so no package has a candidate.
if [[ ${#available[@]} -eq 0 ]] && compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
  warn_of_unavailable
  exit 0
fi

echo "Installing: ${missing[*]}"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null ||
    fail "not root, and there is no sudo. As root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi
apt_get() {
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get -o Acquire::Retries=3 "$@"
}
apt_get update -q
sort_missing
warn_of_unavailable
apt_get install -q -y --no-install-recommends ${available[@]+"${available[@]}"}
