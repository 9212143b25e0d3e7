#!/usr/bin/env bash
# Installs the npm packages of tests/node into build/node_modules, unless they are there already. They
# are used by tests only. Their versions and hashes are in package-lock.json; none of their scripts runs.
set -euo pipefail

cd "$(dirname "$0")/.."

! cmp -s tests/node/package-lock.json build/node_modules/.installed || exit 0

mkdir -p build
cp tests/node/package.json tests/node/package-lock.json build/
echo "Installing the npm packages of tests/node"
npm ci --prefix build --ignore-scripts --no-audit --no-fund --loglevel=error
cp tests/node/package-lock.json build/node_modules/.installed
