#!/usr/bin/env bash
# Tests deploy.sh on every way that it may take, with stand-ins for all that it calls
# (support/deploy_stand_in.sh). Needs no cluster and no engine; uses kubectl, where there is one, to
# change manifests, else Python.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/deploy_test.sh [PATTERN]

Runs the tests whose name matches PATTERN, all without one, JOBS (default 2) at one time. Exit status:
0 passed, 1 failed.
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
esac
pattern=${1:-*}
at_once=${JOBS:-2}
unset JOBS

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/deploy-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

# For the stand-in of kubectl.
REAL_KUBECTL=$(command -v kubectl || true)
PYTHON=$(python3 -c 'import sys; print(sys.executable)')
RENDERED=$work/rendered
export REAL_KUBECTL PYTHON RENDERED
mkdir "$RENDERED"

unset DEPLOY_CONTEXT REGISTRY IMAGE_TAG ARCHITECTURE FORCE HTTPLIB_DOWNLOAD ROLLOUT_TIMEOUT
unset MINIKUBE_PROFILE MINIKUBE_CPUS MINIKUBE_MEMORY

# All that deploy.sh may use beside what is stood in for, so that a tool of this machine is never
# called by mistake, nor found where a test says that there is none.
mkdir "$work/tools"
for tool in awk base64 bash basename cat cmp cp cut dirname env find grep head hostname ls mkdir mktemp mv \
  rm sed sha256sum shasum sort tail touch tr uname wc xargs; do
  path=$(command -v "$tool" || true)
  if [[ -n $path ]]; then ln -s "$path" "$work/tools/$tool"; fi
done

# --- What tests are made of ---

test_name=
STATE=
export STATE

fail() {
  {
    echo "FAILED: $test_name: $*"
    echo "--- what deploy.sh printed"
    cat "$STATE/output"
    echo "--- what it called"
    cat "$STATE/calls"
  } >&2
  exit 1
}

# installed TOOL...: these are, and no others of those that are stood in for.
installed() {
  local tool
  rm -rf "${STATE:?}/bin"
  mkdir "$STATE/bin"
  for tool in "$@"; do ln -s "$here/support/deploy_stand_in.sh" "$STATE/bin/$tool"; done
}

# copy_sources DIRECTORY
copy_sources() {
  mkdir "$1"
  # shellcheck disable=SC2046  # a list
  (cd "$here/.." && tar -cf - deploy.sh k8s overlays scripts .dockerignore Dockerfile.invoice Dockerfile.payment \
    $(sed -n 's/^!//p' .dockerignore)) | tar -xf - -C "$1"
}

# For a test that changes them.
own_sources() {
  sources=$STATE/sources
  copy_sources "$sources"
}

# For the overlay, which only kubectl can render.
needs_kubectl() {
  [[ -n $REAL_KUBECTL ]] || {
    echo "$test_name: SKIPPED, it needs kubectl"
    return 1
  }
}

# A machine with nothing on it but the sources.
new_state() {
  sources=$work/sources
  STATE=$(mktemp -d "$work/state.XXXXXX")
  mkdir "$STATE/objects" "$STATE/tmp"
  touch "$STATE"/{calls,contexts,engines,engine-images,node-images,registry-images,rollouts,output}
  printf 'name node-1\naddress 192.0.2.7\nruntime containerd://2.1.4\n' >"$STATE/node"
  printf 'NAMESPACE   NAME\ninvoicing   invoice-app-0\npayments    payment-provider-0\n' >"$STATE/pods"
  installed
}

minikube_machine() {
  installed minikube kubectl docker
  echo docker >"$STATE/engines"
}

# The same after the first deployment.
deployed_machine() { cp -R "$work/deployed/." "$STATE"; }

# What the machine of another cluster has, whose context is the current one.
other_machine() {
  local context=$1
  shift
  installed kubectl "$@"
  echo docker >"$STATE/engines"
  echo "$context" >"$STATE/contexts"
}

# deploy STATUS [OPTION...]: runs deploy.sh, which must end with STATUS and never tell the token.
deploy() {
  local wanted=$1 status=0
  shift
  : >"$STATE/calls"
  PATH=$STATE/bin:$work/tools TMPDIR=$STATE/tmp "$sources/deploy.sh" "$@" >"$STATE/output" 2>&1 </dev/null ||
    status=$?
  read_results
  [[ $status -eq $wanted ]] || fail "exit status $status instead of $wanted"
  no_token_told
  ! compgen -G "$STATE/tmp/*" >/dev/null || fail "a temporary file is left"
}

# What deploy.sh printed, and what it called.
output=
calls=
read_results() {
  output=$(<"$STATE/output")
  calls=$(<"$STATE/calls")
}

no_token_told() {
  local secret token
  for secret in "$STATE"/objects/*.Secret.*; do
    [[ -e $secret ]] || return 0
    token=$(<"$secret")
    [[ $output$calls != *"$token"* && $output$calls != *"$(base64 -d <<<"$token")"* ]] ||
      fail "the token is in the output or in an argument"
  done
}

prints() { [[ $output == *"$1"* ]] || fail "it doesn't print: $1"; }
prints_not() { [[ $output != *"$1"* ]] || fail "it prints: $1"; }
calls() { [[ $calls == *"$1"* ]] || fail "it doesn't call: $1"; }
calls_not() { [[ $calls != *"$1"* ]] || fail "it calls: $1"; }

tag() { PATH=$work/tools "$sources/deploy.sh" --print-tag; }

# The image that the cluster was told to run.
image_of() { sed -n 's/^ *\(- \)\{0,1\}image: //p' "$STATE/objects/"*".$1"; } # KIND.NAME

# What is deployed: the images under this name, two namespaces, one token.
is_deployed() {
  local prefix=$1 name tag manifests objects
  tag=$(tag)
  for name in invoice-app payment-provider; do
    [[ $(image_of "Deployment.$name") == "$prefix$name:$tag" ]] ||
      fail "$name runs $(image_of "Deployment.$name")"
  done
  [[ $(image_of CronJob.invoice-app-audit) == "${prefix}invoice-app:$tag" ]] ||
    fail "the audit runs $(image_of CronJob.invoice-app-audit)"
  cmp "$STATE/objects/invoicing.Secret.provider-token" \
    "$STATE/objects/payments.Secret.provider-token" || fail "the tokens differ"
  [[ $(base64 -d "$STATE/objects/payments.Secret.provider-token" | wc -c) -eq 44 ]] ||
    fail "the token isn't 32 bytes in base64"
  manifests=("$sources"/k8s/*/*.yaml)
  objects=("$STATE"/objects/*)
  [[ ${#objects[@]} -eq $((${#manifests[@]} + 2)) ]] || fail "it didn't apply all: ${objects[*]}"
}

rollouts_are() {
  [[ $(tr '\n' ' ' <"$STATE/rollouts") == "$1" ]] ||
    fail "rollouts: $(tr '\n' ' ' <"$STATE/rollouts"), not $1"
}

# --- minikube ---

test_from_nothing() {
  minikube_machine
  deploy 0
  calls "minikube -p minikube start --wait=all --cni=calico --cpus=2 --memory=4g"
  calls "docker build --file Dockerfile.invoice --build-arg HTTPLIB_DOWNLOAD=ON --tag docker.io/library/invoice-app:$(tag) ."
  calls "docker build --file Dockerfile.payment --build-arg HTTPLIB_DOWNLOAD=ON --tag docker.io/library/payment-provider:$(tag) ."
  is_deployed ''
  rollouts_are 'payment-provider invoice-app '
  prints "payment-provider-0"
  prints "URL: http://192.0.2.7:30081"
  prints "minikube -p minikube service invoice-app -n invoicing --url"
  prints "kubectl --context minikube get all -n invoicing "
  prints "kubectl --context minikube -n invoicing port-forward service/invoice-app 8081:8081"
  # Nothing goes to another cluster if the current context is changed meanwhile.
  ! grep '^kubectl' "$STATE/calls" | grep -v -e '--context=minikube ' -e 'config get-contexts' ||
    fail "kubectl is called without the context"
}

test_minikube_that_runs_is_not_started() {
  minikube_machine
  touch "$STATE/minikube-runs"
  printf 'production\nminikube\nproduction\n' >"$STATE/contexts"
  deploy 0
  calls_not "start"
  calls_not "production"
  is_deployed ''
}

test_minikube_that_kubectl_does_not_know_of() {
  minikube_machine
  touch "$STATE/minikube-runs"
  echo production >"$STATE/contexts"
  deploy 0
  calls "minikube -p minikube update-context"
  calls_not "production"
  is_deployed ''
}

test_size_of_minikube() {
  minikube_machine
  MINIKUBE_CPUS=4 MINIKUBE_MEMORY=3g deploy 0
  calls "--cpus=4 --memory=3g"
}

test_podman_instead_of_docker() {
  minikube_machine
  installed minikube kubectl docker podman
  echo podman >"$STATE/engines"
  JOBS=3 deploy 0
  calls "podman build --file Dockerfile.payment --build-arg HTTPLIB_DOWNLOAD=ON --build-arg JOBS=3 --tag "
  calls_not "docker build"
  is_deployed ''
}

test_no_engine() {
  minikube_machine
  : >"$STATE/engines"
  HTTPLIB_DOWNLOAD=OFF deploy 0
  calls "image build --file Dockerfile.invoice --build-opt opt=build-arg:HTTPLIB_DOWNLOAD=OFF --all --tag docker.io/library/invoice-app:"
  calls "image build --file Dockerfile.payment --build-opt opt=build-arg:HTTPLIB_DOWNLOAD=OFF --all --tag docker.io/library/payment-provider:"
  HTTPLIB_DOWNLOAD=OFF is_deployed ''
}

test_no_engine_and_minikube_with_docker_inside() {
  minikube_machine
  : >"$STATE/engines"
  sed -i.old 's|containerd://.*|docker://29.0.1|' "$STATE/node"
  JOBS=3 deploy 0
  calls "--build-opt build-arg=HTTPLIB_DOWNLOAD=ON --build-opt build-arg=JOBS=3 --all --tag"
  is_deployed ''
}

test_image_build_that_fails_and_exits_with_0() {
  minikube_machine
  : >"$STATE/engines"
  echo "image build --file Dockerfile.payment" >"$STATE/loses-images"
  deploy 1
  prints "FAILED at: Building the images in minikube"
  prints "debootstrap"
  rollouts_are ''
}

test_image_load_that_loads_nothing() {
  minikube_machine
  echo "image load" >"$STATE/loses-images"
  deploy 1
  prints "FAILED at: Delivering the images: minikube"
  prints "The node still doesn't have the images"
  rollouts_are ''
}

# --- Again ---

test_again_changes_nothing() {
  deployed_machine
  cp -R "$STATE/objects" "$STATE/before"
  deploy 0
  diff -r "$STATE/before" "$STATE/objects" || fail "an object has changed"
  rollouts_are 'payment-provider invoice-app '
  prints_not created
  prints_not configured
  calls_not " build "
  calls_not "image load"
  calls_not " create "
}

test_changed_source_is_one_rollout_of_each() {
  local old
  own_sources
  deployed_machine
  old=$(tag)
  echo '// changed' >>"$sources/common/money/money.cpp"
  [[ $(tag) != "$old" ]] || fail "the tag is still $old"
  deploy 0
  is_deployed ''
  rollouts_are 'payment-provider invoice-app payment-provider invoice-app '
}

test_tag_is_of_what_is_built_and_nothing_else() {
  local old
  own_sources
  old=$(tag)
  touch "$sources/common/money/money.cpp" "$sources/notes.txt"
  echo '# changed' >>"$sources/k8s/invoice-app/deployment.yaml"
  [[ $(tag) == "$old" ]] || fail "the tag changes though the images don't"
  echo '# changed' >>"$sources/Dockerfile.invoice"
  [[ $(tag) != "$old" ]] || fail "the tag stays though a Dockerfile has changed"
  old=$(tag)
  mv "$sources/common/money/money.h" "$sources/common/money/cash.h"
  [[ $(tag) != "$old" ]] || fail "the tag stays though a file has another name"
  old=$(tag)
  [[ $(HTTPLIB_DOWNLOAD=OFF tag) != "$old" ]] || fail "the tag stays though the library is another"
}

test_changed_settings_are_one_rollout_of_that_service() {
  own_sources
  deployed_machine
  sed -i.old 's/LOG_LEVEL: info/LOG_LEVEL: debug/' "$sources/k8s/invoice-app/configmap.yaml"
  rm "$sources/k8s/invoice-app/configmap.yaml.old"
  deploy 0
  rollouts_are 'payment-provider invoice-app invoice-app '
  deploy 0
  rollouts_are 'payment-provider invoice-app invoice-app '
}

# --- The token ---

test_token_of_one_namespace_is_copied() {
  local namespace other
  for namespace in payments invoicing; do
    other=invoicing
    if [[ $namespace == invoicing ]]; then other=payments; fi
    new_state
    deployed_machine
    cp "$STATE/objects/$namespace.Secret.provider-token" "$STATE/token"
    rm "$STATE/objects/$other.Secret.provider-token"
    deploy 0
    is_deployed ''
    cmp "$STATE/token" "$STATE/objects/$other.Secret.provider-token" || fail "another token"
  done
}

test_different_tokens_are_not_overlooked() {
  deployed_machine
  printf b3RoZXI= >"$STATE/objects/payments.Secret.provider-token"
  deploy 1
  prints "different tokens"
}

# --- PostgreSQL ---

postgresql_machine() {
  minikube_machine
  deploy 0 --postgresql
}

# As if somebody had created the Secrets named database.
given_secrets() {
  printf Z2l2ZW4tcGFzc3dvcmQ= | tee "$STATE"/objects/{invoicing,payments}.Secret.database >"$STATE/given"
}

objects_of() { find "$STATE/objects" -name "$1" | sed 's|.*/||' | sort | tr '\n' ' '; }

test_postgresql_for_evaluation() {
  needs_kubectl || return 0
  local order
  postgresql_machine
  [[ $(objects_of '*.Secret.database') == 'invoicing.Secret.database payments.Secret.database ' ]] ||
    fail "Secrets: $(objects_of '*.Secret.database')"
  ! cmp -s "$STATE"/objects/{invoicing,payments}.Secret.database || fail "the passwords are equal"
  [[ $(base64 -d "$STATE/objects/payments.Secret.database" | wc -c) -eq 43 ]] || fail "a weak password"
  [[ $(objects_of '*.PersistentVolumeClaim.*') == *data-database-0*data-database-0* ]] || fail "no database"
  [[ $(objects_of '*.PersistentVolumeClaim.*-data') == '' ]] || fail "a volume of SQLite"
  [[ $(objects_of '*.NetworkPolicy.to-database') == *invoicing*payments* ]] || fail "no policies"
  [[ $(image_of Deployment.invoice-app) == "invoice-app:$(tag)" ]] || fail "it runs $(image_of Deployment.invoice-app)"
  prints "FOR EVALUATION ONLY"
  order=$(grep -o 'rollout status [^ ]*' <<<"$calls" | sed 's/.* //' | tr '\n' ' ')
  [[ $order == 'statefulset/database statefulset/database deployment/payment-provider deployment/invoice-app ' ]] ||
    fail "the order: $order"
}

test_postgresql_again_changes_nothing() {
  needs_kubectl || return 0
  local option
  postgresql_machine
  cp -R "$STATE/objects" "$STATE/before"
  for option in --postgresql ''; do # without an option, the database stays
    deploy 0 ${option:+"$option"}
    diff -r "$STATE/before" "$STATE/objects" || fail "an object has changed"
    rollouts_are 'payment-provider invoice-app '
    prints_not created
    prints_not configured
  done
  deploy 0 --status
  prints "invoice-app: postgresql"
  deploy 0 --delete --force
  [[ $(objects_of '[a-z]*.*') == '' ]] || fail "left: $(objects_of '[a-z]*.*')"
}

test_postgresql_of_given_secrets() {
  needs_kubectl || return 0
  deployed_machine
  rm -f "$STATE"/objects/*.{Deployment,PersistentVolumeClaim}.*
  given_secrets
  deploy 0 --postgresql
  calls_not evaluation
  prints "overlays/postgresql/common/networkpolicy.yaml must allow connections"
  rm "$STATE/objects/payments.Secret.database"
  deploy 1 --postgresql
  prints "The Secret named database is missing"
  calls_not evaluation
}

# A new database would hide the data of the old one.
test_no_database_for_evaluation_replaces_another() {
  needs_kubectl || return 0
  local kind
  postgresql_machine
  rm "$STATE"/objects/*.Secret.database
  cp -R "$STATE/objects" "$STATE/before"
  for kind in none Deployment; do
    rm -f "$STATE"/{before,objects}/*."$kind".*
    deploy 1 --postgresql
    prints "The Secret named database is missing"
    diff -r "$STATE/before" "$STATE/objects" || fail "an object has changed"
  done
}

# Each database is empty for those who come from the other one.
test_other_database_only_if_told_and_without_pods() {
  needs_kubectl || return 0
  deployed_machine
  cp -R "$STATE/objects" "$STATE/before"
  deploy 1 --postgresql
  prints "payment-provider uses sqlite. Its data would stay there"
  deploy 1 --postgresql --switch
  prints "kubectl -n payments scale deployment/payment-provider --replicas=0"
  diff -r "$STATE/before" "$STATE/objects" || fail "an object has changed"
  touch "$STATE/stopped"
  deploy 1 --postgresql --switch
  prints "The Secret named database is missing"
  given_secrets
  deploy 0 --postgresql --switch
  [[ $(objects_of '*.PersistentVolumeClaim.*-app-data') == *invoice-app-data* ]] ||
    fail "the data of SQLite are gone"
  rm "$STATE/stopped"
  deploy 1 --sqlite
  prints "payment-provider uses postgresql. Its data would stay there"
  touch "$STATE/stopped"
  deploy 0 --sqlite --switch
  # Nothing is decided while the cluster does not answer.
  echo 'kubectl * get deployment *' >"$STATE/fail"
  deploy 1
  calls_not apply
}

test_what_is_left_without_a_deployment() {
  needs_kubectl || return 0
  deployed_machine
  rm "$STATE"/objects/*.Deployment.*
  deploy 1 --postgresql
  prints "payment-provider uses sqlite. Its data would stay there"
  given_secrets
  deploy 1
  prints "data of sqlite or postgresql. Say which"
  deploy 1 --postgresql
  prints "payment-provider uses sqlite or postgresql. Its data would stay there"
  rm "$STATE"/objects/*.PersistentVolumeClaim.*
  deploy 1 --sqlite
  prints "payment-provider uses postgresql. Its data would stay there"
  deploy 0
  deploy 0 --status
  prints "invoice-app: postgresql"
}

test_switch_that_was_interrupted() {
  needs_kubectl || return 0
  deployed_machine
  given_secrets
  touch "$STATE/stopped"
  echo 'kubectl *rollout status deployment/payment-provider*' >"$STATE/fail"
  deploy 1 --postgresql --switch
  rm "$STATE/fail"
  deploy 1
  prints "payment-provider uses postgresql, but invoice-app uses sqlite. Say which"
  deploy 0 --postgresql --switch
}

test_each_failure_of_postgresql_is_told_and_the_next_run_goes_on() {
  needs_kubectl || return 0
  local call step
  minikube_machine
  while IFS='|' read -r call step; do
    echo "$call" >"$STATE/fail"
    deploy 1 --postgresql
    prints "told to fail"
    [[ $output == *"FAILED at: $step"*.$'\n'"  "?* ]] || fail "$call: it isn't said where, and what to try"
  done <<'END'
kubectl *get deployment *|Choosing the database
kubectl *-n invoicing get secret/database *|Choosing the database
kubectl *-n invoicing get secret database*|Secrets of the databases
kubectl *get deployments,persistentvolumeclaims *|Secrets of the databases
kubectl *-n payments create -f -|Secrets of the databases
kubectl *apply --kustomize */evaluation/payments|PostgreSQL in payments
kubectl *-n invoicing rollout status statefulset/database*|PostgreSQL in invoicing
kubectl *kustomize overlays/postgresql/invoice-app *|Applying k8s/invoice-app
END
  rm "$STATE/fail"
  deploy 0 --postgresql
  rollouts_are 'payment-provider invoice-app '
}

# --- Failures ---

# Each call that may fail does so once, from nothing to the end: each time it is told, and the next run goes
# on from there.
test_each_failure_is_told_and_the_next_run_goes_on() {
  local call step
  minikube_machine
  while IFS='|' read -r call step; do
    echo "$call" >"$STATE/fail"
    deploy 1
    prints "told to fail"
    [[ $output == *"FAILED at: $step"*.$'\n'"  "?* ]] || fail "$call: it isn't said where, and what to try"
    [[ $output != *"FAILED at: $step"*FAILED* ]] || fail "$call: it is said twice"
  done <<'END'
minikube * start *|Starting minikube
kubectl *get --raw=/version*|Cluster: minikube, context minikube
docker build --file Dockerfile.payment *|Building the images with docker
docker build --file Dockerfile.invoice *|Building the images with docker
docker save *|Delivering the images
minikube * image load *|Delivering the images
kubectl *apply -f k8s/00-namespaces.yaml|Namespaces and token
kubectl *-n payments get secret provider-token*name|Namespaces and token
kubectl *create secret *|Namespaces and token
kubectl *go-template*|Namespaces and token
kubectl *create -f -|Namespaces and token
kubectl *-n payments get secret *jsonpath*|Namespaces and token
kubectl *apply -f k8s/payment-provider/*|Applying k8s/payment-provider
kubectl *patch --local -f k8s/payment-provider/*|Applying k8s/payment-provider
kubectl *apply -f -|Applying k8s/payment-provider
kubectl *rollout status deployment/payment-provider *|Waiting until payment-provider is ready
kubectl *apply -f k8s/invoice-app/*|Applying k8s/invoice-app
kubectl *patch --local -f k8s/invoice-app/*|Applying k8s/invoice-app
kubectl *rollout status deployment/invoice-app *|Waiting until invoice-app is ready
kubectl *get pods *|Done
END
  rm "$STATE/fail"
  deploy 0
  is_deployed ''
  rollouts_are 'payment-provider invoice-app '
}

test_failed_rollout_shows_pods_events_and_logs() {
  local state advice
  minikube_machine
  echo 'kubectl *rollout status deployment/payment-provider*' >"$STATE/fail"
  while IFS='|' read -r state advice; do
    echo "invoicing   invoice-app-1   0/1   $state   0   9s" >"$STATE/pods"
    echo "invoicing   invoice-app-audit-1-2   0/1   Error   0   9s" >>"$STATE/pods"
    deploy 1
    prints "invoice-app-1"
    prints "EVENTS of invoicing"
    prints "EVENTS of payments"
    prints "LOGS of invoicing"
    prints "LOGS of payments"
    prints "$advice"
  done <<'END'
ImagePullBackOff|The node can't get an image
CrashLoopBackOff|A program ends at its start
CreateContainerConfigError|A pod can't start
Pending|A pod can't start
Running|See the events and logs above
END
}

test_failed_rollout_of_the_provider_leaves_invoice_app_alone() {
  own_sources
  deployed_machine
  echo '// changed' >>"$sources/common/money/money.cpp"
  echo 'kubectl *rollout status deployment/payment-provider*' >"$STATE/fail"
  deploy 1
  rollouts_are 'payment-provider invoice-app payment-provider '
}

test_interrupt_is_told() {
  local status=0
  minikube_machine
  mkfifo "$STATE/rollout-is-watched" "$STATE/rollout-ends"
  set -m # its own process group, as at a terminal
  PATH=$STATE/bin:$work/tools "$sources/deploy.sh" >"$STATE/output" 2>&1 &
  set +m
  read -r _ <"$STATE/rollout-is-watched"
  kill -INT -- "-$!"
  wait $! || status=$?
  read_results
  [[ $status -eq 130 ]] || fail "exit status $status instead of 130"
  prints "interrupted at: Waiting until payment-provider is ready"
  prints_not "EVENTS"
}

test_nothing_installed() {
  deploy 1
  prints "kubectl is missing. How to get it: https://"
  installed minikube
  deploy 1
  prints "kubectl is missing. How to get it: https://"
  calls_not minikube
  installed kubectl
  deploy 1
  prints "install minikube"
}

# --- Other clusters ---

test_context_wins_over_minikube() {
  minikube_machine
  printf 'minikube\nproduction\nminikube\n' >"$STATE/contexts"
  deploy 0 --context production
  calls_not "minikube"
  is_deployed ''
  : >"$STATE/calls"
  DEPLOY_CONTEXT=production deploy 0
  calls_not "minikube"
  prints "kubectl --context production -n invoicing port-forward"
  prints "make undeploy ARGS='--context production' "
}

test_unknown_context() {
  minikube_machine
  deploy 1 --context nowhere
  prints "FAILED at: Cluster: context nowhere"
  calls_not "apply"
}

test_current_context_without_minikube() {
  other_machine production docker
  deploy 0
  prints "Cluster: context production"
  prints "Not built"
  calls_not "docker build"
  is_deployed ''
}

test_node_that_has_the_images() {
  other_machine production
  printf 'docker.io/library/%s\n' "payment-provider:$(tag)" "invoice-app:$(tag)" >"$STATE/node-images"
  deploy 0
  prints "The images are on the node already"
  is_deployed ''
}

test_kind() {
  other_machine kind-trial kind docker
  deploy 0
  [[ $(wc -l <"$STATE/node-images") -eq 2 ]] || fail "the images aren't loaded"
  is_deployed ''
}

test_k3d() {
  other_machine k3d-trial k3d docker
  deploy 0
  [[ $(wc -l <"$STATE/node-images") -eq 2 ]] || fail "the images aren't loaded"
  is_deployed ''
}

# Those of a cluster with several nodes may be on one of them only.
test_images_for_several_nodes() {
  local context
  deployed_machine
  installed minikube kind kubectl docker
  echo kind-trial >>"$STATE/contexts"
  echo 'name node-2' >>"$STATE/node"
  for context in minikube kind-trial; do
    deploy 0 --context "$context"
    prints "Delivering the images: ${context%-trial}"
    case $context in
      minikube) prints "minikube -p minikube addons enable storage-provisioner-rancher" ;;
      *) prints_not "several nodes" ;;
    esac
  done
}

test_node_that_shares_the_engine() {
  other_machine docker-desktop docker
  deploy 0
  calls "docker build"
  calls_not "docker save"
  is_deployed ''
}

test_nerdctl_where_containerd_is_in_a_virtual_machine() {
  other_machine rancher-desktop docker nerdctl
  echo nerdctl >>"$STATE/engines"
  deploy 0
  calls "nerdctl build"
  calls_not "docker build"
  calls_not "save"
  is_deployed ''
  other_machine colima docker
  deploy 1
  prints "nerdctl, which is missing"
  calls_not apply
}

# A machine that is the only node of its cluster.
own_node() {
  other_machine kubernetes ctr docker
  echo registry.k8s.io/pause:3.10 >"$STATE/node-images"
  printf 'name %s\naddress 192.0.2.7\nruntime containerd://2.1.4\n' \
    "$(uname -n | tr '[:upper:]' '[:lower:]')" >"$STATE/node"
}

test_containerd_of_this_machine() {
  own_node
  deploy 0
  grep -qx "docker.io/library/invoice-app:$(tag)" "$STATE/node-images" || fail "not imported"
  is_deployed ''
  deploy 0
  calls_not "docker build"
  rollouts_are 'payment-provider invoice-app '
}

test_containerd_of_this_machine_loses_an_image() {
  own_node
  echo payment-provider.tar >"$STATE/loses-images"
  deploy 1
  prints "The node still doesn't have the images"
}

test_containerd_of_this_machine_without_an_engine() {
  own_node
  : >"$STATE/engines"
  deploy 1
  prints "neither docker nor podman works here"
  calls_not apply
}

test_containerd_of_another_machine_is_left_alone() {
  own_node
  echo 'name node-2' >>"$STATE/node"
  deploy 0
  calls_not "images import"
  printf 'name elsewhere\naddress 192.0.2.8\nruntime containerd://2.1.4\n' >"$STATE/node"
  deploy 0
  calls_not "images import"
}

test_architecture_of_the_nodes() {
  local registry=registry.example.com/team
  other_machine production docker
  echo 'architecture riscv64' >>"$STATE/node"
  deploy 0 --registry "$registry"
  calls "--platform linux/riscv64 --tag $registry/invoice-app:$(ARCHITECTURE=riscv64 tag) ."
  ARCHITECTURE=riscv64 is_deployed "$registry/"
  echo 'architecture amd64' >>"$STATE/node"
  deploy 1 --registry "$registry"
  prints "The nodes have different architectures: amd64 riscv64"
  calls_not apply
  deploy 0 --registry "$registry" --tag 2.0
  calls_not "--platform"
}

test_registry() {
  other_machine production docker
  deploy 0 --registry registry.example.com/team/
  is_deployed registry.example.com/team/
  calls "docker push registry.example.com/team/invoice-app:$(tag)"
  calls "docker push registry.example.com/team/payment-provider:$(tag)"
  REGISTRY=registry.example.com/team deploy 0
  prints "The images are in registry.example.com/team already"
  calls_not "docker build"
  rollouts_are 'payment-provider invoice-app '
}

test_registry_for_minikube() {
  minikube_machine
  deploy 0 --registry registry.example.com
  is_deployed registry.example.com/
  calls_not "image load"
}

test_registry_that_refuses() {
  other_machine production docker
  echo 'docker push*' >"$STATE/fail"
  deploy 1 --registry registry.example.com/team
  prints "docker login registry.example.com"
  calls_not apply
}

test_registry_without_an_engine() {
  other_machine production
  deploy 0 --registry registry.example.com
  prints "expected in registry.example.com"
  is_deployed registry.example.com/
}

test_tag() {
  minikube_machine
  IMAGE_TAG=2.0 deploy 0
  [[ $(image_of Deployment.invoice-app) == invoice-app:2.0 ]] || fail "it runs $(image_of Deployment.invoice-app)"
  deploy 0 --tag 2.1
  [[ $(image_of Deployment.invoice-app) == invoice-app:2.1 ]] || fail "it runs $(image_of Deployment.invoice-app)"
}

# --- The other actions ---

test_status() {
  minikube_machine
  touch "$STATE/minikube-runs"
  echo minikube >"$STATE/contexts"
  deploy 0 --status
  prints "invoicing   invoice-app-0"
  prints "payments    payment-provider-0"
  calls_not apply
}

test_stopped_minikube() {
  minikube_machine
  echo Stopped >"$STATE/minikube-host"
  deploy 0
  calls "minikube -p minikube start --wait=all"
  calls_not "--cni"
}

test_status_starts_nothing() {
  minikube_machine
  echo 'kubectl *--raw*' >"$STATE/fail"
  deploy 1 --status
  calls_not start
  prints "minikube -p minikube start"
}

test_delete() {
  deployed_machine
  deploy 1 --delete # nobody to ask
  prints "make undeploy FORCE=1"
  calls_not "kubectl --context=minikube delete"
  FORCE=1 deploy 0 --delete
  calls "delete -f k8s/00-namespaces.yaml"
  deploy 0 --delete --force
}

test_delete_asks() {
  local answer wanted
  deployed_machine
  for answer in no yes; do
    wanted=1
    if [[ $answer == yes ]]; then wanted=0; fi
    : >"$STATE/calls"
    "$PYTHON" -c '
import os, pty, sys
answer = [sys.argv[1].encode() + b"\n"]
# Answers once the question is there; what follows is only read.
def read(fd):
    data = os.read(fd, 1024)
    if b"Type" in data and answer: os.write(fd, answer.pop())
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read, lambda fd: b"")))' "$answer" \
      env PATH="$STATE/bin:$work/tools" "$sources/deploy.sh" --delete >"$STATE/output" 2>&1 </dev/null ||
      [[ $? -eq $wanted ]] || fail "the answer $answer: another exit status"
    read_results
    if [[ $answer == yes ]]; then calls " delete -f"; else calls_not " delete -f"; fi
  done
}

test_help_and_wrong_usage() {
  deploy 0 --help
  prints "Usage: ./deploy.sh"
  deploy 2 --wrong
  prints "unknown option --wrong"
  deploy 2 now
  deploy 2 --context
  deploy 2 --tag latest
  IMAGE_TAG=latest deploy 2
  deploy 2 --postgresql --sqlite
  deploy 2 --switch
  prints "--switch needs --postgresql or --sqlite"
}

# --- All of them ---

copy_sources "$work/sources"
test_name=first_deployment
new_state
minikube_machine
deploy 0
mv "$STATE" "$work/deployed"

count=0
for test_name in $(compgen -A function test_); do
  # shellcheck disable=SC2053  # a pattern
  [[ $test_name == $pattern ]] || continue
  {
    new_state
    "$test_name"
    echo "ok $test_name"
    touch "$work/passed.$test_name"
  } &
  count=$((count + 1))
  if [[ $((count % at_once)) -eq 0 ]]; then wait; fi
done
wait
passed=$(find "$work" -name 'passed.*' | wc -l)
[[ $count -gt 0 && $passed -eq $count ]] || {
  echo "deploy_test.sh: FAIL: $((passed)) of $count tests passed"
  exit 1
}
echo "deploy_test.sh: PASS ($count tests in $SECONDS s, manifests changed by ${REAL_KUBECTL:-Python})"
