#!/usr/bin/env bash
# Deploys both services to Kubernetes. Not yet.
set -euo pipefail

cat >&2 <<'END'
deploy.sh: there are no Kubernetes manifests in this repository yet, so there is nothing to deploy.
To run both services on this machine:  make run
To see what they do:                   make demo
END
exit 1
