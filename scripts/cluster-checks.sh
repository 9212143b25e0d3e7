# shellcheck shell=bash disable=SC2034,SC2154 # variables of the files that are sourced together
# Checks of both services on a cluster. test.sh sources this file. Works in bash 3.2.

readonly BATCH=5000 # invoices in one request, about 400 KB
readonly KILL_PAY_SECONDS=180
readonly AUDIT_SECONDS=120 # with the start of its pod

# Rights of a team: whether it has it in its own namespace, verb, resource, subresource. It has none in
# the other namespace.
readonly RIGHTS='yes get deployments.apps
yes create deployments.apps
yes patch  deployments.apps
yes delete deployments.apps
yes update deployments.apps scale
yes patch  poddisruptionbudgets.policy
yes update configmaps
yes create services
yes delete pods
yes get    pods log
yes create pods portforward
yes get    pods portforward
yes list   events
no  get    secrets
no  list   secrets
no  create pods
no  create pods exec
no  update networkpolicies.networking.k8s.io
no  update resourcequotas
no  create rolebindings.rbac.authorization.k8s.io'

# note_restarts NAMESPACE NAME: remembers how often the pods were restarted before this test. Fails if a
# service has crashed or had too little memory.
note_restarts() {
  local said
  get_pods "$1" "$2" | jq "$POD_FACTS"'
    [.items[] | select(restarts > 0)
      | {name: .metadata.name, restarts: restarts, stopped: (last_end | was_stopped),
         end: (last_end | "\(.reason // "unknown"), exit status \(.exitCode // "unknown")")}]' \
    >"$work/restarts-$2"
  said=$(jq -r '[.[] | "\(.name) was restarted, \(.restarts) times: \(.end)"] | join("; ")' \
    "$work/restarts-$2")
  jq -e 'all(.stopped)' "$work/restarts-$2" >/dev/null ||
    fail "$said; see kubectl logs --previous -n $1"
  [[ -z $said ]] || note "before this test, $said"
}

# check_pods NAMESPACE NAME
check_pods() {
  local wrong
  get_pods "$1" "$2" >"$work/pods.json"
  wrong=$(jq -r --argjson replicas "$REPLICAS" --slurpfile earlier "$work/restarts-$2" "$POD_FACTS"'
    ($earlier[0] | map({(.name): .restarts}) | add // {}) as $earlier
    | [.items[] | select(.metadata.deletionTimestamp == null)]
    | (length | select(. != $replicas) | "there are \(.)"),
      (.[] | select(is_ready | not) | "\(.metadata.name) is not ready"),
      (.[] | (restarts - ($earlier[.metadata.name] // 0)) as $times | select($times > 0)
        | "\(.metadata.name) was restarted, \($times) times: \(last_end.reason)")' \
    "$work/pods.json" | tr '\n' ';')
  [[ -z $wrong ]] || fail "$wrong see kubectl describe pods -n $1"
}

# uses_postgresql NAMESPACE NAME: whether the pods of a service may run on any node.
uses_postgresql() {
  kube get deployment "$2" -n "$1" -o json |
    jq -e 'any(.spec.template.spec.volumes[]?; .name == "database")' >/dev/null
}

# check_nodes NAMESPACE NAME: the loss of a node must leave pods, if there are nodes to run them.
check_nodes() {
  local used usable
  used=$(get_pods "$1" "$2" | jq '
    [.items[] | select(.metadata.deletionTimestamp == null) | .spec.nodeName] | unique | length')
  try_kube get nodes -o json >"$work/nodes.json" || {
    note "they run on $used; this user can't list the nodes"
    return
  }
  usable=$(jq '[.items[] | select((.spec.unschedulable | not)
      and all(.spec.taints[]?; .effect == "PreferNoSchedule"))] | length' "$work/nodes.json")
  if [[ $usable -le 1 ]]; then
    note "the cluster has one node that takes pods"
  elif [[ $used -gt 1 ]]; then
    note "on $used of $usable nodes"
  else
    fail "all run on one node, though $usable nodes take pods. Kubernetes does not move running pods:" \
      "after a node returns, run kubectl -n $1 rollout restart deployment/$2"
  fi
}

# check_replicas NAMESPACE NAME PORT LIST: compares each replica's list with that of pay_again, which
# came from the Service.
check_replicas() {
  local pods pod url
  pods=$(pod_names "$1" "$2")
  for pod in $pods; do
    url=$(forward "$1" "pod/$pod" "$3")
    fetch_list "$work/replica" "$url/$4" -K "$work/token.curl"
    cmp -s "$work/replica" "$work/$4-again" ||
      fail "GET /$4 of $pod differs from that of the Service"
  done
}

check_no_way_in() {
  local kind
  {
    kube get services -n payments -o json | jq -r '.items[]
      | select((.spec.type // "ClusterIP") != "ClusterIP" or (.spec.externalIPs // [] | length > 0)
          or any(.spec.ports[]?; .nodePort))
      | "Service \(.metadata.name) (\(.spec.type))"'
    kube get ingresses -n payments -o json | jq -r '.items[] | "Ingress \(.metadata.name)"'
    for kind in httproutes grpcroutes tlsroutes tcproutes; do
      kube get customresourcedefinitions "$kind.gateway.networking.k8s.io" --ignore-not-found \
        -o name >"$work/kind"
      [[ -s $work/kind ]] || continue
      kube get "$kind.gateway.networking.k8s.io" -A -o json | jq -r '.items[]
        | select(.metadata.namespace == "payments"
            or any(.spec.rules[]?.backendRefs[]?; .namespace == "payments"))
        | "\(.kind) \(.metadata.namespace)/\(.metadata.name)"'
    done
    kube get pods -n payments -o json | jq -r '.items[]
      | select(.spec.hostNetwork
          or any((.spec.containers + (.spec.initContainers // []))[].ports[]?; .hostPort))
      | "Pod \(.metadata.name) (port of the node)"'
  } >"$work/ways-in"
  [[ ! -s $work/ways-in ]] || fail "there is: $(tr '\n' ';' <"$work/ways-in")"
}

check_token_is_demanded() {
  connect
  expect 401 GET "$PROVIDER_URL/payments?limit=1"
  expect 401 POST "$PROVIDER_URL/payments/pay" -H 'Content-Type: application/json' \
    --data '{"id":"I1","value":12.15,"currency":"EUR"}'
  expect 401 GET "$PROVIDER_URL/summary" -H 'Authorization: Bearer wrong'
  expect 200 GET "$PROVIDER_URL/summary" -K "$work/token.curl"
}

# --- The audit ---

audit_has_ended() {
  try_kube get job "$1" -n invoicing -o json |
    jq -e 'any(.status.conditions[]?; .type == "Complete" or .type == "Failed")' >/dev/null
}

# Runs the audit of the CronJob once.
check_audit() {
  local job=audit-test-$RANDOM$RANDOM
  echo "$job" >"$work/audit-job"
  kube create job "$job" -n invoicing --from=cronjob/invoice-app-audit >/dev/null
  await "$AUDIT_SECONDS" audit_has_ended "$job" ||
    fail "its Job did not end in $AUDIT_SECONDS s; see kubectl get events -n invoicing"
  kube logs -n invoicing -l "job-name=$job" --tail=3 >"$work/audit-log"
  kube get job "$job" -n invoicing -o json | jq -e '.status.succeeded == 1' >/dev/null ||
    fail "its Job failed: $(tr '\n' ' ' <"$work/audit-log")"
  note "$(sed -n 's/^no difference: //p' "$work/audit-log")"
}

# Runs at every exit.
remove_audit() {
  [[ -s $work/audit-job ]] || return 0
  try_kube delete job "$(cat "$work/audit-job")" -n invoicing --ignore-not-found --wait=false \
    >/dev/null || true
}

# --- Rights of the teams ---

# expect_right ANSWER TEAM NAMESPACE VERB RESOURCE [SUBRESOURCE]
expect_right() {
  local answer
  answer=$(try_kube auth can-i "$4" "$5" ${6:+--subresource "$6"} -n "$3" \
    --as someone --as-group "$2") || true # its status is also 1 for "no"
  case $answer in
    "$1" | "$1 "*) ;;
    yes* | no*) echo "$2 ${answer%% *} in $3: $4 $5${6:+/$6}" ;;
    *) fail "kubectl auth can-i $4 $5: $(kubectl_error)" ;;
  esac
}

# wrong_rights TEAM OWN_NAMESPACE OTHER_NAMESPACE: prints rights that are missing or too many.
wrong_rights() {
  local own verb resource subresource
  while read -r own verb resource subresource; do
    expect_right "$own" "$1" "$2" "$verb" "$resource" "$subresource"
    expect_right no "$1" "$3" "$verb" "$resource" "$subresource"
  done <<<"$RIGHTS"
}

check_rights() {
  local wrong
  wrong=$(wrong_rights team-invoicing invoicing payments)
  wrong+=$(wrong_rights team-payments payments invoicing)
  [[ -z $wrong ]] || fail "kubectl auth can-i says of $(tr '\n' ';' <<<"$wrong")"
}

# --- Deleting pods ---

await_new_pods() {
  local service
  for service in "invoicing invoice-app" "payments payment-provider"; do
    # shellcheck disable=SC2086  # two words
    await "$READY_SECONDS" pods_are_new $service ||
      fail "$service: not $REPLICAS new pods were ready after $READY_SECONDS s"
    # shellcheck disable=SC2086
    check_pods $service
  done
  await_service
}

# Call this before deleting pods; await_new_pods waits for other pods than these.
note_old_pods() {
  pod_names invoicing invoice-app >"$work/old-pods"
  pod_names payments payment-provider >>"$work/old-pods"
}

# delete_all_pods [ARGUMENTS OF kubectl delete...]
delete_all_pods() {
  delete_pods payments payment-provider "$@"
  delete_pods invoicing invoice-app "$@"
}

check_all_pods_replaced() {
  connect
  fetch_both before
  note_old_pods
  delete_all_pods
  await_new_pods
  check_unchanged before
}

# add_many COUNT
add_many() {
  local from to
  for ((from = 0; from < $1; from = to)); do
    to=$((from + BATCH < $1 ? from + BATCH : $1))
    add_invoices "$INVOICE_URL" < <(jq -n -c --arg id "many-$id-$1" --argjson from "$from" \
      --argjson to "$to" \
      '[range($from; $to) | {InvoiceId: "\($id)-\(.)", Value: (. % 1000 + 0.25), Currency: "EUR"}]')
  done
}

check_pods_killed_while_paying() {
  local count payer status
  for count in ${KILL_INVOICES:-60000 200000}; do
    connect
    add_many "$count"
    note_old_pods
    call "$work/payer-answer" POST "$INVOICE_URL/invoices/pay" >"$work/payer-status" &
    payer=$!
    # The kubelet kills them after a second. With --force, Kubernetes would only forget the pods; they
    # would keep running for their whole grace period.
    delete_all_pods --grace-period=1
    wait "$payer"
    await_new_pods
    pay "$KILL_PAY_SECONDS" "000 202 503"
    check_all_paid
    fetch_both after
    check_paid_once after
    status=$(cat "$work/payer-status")
    if [[ $status != 200 ]]; then
      note "of $count; the run in which the pods died ended with $status"
      return
    fi
  done
  skip "all $count invoices were paid, each once, before the pods were dead"
}
