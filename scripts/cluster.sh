# shellcheck shell=bash disable=SC2034,SC2154 # variables of the files that are sourced together
# Functions that use kubectl. test.sh sources this file. Works in bash 3.2.

readonly REPLICAS=3
readonly READY_SECONDS=180  # until new pods are ready, after all old ones were deleted
readonly FORWARD_ATTEMPTS=4 # to forward a port
readonly FORWARD_SECONDS=20 # for each
readonly POD_FACTS='
  def is_ready: any(.status.conditions[]?; .type == "Ready" and .status == "True");
  def restarts: [.status.containerStatuses[]?.restartCount] | add // 0;
  def last_end: [.status.containerStatuses[]?.lastState.terminated // empty] | last // {};
  # Not of the service itself, but of what stopped it, such as the restart of a node.
  def was_stopped: .reason != "OOMKilled" and (.exitCode | IN(0, 137, 143, 255, null));'

try_kube() {
  kubectl ${context:+--context "$context"} --request-timeout=20s "$@" 2>"$work/kubectl-error"
}

kubectl_error() { tail -n 1 "$work/kubectl-error"; }

kube() { try_kube "$@" || fail "kubectl $*: $(kubectl_error)"; }

# With --raw: otherwise kubectl asks an unreachable cluster several times for its kinds of objects.
is_deployed() {
  if ! command -v kubectl >/dev/null; then
    echo "kubectl is missing" >"$work/kubectl-error"
    return 1
  fi
  try_kube get --raw /apis/apps/v1/namespaces/invoicing/deployments/invoice-app \
    --request-timeout=5s >/dev/null
}

context_name() { echo "${context:-$(try_kube config current-context || echo unknown)}"; }

# get_pods NAMESPACE NAME: prints the pods of a deployment as JSON.
get_pods() { kube get pods -n "$1" -l "app.kubernetes.io/name=$2" -o json; }

pod_names() {
  get_pods "$1" "$2" |
    jq -r '.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name'
}

# delete_pods NAMESPACE NAME [ARGUMENTS...]
delete_pods() {
  local namespace=$1 name=$2
  shift 2
  kube delete pods -n "$namespace" -l "app.kubernetes.io/name=$name" --wait=false "$@" >/dev/null
}

# pods_are_new NAMESPACE NAME: whether there are REPLICAS pods, all ready, and none of them is listed
# in $work/old-pods.
pods_are_new() {
  try_kube get pods -n "$1" -l "app.kubernetes.io/name=$2" -o json |
    jq -e --rawfile old "$work/old-pods" --argjson replicas "$REPLICAS" "$POD_FACTS"'
      ($old | split("\n")) as $old
      | (.items | length) == $replicas
        and all(.items[]; is_ready and (.metadata.name as $name | $old | index($name) == null))' \
      >/dev/null
}

# --- Connections to pods ---

# forward NAMESPACE TARGET PORT: prints the URL of a local port that is forwarded to TARGET's port. It
# works as long as the pod lives.
forward() {
  local namespace=$1 target=$2 port=$3 name attempt
  name=$work/forward-$namespace-${target//\//-}-$port
  for ((attempt = 0; attempt <= FORWARD_ATTEMPTS; attempt++)); do
    if [[ $attempt -gt 0 ]]; then
      stop_forward "$name.pid"
      : >"$name.pid"
      run_forward "$name" -n "$namespace" "$target" ":$port" </dev/null >"$name.log" 2>&1 &
    fi
    await $((attempt > 0 ? FORWARD_SECONDS : 0)) forward_is_settled "$name" || continue
    if forward_answers "$name"; then
      forwarded_url "$name"
      return
    fi
  done
  fail "kubectl port-forward to $target in $namespace doesn't work: $(tail -n 1 "$name.log")"
}

# NAME.pid exists as long as the process, so that its number never means another process.
run_forward() {
  local name=$1
  shift
  kubectl ${context:+--context "$context"} port-forward --address 127.0.0.1 "$@" &
  echo $! >"$name.pid"
  wait $! || true
  rm -f "$name.pid"
}

forwarded_url() {
  sed -n 's|^Forwarding from \(127.0.0.1:[0-9]*\) -> .*|http://\1|p' "$1.log"
}

forward_answers() {
  [[ -s $1.pid && -n $(forwarded_url "$1") ]] &&
    curl -s -o /dev/null --max-time 5 "$(forwarded_url "$1")/"
}

forward_is_settled() { forward_answers "$1" || [[ ! -e $1.pid ]]; }

stop_forward() {
  local process
  process=$(cat "$1" 2>/dev/null) || true # run_forward removes the file when the process ends
  if [[ -n $process ]]; then kill "$process" 2>/dev/null || true; fi
  await 5 test ! -e "$1" || true
}

stop_forwards() {
  local file
  for file in "$work"/forward-*.pid; do stop_forward "$file"; done
}

# Finds out how to reach invoice-app from outside: through its NodePort if possible, otherwise through
# a forwarded port. Writes the URL to $work/entrance, or nothing for a forwarded port.
find_entrance() {
  local port addresses address
  port=$(kube get service invoice-app -n invoicing -o json | jq -r '.spec.ports[0].nodePort // empty')
  [[ -n $port ]] || fail "Service invoice-app in namespace invoicing has no NodePort"
  : >"$work/entrance"
  addresses=$(node_addresses) || true # this user may have no right to list nodes
  for address in $addresses; do
    case $address in *:*) address="[$address]" ;; esac
    if curl -sfg -o /dev/null --connect-timeout 2 --max-time 10 "http://$address:$port/invoices"; then
      echo "http://$address:$port" >"$work/entrance"
      note "http://$address:$port, the NodePort"
      return
    fi
  done
  connect_to_cluster
  note "$INVOICE_URL, a forwarded port: port $port of the nodes is not reachable from here"
}

node_addresses() {
  try_kube get nodes -o json | jq -r '
    .items[].status.addresses[] | select(.type == "InternalIP" or .type == "ExternalIP") | .address'
  if [[ $(context_name) == *minikube* ]] && command -v minikube >/dev/null; then
    minikube ip 2>/dev/null || true
  fi
}

connect_to_cluster() {
  INVOICE_URL=$(cat "$work/entrance")
  if [[ -z $INVOICE_URL ]]; then INVOICE_URL=$(forward invoicing service/invoice-app 8081); fi
  PROVIDER_URL=$(forward payments service/payment-provider 8082)
}

# Gives the token to curl. The token is never printed, and never an argument of a process.
read_token() {
  local namespace
  for namespace in invoicing payments; do
    try_kube get secret provider-token -n "$namespace" -o json >"$work/secret" ||
      fail "namespace $namespace: $(kubectl_error). \"make deploy\" makes the Secret"
    jq -j '.data.token // "" | @base64d' "$work/secret" >"$work/token-$namespace"
    [[ -s $work/token-$namespace ]] || fail "namespace $namespace: Secret provider-token has no token"
  done
  cmp -s "$work/token-invoicing" "$work/token-payments" ||
    fail "the tokens differ, so invoice-app can't pay; run \"make deploy\""
  use_token "$work/token-payments"
}
