#!/usr/bin/env bash
# Builds the images and brings both services up on Kubernetes, on minikube or any other cluster.
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./deploy.sh [--context NAME] [--registry HOST[/PATH]] [--tag TAG]
       ./deploy.sh --status | --delete [--force] | --print-tag

Brings up invoice-app and payment-provider, three pods of each, or brings those that run up to date,
one pod after the other. Run again with nothing changed, it changes nothing.

The cluster is minikube, which is started if need be; where minikube isn't installed, it is that of
kubectl's current context.

  --context NAME      the cluster of this context of kubectl's instead
  --registry HOST[/PATH]
                      push the images there, and let the cluster pull them from there
  --tag TAG           the images' tag, instead of a hash of what they are built from; images that are
                      there under this tag are used as they are
  --status            show the pods
  --delete            remove both namespaces with all that is in them, the data too; asks first
  --force             don't ask
  --print-tag         say which tag the images would get

Without --registry, the images are put on the node of minikube, kind or k3d, or into the containerd of
this machine where it is the cluster's only node. On other clusters they must be there already.

Environment:
  DEPLOY_CONTEXT, REGISTRY, IMAGE_TAG, FORCE=1
                      the same as the options, e.g. make deploy REGISTRY=registry.example.com/team
  HTTPLIB_DOWNLOAD    OFF builds with Debian's cpp-httplib rather than the pinned release
  ROLLOUT_TIMEOUT     how long a service may take to be ready (default 300s)
  MINIKUBE_PROFILE, MINIKUBE_CPUS, MINIKUBE_MEMORY
                      which minikube, and its size when it is started (minikube, 2, 4g)

Exit status: 0 done, 1 failed (the last lines say where, and what to try), 2 wrong usage.
END
}

cd "$(dirname "$0")"
# shellcheck source=scripts/deploy-images.sh
. scripts/deploy-images.sh

readonly services='payment-provider invoice-app' # in this order: the one that is called first
readonly ours='app.kubernetes.io/part-of=invoice-payments'
readonly rollout_timeout=${ROLLOUT_TIMEOUT:-300s}

action=deploy
context=${DEPLOY_CONTEXT:-}
registry=${REGISTRY:-}
tag=${IMAGE_TAG:-}
force=${FORCE:-}
profile=${MINIKUBE_PROFILE:-minikube}
on_minikube=
changing= # set once something on the cluster may have changed
work=

say() { echo "- $*"; }
have() { command -v "$1" >/dev/null; }
# Always with the context that was chosen at the start, even if someone changes the current one.
k() { kubectl ${context:+--context="$context"} "$@"; }

namespace_of() {
  case $1 in
    invoice-app) echo invoicing ;;
    payment-provider) echo payments ;;
  esac
}

# --- What is said when something fails ---

step=
hint=
# step NAME HINT: what is being done from here on, and what to try if it fails.
step() {
  step=$1
  hint=$2
  say "$1"
}

fail() {
  hint=$*
  exit 1
}

on_exit() {
  local status=$?
  trap - EXIT INT TERM
  if [[ -n $work ]]; then rm -rf "$work"; fi
  case $status in
    0) exit 0 ;;
    130 | 143)
      echo "deploy.sh: interrupted at: $step. What was done stays; run it again to go on." >&2
      exit "$status"
      ;;
  esac
  if [[ -n $changing ]]; then diagnose >&2; fi
  printf 'deploy.sh: FAILED at: %s.\n  %s\n' "$step" "${hint:-$(advice)}" >&2
  exit 1
}

# The pods of both namespaces in one table.
pods() { k get pods --all-namespaces --selector "$ours" --output wide; }

diagnose() {
  local name namespace
  printf '\nPods:\n'
  pods || true
  for name in $services; do
    namespace=$(namespace_of "$name")
    printf '\nLast events in %s:\n' "$namespace"
    k -n "$namespace" get events --sort-by=.lastTimestamp | tail -n 15 || true
    printf '\nLast logs of %s:\n' "$name"
    k -n "$namespace" logs --selector "app.kubernetes.io/name=$name" --prefix --tail 10 || true
  done
  echo
}

# What to try when pods don't become ready, after what their table says.
advice() {
  case $(pods 2>/dev/null) in
    *ErrImage* | *ImagePull* | *InvalidImageName*)
      echo "The node can't get an image: $(image_of invoice-app), $(image_of payment-provider)." \
        "With --registry they are pushed to where the cluster can pull them; or load them into the" \
        "node and say under which tag with --tag."
      ;;
    *CrashLoop* | *' Error '*)
      echo "A program ends at its start; why is in its logs above. A setting that it doesn't take is in" \
        "k8s/*/configmap.yaml."
      ;;
    *CreateContainer* | *Pending* | *ContainerCreating*)
      echo "A pod can't start: the events above say why. Often there is no default storage class" \
        "(kubectl get storageclass) or no room on the node (kubectl describe nodes)."
      ;;
    *) echo "See the events and logs above." ;;
  esac
  echo "  Pods from before the change, if there were any, go on serving. Run this again to go on."
}

# --- The cluster ---

require_tools() {
  have kubectl ||
    fail "kubectl is missing. How to get it: https://kubernetes.io/docs/tasks/tools/#kubectl" \
      "(and minikube, for a cluster on this machine: https://minikube.sigs.k8s.io/docs/start)"
}

choose_cluster() {
  if [[ -z $context ]]; then
    if have minikube; then
      context=$profile
    else
      context=$(kubectl config current-context 2>/dev/null || true)
    fi
  fi
  if [[ $context == "$profile" ]] && have minikube; then on_minikube=1; fi
}

# With a network that enforces policies; minikube's own may not. Ready before it goes on: on a slow
# network the rollouts would otherwise run out of time.
start_minikube() {
  if minikube -p "$profile" status >/dev/null 2>&1; then return; fi
  step "Starting minikube" \
    "See what minikube says above. Once \"minikube start --cni=calico\" works, with any options, run this
  again. Less memory: MINIKUBE_MEMORY=3g make deploy"
  minikube -p "$profile" start --cni=calico --wait=all \
    --cpus="${MINIKUBE_CPUS:-2}" --memory="${MINIKUBE_MEMORY:-4g}"
}

reach_cluster() {
  step "Cluster: ${on_minikube:+minikube, }context ${context:-(kubectl has none)}" \
    "Is it up? kubectl ${context:+--context $context }get nodes${on_minikube:+, minikube -p $profile start}.
  Another one: ./deploy.sh --context NAME, from kubectl config get-contexts. None yet: install minikube,
  https://minikube.sigs.k8s.io/docs/start"
  # It was started with another KUBECONFIG than today's.
  if [[ -n $on_minikube ]] && ! kubectl config get-contexts "$context" >/dev/null 2>&1; then
    minikube -p "$profile" update-context
  fi
  k get --raw=/version --request-timeout=20s >/dev/null
}

# --- What is applied ---

# A random token, the same in both namespaces, made once. It goes from program to program: never into
# a variable, an argument or a log.
make_token() {
  local in_payments in_invoicing
  in_payments=$(k -n payments get secret provider-token --ignore-not-found --output name)
  in_invoicing=$(k -n invoicing get secret provider-token --ignore-not-found --output name)
  if [[ -z $in_payments && -z $in_invoicing ]]; then
    head -c 32 /dev/urandom | base64 | tr -d '\n' |
      k -n payments create secret generic provider-token --from-file=token=/dev/stdin
    in_payments=made
  fi
  if [[ -z $in_invoicing ]]; then copy_token payments invoicing; fi
  if [[ -z $in_payments ]]; then copy_token invoicing payments; fi
  in_payments=$(token_hash payments)
  in_invoicing=$(token_hash invoicing)
  [[ $in_payments == "$in_invoicing" ]] ||
    fail "The namespaces have different tokens, so every payment would be refused. To take that of payments:" \
      "kubectl -n invoicing delete secret provider-token; ./deploy.sh;" \
      "kubectl -n invoicing rollout restart deployment/invoice-app"
}

copy_token() {
  k -n "$1" get secret provider-token --output go-template='{"apiVersion":"v1","kind":"Secret",
    "metadata":{"name":"provider-token"},"data":{"token":"{{.data.token}}"}}' | k -n "$2" create -f -
}

token_hash() {
  k -n "$1" get secret provider-token --output jsonpath='{.data.token}' | "${sha256[@]}"
}

# The Deployment with the image that was built and a hash of the settings, so that pods, which read them at
# their start, are replaced when they change. Applied in one piece: each change is one rollout, and
# none is no rollout.
rendered_deployment() {
  local name=$1 settings
  settings=$("${sha256[@]}" <"k8s/$name/configmap.yaml" | cut -c 1-12)
  k patch --local -f "k8s/$name/deployment.yaml" --output yaml --patch '{"spec": {"template": {
    "metadata": {"annotations": {"checksum/config": "'"$settings"'"}},
    "spec": {"containers": [{"name": "'"$name"'", "image": "'"$(image_of "$name")"'"}]}}}}'
}

apply_service() {
  local name=$1 file files=()
  step "Applying k8s/$name" "See what kubectl says above."
  for file in "k8s/$name"/*.yaml; do
    [[ $file == */deployment.yaml ]] || files+=(-f "$file")
  done
  k apply "${files[@]}"
  rendered_deployment "$name" | k apply -f -
  step "Waiting until $name is ready" ''
  k -n "$(namespace_of "$name")" rollout status "deployment/$name" --timeout="$rollout_timeout"
}

# --- What the options ask for ---

deploy() {
  local name
  work=$(mktemp -d "${TMPDIR:-/tmp}/deploy.XXXXXX")
  if [[ -n $on_minikube ]]; then start_minikube; fi
  reach_cluster
  provide_images

  step "Namespaces and token" "May this context create namespaces and secrets? kubectl auth can-i create namespaces"
  changing=1
  k apply -f k8s/namespaces.yaml
  make_token
  for name in $services; do apply_service "$name"; done
  report
}

report() {
  local address port
  step "Done" "Both services are up; only the summary failed."
  pods
  port=$(k -n invoicing get service invoice-app --output jsonpath='{.spec.ports[0].nodePort}')
  address=$(k get nodes --output jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  cat <<END

URL: http://${address%% *}:$port
     Where nodes can't be reached from here, as with minikube on macOS and Windows, leave this running
     and use http://127.0.0.1:8081:
       kubectl ${context:+--context $context }-n invoicing port-forward service/invoice-app 8081:8081

Next:
  curl http://${address%% *}:$port/invoices
  curl -X POST http://${address%% *}:$port/invoices/pay
  ./test.sh${context:+ --context $context}    # tests it; deletes pods, and leaves paid invoices
  make status      # the pods
  make undeploy    # removes it all, the data too
END
}

show_status() {
  reach_cluster
  pods
}

delete() {
  local answer
  reach_cluster
  step "Removing the namespaces invoicing and payments, with all invoices and the ledger" \
    "Nothing can be asked without a terminal. To go on: ./deploy.sh --delete --force, make undeploy FORCE=1"
  if [[ -z $force ]]; then
    [[ -t 0 ]] || exit 1
    read -r -p 'Type "yes" to go on: ' answer
    [[ $answer == yes ]] || fail "Nothing was removed."
  fi
  hint="See what kubectl says above; kubectl get namespaces shows what is left."
  k delete -f k8s/namespaces.yaml --ignore-not-found --timeout=180s
}

wrong_usage() {
  echo "deploy.sh: $*; see ./deploy.sh --help" >&2
  exit 2
}

parse_options() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --context | --registry | --tag)
        [[ -n ${2:-} ]] || wrong_usage "$1 needs a value"
        case $1 in
          --context) context=$2 ;;
          --registry) registry=$2 ;;
          --tag) tag=$2 ;;
        esac
        shift
        ;;
      --status | --delete | --print-tag) action=${1#--} ;;
      --force) force=1 ;;
      *) wrong_usage "unknown option $1" ;;
    esac
    shift
  done
  registry=${registry%/}
  [[ $tag != latest ]] || wrong_usage "the tag latest says nothing about what runs"
}

main() {
  parse_options "$@"
  if [[ -z $tag ]]; then tag=$(content_tag); fi
  if [[ $action == print-tag ]]; then
    echo "$tag"
    exit 0
  fi

  trap on_exit EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  step "Tools" ''
  require_tools
  choose_cluster
  case $action in
    deploy) deploy ;;
    status) show_status ;;
    delete) delete ;;
  esac
}

main "$@"
