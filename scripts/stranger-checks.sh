# shellcheck shell=bash disable=SC2034,SC2154 # variables of the files that are sourced together
# Can a pod that isn't invoice-app reach payment-provider? To be sourced by test.sh; for bash 3.2.
#
# The strangers run our own two images, as there may be no others on the nodes: an invoice-app calls
# whatever its PAYMENT_PROVIDER_URL names when it is told to pay, and says in its answer what became
# of the call. They are in a namespace of their own, under Pod Security "restricted":
#
#   target     a payment-provider without a token
#   control    an invoice-app that pays at the target: shows that strangers can call and that we would
#              see it, and, once a policy forbids it, whether this cluster's network obeys policies
#   stranger   an invoice-app that pays at the real payment-provider, under invoice-app's own labels

readonly STRANGER_READY_SECONDS=120
readonly NO_CONNECTION="can't connect"

# stranger_pod NAME SERVICE: an object like the pods of the service's deployment, but with nothing
# that belongs to its namespace, and with the environment in the JSON array that is read.
stranger_pod() {
  jq --arg name "$1" --slurpfile environment /dev/stdin \
    --arg node "$(jq -r '.items[0].spec.nodeName // empty' "$work/$2-pods.json")" '
    .spec.template as $template
    | {apiVersion: "v1", kind: "Pod",
       metadata: {name: $name, labels: ($template.metadata.labels + {stranger: $name})},
       spec: ($template.spec
         | del(.affinity, .serviceAccount, .serviceAccountName)
         | .nodeName = $node # where the image is
         | .terminationGracePeriodSeconds = 1
         | .volumes = [{name: "data", emptyDir: {}}]
         | .containers |= map(del(.envFrom)
             | .resources.requests.cpu = "10m" # nobody schedules it: it must fit as it is
             | .env = $environment[0]
             | .volumeMounts |= map(select(.name == "data"))))}' "$work/$2.json"
}

# stranger_caller NAME PROVIDER_URL
stranger_caller() {
  jq -n --arg url "$2" '[
      {name: "PAYMENT_PROVIDER_URL", value: $url},
      {name: "DATABASE_URL", value: "sqlite:/data/invoices.db"},
      {name: "PAY_WAIT_SECONDS", value: "10"}]' | stranger_pod "$1" invoice-app
}

stranger_target() {
  jq -n '[{name: "DATABASE_URL", value: "sqlite:/data/payments.db"}]' |
    stranger_pod target payment-provider
  jq -n '{apiVersion: "v1", kind: "Service", metadata: {name: "target"},
      spec: {selector: {stranger: "target"}, ports: [{port: 8082, targetPort: "http"}]}}'
}

stranger_namespace() {
  jq -n --arg name "$1" '{apiVersion: "v1", kind: "Namespace",
      metadata: {name: $name, labels: {"pod-security.kubernetes.io/enforce": "restricted",
        "app.kubernetes.io/managed-by": "test.sh"}}}'
}

deny_calls_to_target() {
  jq -n '{apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: {name: "deny"},
      spec: {podSelector: {matchLabels: {stranger: "target"}}, policyTypes: ["Ingress"]}}'
}

has_service_account() { try_kube get serviceaccount default -n "$1" -o name >/dev/null; }

strangers_are_ready() {
  try_kube get pods -n "$1" -o json >"$work/strangers.json" &&
    jq -e "$POD_FACTS"'(.items | length) == 3 and all(.items[]; is_ready)' "$work/strangers.json" \
      >/dev/null
}

start_strangers() {
  local namespace provider
  namespace=invoice-test-$(date +%Y%m%d-%H%M%S)-$RANDOM
  kube get deployment invoice-app -n invoicing -o json >"$work/invoice-app.json"
  kube get deployment payment-provider -n payments -o json >"$work/payment-provider.json"
  get_pods invoicing invoice-app >"$work/invoice-app-pods.json"
  get_pods payments payment-provider >"$work/payment-provider-pods.json"
  provider=$(kube get configmap invoice-app -n invoicing -o json | jq -r .data.PAYMENT_PROVIDER_URL)
  # The control's URL has the same form, so that a name that can't be resolved shows there.
  [[ $provider == *payment-provider.payments* ]] ||
    fail "PAYMENT_PROVIDER_URL is $provider, not a name in namespace payments"

  echo "$namespace" >"$work/stranger-namespace"
  stranger_namespace "$namespace" | kube create -f - >/dev/null
  await 30 has_service_account "$namespace" || fail "namespace $namespace: $(kubectl_error)"
  {
    stranger_target
    stranger_caller control "${provider/payment-provider.payments/target.$namespace}"
    stranger_caller stranger "$provider"
  } | jq -s '{apiVersion: "v1", kind: "List", items: .}' |
    kube create -n "$namespace" -f - >/dev/null
  await "$STRANGER_READY_SECONDS" strangers_are_ready "$namespace" ||
    fail "not ready after $STRANGER_READY_SECONDS s: $(jq -r "$POD_FACTS"'.items[]
      | select(is_ready | not) | "\(.metadata.name) (\(.status.phase), \(
        [.status.containerStatuses[]?.state.waiting.reason // empty] | join(", ")))"' \
      "$work/strangers.json" | tr '\n' ' ')"
}

# Makes a caller pay ten new invoices, so that failures are many at once and known soon. Prints what
# it got: "paid", "can't connect to ...", "HTTP 401" or the like.
stranger_gets() {
  local url status attempt
  url=$(forward "$(cat "$work/stranger-namespace")" "pod/$1" 8081) || exit 1
  jq -n -c --arg id "stranger-$RANDOM$RANDOM" \
    '[range(10) | {InvoiceId: "\($id)-\(.)", Value: 1, Currency: "EUR"}]' >"$work/body"
  status=$(post_json "$work/answer" "$url/invoices" "$work/body")
  [[ $status == 201 ]] || fail "pod $1: adding invoices gave $status: $(why "$work/answer")"
  for attempt in 1 2 3; do
    status=$(call "$work/answer" POST "$url/invoices/pay")
    case $status in
      200)
        echo paid
        return
        ;;
      503)
        jq -r '.detail | capture("used now \\((?<reason>.*)\\); payment").reason' "$work/answer"
        return
        ;;
      202) ;; # not known yet
      *) fail "pod $1: POST /invoices/pay gave $status: $(why "$work/answer")" ;;
    esac
  done
  fail "pod $1: it wasn't known after $attempt calls whether it can reach the provider"
}

# Not at once again after a call that got through: the kept-alive connection, which a policy may
# leave alone, is closed after two seconds.
is_cut_off() {
  stranger_gets control >"$work/got"
  [[ $(cat "$work/got") == "$NO_CONNECTION"* ]] || {
    sleep 3
    return 1
  }
}

check_control() {
  local got
  got=$(stranger_gets control)
  [[ $got == paid ]] || fail "a pod that nothing forbids to call another got: $got"
}

check_policies_are_obeyed() {
  local seconds=${POLICY_SECONDS:-30}
  deny_calls_to_target | kube create -n "$(cat "$work/stranger-namespace")" -f - >/dev/null
  await "$seconds" is_cut_off ||
    skip "NetworkPolicies are NOT enforced by this cluster's network: $seconds s after one that" \
      "forbids a call, the caller still got: $(cat "$work/got")"
}

check_stranger_is_cut_off() {
  local got
  got=$(stranger_gets stranger)
  [[ $got == "$NO_CONNECTION"* ]] ||
    fail "a pod in another namespace reached payment-provider and got: $got"
}

check_stranger_is_refused() {
  local got
  got=$(stranger_gets stranger)
  [[ $got == "HTTP 401" ]] || fail "a pod in another namespace got: $got"
}

test_strangers() {
  check "strangers start, in a namespace of their own with restricted pods" start_strangers
  if [[ $outcome == ok ]]; then
    check "a stranger can call a pod that no policy protects" check_control
  fi
  if [[ $outcome == ok ]]; then
    check "a stranger can't call it any more when a policy forbids it" check_policies_are_obeyed
    case $outcome in
      ok) check "a stranger can't connect to the provider" check_stranger_is_cut_off ;;
      skipped)
        check "the provider answers a stranger with 401, at least" check_stranger_is_refused
        ;;
    esac
  fi
  delete_stranger_namespace
}

stranger_namespace_is_gone() {
  [[ -z $(try_kube get namespace "$1" --ignore-not-found -o name || echo unknown) ]]
}

delete_stranger_namespace() {
  if [[ -s $work/stranger-namespace ]]; then
    try_kube delete namespace "$(cat "$work/stranger-namespace")" --ignore-not-found --wait=false \
      >/dev/null || true
  fi
}

# At the end, whatever happened.
remove_stranger_namespace() {
  local namespace
  [[ -s $work/stranger-namespace ]] || return 0
  namespace=$(cat "$work/stranger-namespace")
  delete_stranger_namespace
  await 120 stranger_namespace_is_gone "$namespace" ||
    echo "Namespace $namespace could not be removed; do it with: kubectl delete namespace $namespace"
}
