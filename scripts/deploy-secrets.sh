# shellcheck shell=bash disable=SC2034,SC2154  # variables of the script that sources this
# The Secrets of deploy.sh: the token of the provider, and the URLs of the databases. Secrets go through
# pipes only: never into a variable, an argument or a log. deploy.sh sources this file, which uses its
# variables. Works in bash 3.2.
#
#   make_token         makes sure that both namespaces have the same token
#   choose_database    sets database to sqlite or postgresql
#   provide_databases  makes sure that both namespaces have a PostgreSQL database and its URL

# --- The token ---

# Creates the same random token in both namespaces, once.
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
    fail "The namespaces have different tokens, so each payment would get 401. To use that of payments:" \
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

# --- Databases ---

# The database that a service uses: sqlite, postgresql, or nothing if it was never deployed. Without a
# Deployment, what is left of each database counts: the answer may be both. Fails if the cluster does not
# answer.
deployed_database() {
  local namespace volumes left
  namespace=$(namespace_of "$1")
  volumes=$(k -n "$namespace" get deployment "$1" --ignore-not-found \
    --output jsonpath='{.spec.template.spec.volumes[*].name}') || return
  case " $volumes " in
    *' database '*) echo postgresql; return ;;
    *' data '*) echo sqlite; return ;;
  esac
  left=$(k -n "$namespace" get secret/database persistentvolumeclaim/data-database-0 \
    "persistentvolumeclaim/$1-data" --ignore-not-found --output name) || return
  case $left in
    '') ;;
    "persistentvolumeclaim/$1-data") echo sqlite ;;
    *"/$1-data") echo 'sqlite or postgresql' ;;
    *) echo postgresql ;;
  esac
}

# A deployment keeps its database if no option says otherwise: the other one is empty, and would hide
# the data.
choose_database() {
  local name namespace deployed wanted=$database running
  step "Choosing the database" "$hint"
  for name in $services; do
    namespace=$(namespace_of "$name")
    deployed=$(deployed_database "$name")
    database=${database:-$deployed}
    if [[ -z $deployed || $deployed == "$database" ]]; then continue; fi
    [[ -n $wanted ]] ||
      fail "payment-provider uses $database, but $name uses $deployed. Say which: --postgresql or --sqlite"
    [[ -n $switch ]] ||
      fail "$name uses $deployed. Its data would stay there, and $database would be empty. To move the data,
  then deploy with --switch: docs/kubernetes.md#from-sqlite-to-postgresql. To remove them: ./deploy.sh --delete"
    running=$(k -n "$namespace" get pods --selector "app.kubernetes.io/name=$name" --output name)
    [[ -z $running ]] ||
      fail "Pods of $name still use $deployed. Stop them, so that nothing is written to both:
  kubectl -n $namespace scale deployment/$name --replicas=0"
  done
  [[ $database != *' or '* ]] ||
    fail "There is no Deployment, but data of $database. Say which: --postgresql or --sqlite"
  database=${database:-sqlite}
}

# The Secret "database" of a namespace: none, ours (for evaluation), or given.
database_secret() {
  local found
  found=$(k -n "$1" get secret database --ignore-not-found \
    --output jsonpath='{.metadata.name} {.metadata.labels.app\.kubernetes\.io/managed-by}') || return
  case $found in
    '') echo none ;;
    'database deploy.sh') echo ours ;;
    *) echo given ;;
  esac
}

# With a random password. Its characters need no escape.
make_database_secret() {
  {
    printf '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database", "labels": {
      "app.kubernetes.io/part-of": "invoice-payments", "app.kubernetes.io/managed-by": "deploy.sh"}},
      "stringData": {"url": "postgresql://%s:' "$1"
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'
    printf '@database/%s"}}' "$1"
  } | k -n "$1" create -f -
}

start_database() {
  step "PostgreSQL in $1, FOR EVALUATION ONLY: one pod, without a standby and a backup" \
    "See the output of kubectl above."
  k apply --kustomize "$overlay/evaluation/$1"
  hint=
  k -n "$1" rollout status statefulset/database --timeout="$rollout_timeout"
}

provide_databases() {
  local in_payments in_invoicing in_use
  step "Secrets of the databases" "See the output of kubectl above."
  in_payments=$(database_secret payments)
  in_invoicing=$(database_secret invoicing)
  if [[ $in_payments == none || $in_invoicing == none ]]; then
    # A database for evaluation is empty, so it must not replace one that is in use.
    in_use=$(k get deployments,persistentvolumeclaims --all-namespaces --selector "$ours" --output name)
    [[ -z $in_use && $in_payments$in_invoicing != *given* ]] ||
      fail "The Secret named database is missing in payments or invoicing. Create it again:
  docs/kubernetes.md#postgresql. To start without the data, which deletes them: ./deploy.sh --delete"
  fi
  if [[ $in_payments == none ]]; then make_database_secret payments; fi
  if [[ $in_invoicing == none ]]; then make_database_secret invoicing; fi
  if [[ $in_payments != given ]]; then start_database payments; fi
  if [[ $in_invoicing != given ]]; then start_database invoicing; fi
  if [[ $in_payments == given ]]; then
    say "Secrets named database exist. $overlay/common/networkpolicy.yaml must allow connections to their servers."
  fi
}
