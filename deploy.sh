#!/usr/bin/env bash
# Builds the images and deploys both services on Kubernetes: on minikube or on another cluster.
set -euo pipefail

usage() {
  cat <<'END'
Usage: ./deploy.sh [--context NAME] [--registry HOST[/PATH]] [--tag TAG]
                   [--postgresql | --sqlite] [--switch]
       ./deploy.sh --status | --delete [--force] | --print-tag

Deploys invoice-app and payment-provider with three pods each, and an audit each hour, or updates a
deployment, one pod after the other. If nothing has changed, it changes nothing.

The cluster is minikube, which is started if necessary. If minikube is not installed, it is the
cluster of kubectl's current context.

  --context NAME      use the cluster of this kubectl context
  --registry HOST[/PATH]
                      push the images to this registry; the cluster pulls them from there
  --tag TAG           tag of the images, instead of a hash of what they are built from and the nodes'
                      architecture; existing images with this tag are not built again, except to load
                      them into several nodes
  --postgresql        use PostgreSQL, with pods on several nodes. The URLs are in the Secrets named
                      "database" of both namespaces. For a new deployment without such Secrets, one
                      PostgreSQL is started in each namespace, FOR EVALUATION ONLY
  --sqlite            use SQLite. Without both options: the database of the existing deployment, and
                      SQLite if there is none
  --switch            with --postgresql or --sqlite: let an existing deployment use the other database.
                      The data stay where they are: stop all pods, and move the data, before
                      (docs/kubernetes.md)
  --status            show the pods and the databases
  --delete            remove both namespaces with everything in them, also the data, but not a
                      database elsewhere; asks first
  --force             do not ask
  --print-tag         print the tag that the images would get

Without --registry, the images are loaded into the nodes of minikube, kind or k3d, or into the
containerd of this machine if it is the only node. Other clusters must have the images already.

Environment:
  DEPLOY_CONTEXT, REGISTRY, IMAGE_TAG, FORCE=1
                      same as the options; for example make deploy REGISTRY=registry.example.com/team
  ARCHITECTURE        of the images: amd64, arm64 or another one of Kubernetes. By default that of the
                      nodes; for --print-tag, that of this machine
  HTTPLIB_DOWNLOAD    OFF builds with Debian's cpp-httplib instead of the pinned release
  JOBS                how many compilers run at once; by default as many as CPUs and memory allow
  ROLLOUT_TIMEOUT     how long to wait until a service is ready (default 300s)
  MINIKUBE_PROFILE, MINIKUBE_CPUS, MINIKUBE_MEMORY
                      name of the minikube cluster, and its size at its start (minikube, 2, 4g)

Exit status: 0 done, 1 failed (the last lines say at which step, and what to try), 2 wrong usage.
END
}

cd "$(dirname "$0")"
# shellcheck source=scripts/deploy-images.sh
. scripts/deploy-images.sh
# shellcheck source=scripts/deploy-secrets.sh
. scripts/deploy-secrets.sh

readonly services='payment-provider invoice-app' # deployed in this order: invoice-app calls payment-provider
readonly overlay=overlays/postgresql
readonly ours='app.kubernetes.io/part-of=invoice-payments'
readonly rollout_timeout=${ROLLOUT_TIMEOUT:-300s}

action=deploy
context=${DEPLOY_CONTEXT:-}
registry=${REGISTRY:-}
tag=${IMAGE_TAG:-}
architecture=${ARCHITECTURE:-}
force=${FORCE:-}
database= # sqlite or postgresql
switch=
profile=${MINIKUBE_PROFILE:-minikube}
on_minikube=
changing= # set from the first change to the cluster on
work=

say() { echo "- $*"; }
have() { command -v "$1" >/dev/null; }
# kubectl with the context chosen at the start, even if the current context changes meanwhile.
k() { kubectl ${context:+--context="$context"} "$@"; }

namespace_of() {
  case $1 in
    invoice-app) echo invoicing ;;
    payment-provider) echo payments ;;
  esac
}

# --- Messages for failures ---

step=
hint=
# step NAME HINT: begins a step. HINT says what to try if the step fails.
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
      echo "deploy.sh: interrupted at: $step. Completed steps stay; run it again to continue." >&2
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
    k -n "$namespace" logs --selector "app.kubernetes.io/name in ($name, database)" --prefix \
      --tail 10 || true
  done
  echo
}

# What to try if pods do not become ready, by their status in the table of pods. A pod of the audit also
# fails if something differs.
advice() {
  case $(pods 2>/dev/null | grep -v -e -audit-) in
    *ErrImage* | *ImagePull* | *InvalidImageName*)
      echo "The node can't get an image: $(image_of invoice-app), $(image_of payment-provider)." \
        "Use --registry, so that the cluster can pull them; or load them into the node, and pass" \
        "their tag with --tag."
      ;;
    *CrashLoop* | *' Error '*)
      echo "A program ends at its start; its logs above say why. Settings are in" \
        "k8s/*/configmap.yaml. \"exec format error\" in the logs: the images are not for the node's" \
        "architecture. deploy.sh builds those without --tag."
      ;;
    *CreateContainer* | *Pending* | *ContainerCreating*)
      echo "A pod can't start; the events above say why. Often there is no default storage class" \
        "(kubectl${context:+ --context $context} get storageclass), or the node has too little free CPU" \
        "(kubectl${context:+ --context $context} describe nodes)."
      ;;
    *) echo "See the events and logs above." ;;
  esac
  if [[ $database == postgresql ]]; then
    echo "  A program also ends at its start if it can't reach its database. Connections are allowed in
  $overlay/common/networkpolicy.yaml. The image of the database for
  evaluation is in $overlay/evaluation/database/statefulset.yaml."
  fi
  echo "  Older pods, if there are any, continue to serve. Run deploy.sh again to continue."
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

# A new minikube gets calico, which enforces network policies; minikube's own network may not. One that
# was stopped is started as it was: another network would break it. Waits until all of minikube is
# ready: on a slow network the rollouts would otherwise time out.
start_minikube() {
  local host new=()
  if host=$(minikube -p "$profile" status --format='{{.Host}}' 2>/dev/null); then return; fi
  case $host in
    Running* | Paused* | Stopped*) ;;
    *) new=(--cni=calico --cpus="${MINIKUBE_CPUS:-2}" --memory="${MINIKUBE_MEMORY:-4g}") ;;
  esac
  step "Starting minikube" \
    "See the output of minikube above. When \"minikube -p $profile start${new[0]:+ ${new[0]}}\" works, with any
  options, run deploy.sh again.${new[0]:+ To use less memory: MINIKUBE_MEMORY=3g make deploy}"
  minikube -p "$profile" start --wait=all ${new[@]+"${new[@]}"}
}

reach_cluster() {
  step "Cluster: ${on_minikube:+minikube, }context ${context:-(kubectl has none)}" \
    "Check that it runs: kubectl ${context:+--context $context }get nodes${on_minikube:+, minikube -p $profile start}.
  For another cluster: ./deploy.sh --context NAME, with a name from kubectl config get-contexts. If you
  have no cluster, install minikube: https://minikube.sigs.k8s.io/docs/start"
  # minikube was started with another KUBECONFIG than the current one.
  if [[ -n $on_minikube ]] && ! kubectl config get-contexts "$context" >/dev/null 2>&1; then
    minikube -p "$profile" update-context
  fi
  k get --raw=/version --request-timeout=20s >/dev/null
}

# On several nodes of minikube, its own volumes belong to root: our pods can't start on most nodes.
warn_of_volumes() {
  local default='{.items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")].provisioner}'
  if [[ -z $on_minikube || $database != sqlite ]] || only_one_node; then return; fi
  [[ $(k get storageclass --output jsonpath="$default") == k8s.io/minikube-hostpath ]] || return 0
  say "This minikube has several nodes, and on most of them, pods can't write to its volumes. Before the" \
    "first deployment: minikube -p $profile addons enable storage-provisioner-rancher. Or: ./deploy.sh --postgresql"
}

# --- Objects ---

# The directory with the manifests of a service, one object per file.
manifests_of() {
  if [[ $database == sqlite ]]; then
    echo "k8s/$1"
    return
  fi
  mkdir -p "$work/$1"
  k kustomize "$overlay/$1" --output "$work/$1" && echo "$work/$1"
}

# apply_workload KIND NAME MANIFESTS: applies the object of this kind, with the image that was built and
# a hash of the settings: pods read the settings at start, so new settings must replace the pods. One
# object, so that all changes are one rollout.
apply_workload() {
  local kind=$1 name=$2 manifests=$3 settings template
  settings=$("${sha256[@]}" <"$(grep -l '^kind: ConfigMap' "$manifests"/*.yaml)" | cut -c 1-12)
  template='{"spec": {"template": {
    "metadata": {"annotations": {"checksum/config": "'"$settings"'"}},
    "spec": {"containers": [{"name": "'"$name"'", "image": "'"$(image_of "$name")"'"}]}}}}'
  if [[ $kind == CronJob ]]; then template='{"spec": {"jobTemplate": '"$template"'}}'; fi
  k patch --local -f "$(grep -l "^kind: $kind" "$manifests"/*.yaml)" --output yaml \
    --patch "$template" | k apply -f -
}

apply_service() {
  local name=$1 manifests file files=()
  step "Applying k8s/$name" "See the output of kubectl above."
  manifests=$(manifests_of "$name")
  while IFS= read -r file; do
    files+=(-f "$file")
  done < <(grep -LE '^kind: (Deployment|CronJob)' "$manifests"/*.yaml)
  k apply "${files[@]}"
  apply_workload Deployment "$name" "$manifests"
  step "Waiting until $name is ready" ''
  k -n "$(namespace_of "$name")" rollout status "deployment/$name" --timeout="$rollout_timeout"
  if [[ $name == invoice-app ]]; then
    # After the pods, which migrate the database.
    step "Applying the audit" "See the output of kubectl above."
    apply_workload CronJob "$name" "$manifests"
  fi
}

# --- Actions ---

deploy() {
  local name
  work=$(mktemp -d "${TMPDIR:-/tmp}/deploy.XXXXXX")
  if [[ -n $on_minikube ]]; then start_minikube; fi
  reach_cluster
  choose_architecture
  choose_database
  warn_of_volumes
  provide_images

  step "Namespaces and token" "Check the rights of this context: kubectl${context:+ --context $context} auth can-i create namespaces"
  changing=1
  k apply -f k8s/00-namespaces.yaml
  make_token
  if [[ $database == postgresql ]]; then provide_databases; fi
  for name in $services; do apply_service "$name"; done
  report
}

report() {
  local address port target=
  [[ -n $on_minikube ]] || target=" ARGS='--context $context'"
  step "Done" "Both services run; only the summary failed."
  pods
  port=$(k -n invoicing get service invoice-app --output jsonpath='{.spec.ports[0].nodePort}')
  address=$(k get nodes --output jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  cat <<END

URL: http://${address%% *}:$port
     If this machine can't reach the nodes, as with minikube on macOS and Windows, keep this command
     running and use http://127.0.0.1:8081:
       kubectl ${context:+--context $context }-n invoicing port-forward service/invoice-app 8081:8081

The services are not in the namespace "default":
  kubectl ${context:+--context $context }get all -n invoicing    # and -n payments
${on_minikube:+  minikube -p $profile service invoice-app -n invoicing --url
}
Next:
  curl http://${address%% *}:$port/invoices
  curl -X POST http://${address%% *}:$port/invoices/pay
  ./test.sh${context:+ --context $context}    # tests the services; deletes pods, and leaves paid invoices
  make status$target      # shows the pods
  make undeploy$target    # removes everything, also the data
END
}

show_status() {
  local name
  reach_cluster
  pods
  for name in $services; do
    database=$(deployed_database "$name")
    say "$name: ${database:-not deployed}"
  done
}

delete() {
  local answer
  reach_cluster
  step "Removing the namespaces invoicing and payments, with all data in them" \
    "There is no terminal to ask on. Without a question: ./deploy.sh --delete --force, make undeploy FORCE=1"
  if [[ -z $force ]]; then
    [[ -t 0 ]] || exit 1
    read -r -p 'Type "yes" to continue: ' answer
    [[ $answer == yes ]] || fail "Nothing was removed."
  fi
  hint="See the output of kubectl above. kubectl get namespaces shows what is left."
  k delete -f k8s/00-namespaces.yaml --ignore-not-found --timeout=180s
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
      --postgresql | --sqlite)
        [[ -z $database || $database == "${1#--}" ]] || wrong_usage "--postgresql and --sqlite exclude each other"
        database=${1#--}
        ;;
      --switch) switch=1 ;;
      --force) force=1 ;;
      *) wrong_usage "unknown option $1" ;;
    esac
    shift
  done
  registry=${registry%/}
  [[ -z $switch || -n $database ]] || wrong_usage "--switch needs --postgresql or --sqlite"
  [[ $tag != latest ]] || wrong_usage "the tag latest does not say which version runs"
}

main() {
  parse_options "$@"
  if [[ $action == print-tag ]]; then
    architecture=${architecture:-$(own_architecture)}
    echo "${tag:-$(content_tag)}"
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
