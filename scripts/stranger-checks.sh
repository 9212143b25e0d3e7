# shellcheck shell=bash disable=SC2034,SC2154 # variables of the files that are sourced together
# Checks that other pods than invoice-app can't reach payment-provider. test.sh sources this file. Works
# in bash 3.2.
#
# A stranger is a pod in a temporary namespace. Strangers run our own two images, because the nodes may
# have no others: GET /provider of an invoice-app says whether it can use its PAYMENT_PROVIDER_URL. The
# namespace enforces Pod Security "restricted".
#
#   target     a payment-provider without a token
#   control    an invoice-app that calls the target. It must get a response: this shows that strangers can
#              make calls, and find names. Then a policy forbids the call. If it still gets a response, the
#              cluster's network does not enforce policies
#   stranger   an invoice-app with the labels of the real one, which calls the real payment-provider

readonly STRANGER_READY_SECONDS=120

# stranger_pod NAME SERVICE: prints a pod like those of the service's deployment, without references to
# objects of its namespace. Standard input is the environment, as a JSON array.
stranger_pod() {
  jq --arg name "$1" --slurpfile environment /dev/stdin \
    --arg node "$(jq -r '.items[0].spec.nodeName // empty' "$work/$2-pods.json")" '
    .spec.template as $template
    | {apiVersion: "v1", kind: "Pod",
       metadata: {name: $name, labels: ($template.metadata.labels + {stranger: $name})},
       spec: ($template.spec
         | del(.affinity, .topologySpreadConstraints, .serviceAccount, .serviceAccountName)
         | .nodeName = $node # the image is there
         | .terminationGracePeriodSeconds = 1
         | .volumes = [{name: "data", emptyDir: {}}]
         | .containers |= map(del(.envFrom)
             | .resources.requests.cpu = "10m" # the scheduler is bypassed, so it must fit
             | .env = $environment[0]
             | .volumeMounts = [{name: "data", mountPath: "/data"}]))}' "$work/$2.json"
}

# stranger_caller NAME PROVIDER_URL
stranger_caller() {
  jq -n --arg url "$2" '[
      {name: "PAYMENT_PROVIDER_URL", value: $url},
      {name: "DATABASE_URL", value: "sqlite:/data/invoices.db"}]' | stranger_pod "$1" invoice-app
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

# Prints "reachable", or why the pod can't use its provider: "can't connect", "HTTP 401: ...".
stranger_gets() {
  local url
  url=$(forward "$(cat "$work/stranger-namespace")" "pod/$1" 8081) || exit 1
  expect 200 GET "$url/provider"
  jq -r '.Detail // .Status' "$work/answer"
}

is_cut_off() {
  stranger_gets control >"$work/got"
  [[ $(cat "$work/got") == "can't connect" ]]
}

# check_stranger POD PATTERN: of the result that the pod gets.
check_stranger() {
  local got
  got=$(stranger_gets "$1")
  # shellcheck disable=SC2053  # a pattern
  [[ $got == $2 ]] || fail "the pod $1 in another namespace got: $got"
}

check_policies_are_obeyed() {
  local seconds=${POLICY_SECONDS:-30}
  deny_calls_to_target | kube create -n "$(cat "$work/stranger-namespace")" -f - >/dev/null
  await "$seconds" is_cut_off ||
    skip "this cluster's network does NOT enforce NetworkPolicies: $seconds s after a policy forbade" \
      "a call, its result is still: $(cat "$work/got")"
}

test_strangers() {
  check "strangers (pods in a temporary, restricted namespace) start" start_strangers
  if [[ $outcome == ok ]]; then
    check "a stranger can call an unprotected pod" check_stranger control reachable
  fi
  if [[ $outcome == ok ]]; then
    check "a stranger can't call it when a policy forbids it" check_policies_are_obeyed
    case $outcome in
      ok)
        check "a stranger can't connect to the provider" check_stranger stranger "can't connect"
        ;;
      skipped) check "a stranger gets 401 from the provider" check_stranger stranger "HTTP 401*" ;;
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

# Runs at every exit.
remove_stranger_namespace() {
  local namespace
  [[ -s $work/stranger-namespace ]] || return 0
  namespace=$(cat "$work/stranger-namespace")
  delete_stranger_namespace
  await 120 stranger_namespace_is_gone "$namespace" ||
    echo "Namespace $namespace was not removed. To remove it: kubectl delete namespace $namespace"
}
