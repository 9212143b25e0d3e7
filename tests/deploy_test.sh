#!/usr/bin/env bash
# Tests deploy.sh on every way that it may take, with stand-ins for all that it calls
# (support/deploy_stand_in.sh). Needs no cluster and no engine. Without kubectl, which renders the overlays,
# it skips the tests of PostgreSQL.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/deploy_test.sh [PATTERN]

Runs the tests whose name matches PATTERN, all without one, JOBS (default 2) at one time.
END
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
esac
pattern=${1:-*}
at_once=${JOBS:-2}
unset JOBS

# For the stand-in of kubectl.
REAL_KUBECTL=$(command -v kubectl || true)
PYTHON=$(python3 -c 'import sys; print(sys.executable)')
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/deploy-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
RENDERED=$work/rendered
export REAL_KUBECTL PYTHON RENDERED
for name in invoice-app payment-provider; do
  mkdir -p "$RENDERED/$name"
  [[ -z $REAL_KUBECTL ]] || "$REAL_KUBECTL" kustomize "$here/../overlays/postgresql/$name" --output "$RENDERED/$name"
done

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
sources=$here/..
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
  for tool in "$@"; do
    printf '#!%s\n. "%s"\n' "$BASH" "$here/support/deploy_stand_in.sh" >"$STATE/bin/$tool"
    chmod +x "$STATE/bin/$tool"
  done
}

# For a test that changes the sources.
own_sources() {
  sources=$STATE/sources
  mkdir "$sources"
  # shellcheck disable=SC2046  # a list
  (cd "$here/.." && tar -cf - deploy.sh k8s overlays scripts .dockerignore Dockerfile.invoice Dockerfile.payment \
    $(sed -n 's/^!//p' .dockerignore)) | tar -xf - -C "$sources"
}

# A machine with nothing on it but the sources.
new_state() {
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

run_deploy() {
  : >"$STATE/calls"
  PATH=$STATE/bin:$work/tools TMPDIR=$STATE/tmp "$sources/deploy.sh" "$@" >"$STATE/output" 2>&1 </dev/null
}

# deploy STATUS [OPTION...]: runs deploy.sh, which must end with STATUS and never tell the token.
deploy() {
  local wanted=$1 status=0
  shift
  run_deploy "$@" || status=$?
  read_results
  [[ ! -e $STATE/unexpected ]] || fail "the stand-ins don't know: $(<"$STATE/unexpected")"
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

# The tag that deploy.sh gives to the sources, and that of those that no test has changed.
print_tag() { PATH=$work/tools "$sources/deploy.sh" --print-tag; }
tag=

# The image that the cluster was told to run.
image_of() { sed -n 's/^ *\(- \)\{0,1\}image: //p' "$STATE/objects/"*".$1"; } # KIND.NAME

# What is deployed: all objects, the images under this name, one token.
is_deployed() {
  local prefix=$1 object name manifests objects
  for object in Deployment.invoice-app Deployment.payment-provider CronJob.invoice-app-audit; do
    name=${object#*.}
    [[ $(image_of "$object") == "$prefix${name%-audit}:$tag" ]] || fail "$name runs $(image_of "$object")"
  done
  cmp "$STATE"/objects/{invoicing,payments}.Secret.provider-token || fail "the tokens differ"
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

objects_are_as_in() { diff -r "$1" "$STATE/objects" || fail "an object has changed"; }

# each_failure_is_told_and_the_next_run_goes_on [OPTION...]: each line of the input has a call that fails, and
# the step at which deploy.sh says so. In the order of the calls, so all runs together are one deployment.
each_failure_is_told_and_the_next_run_goes_on() {
  local call step
  while IFS='|' read -r call step; do
    echo "$call" >"$STATE/fail"
    deploy 1 "$@"
    prints "told to fail"
    [[ $output == *"FAILED at: $step"*.$'\n'"  "?* ]] || fail "$call: it isn't said where, and what to try"
    [[ $output != *"FAILED at: $step"*FAILED* ]] || fail "$call: it is said twice"
  done
  rm "$STATE/fail"
  deploy 0 "$@"
  rollouts_are 'payment-provider invoice-app '
}

# --- minikube ---

test_from_nothing() {
  minikube_machine
  MINIKUBE_CPUS=4 MINIKUBE_MEMORY=3g deploy 0
  calls "--cni=calico --cpus=4 --memory=3g"
  is_deployed ''
  rollouts_are 'payment-provider invoice-app '
  prints "payment-provider-0"
  prints "http://192.0.2.7:30081"
  prints "kubectl --context minikube -n invoicing port-forward"
  # Nothing goes to another cluster if the current context is changed meanwhile.
  ! grep '^kubectl' "$STATE/calls" | grep -v -e '--context=minikube ' -e 'config get-contexts' ||
    fail "kubectl is called without the context"
}

test_minikube_that_runs_is_not_started() {
  minikube_machine
  touch "$STATE/minikube-runs"
  echo production >"$STATE/contexts"
  deploy 0
  calls "minikube -p minikube update-context" # kubectl doesn't know of it
  calls_not "start"
  calls_not "production"
  is_deployed ''
  echo production >>"$STATE/contexts"
  deploy 0
  calls_not "update-context"
  calls_not "production"
}

test_stopped_minikube_keeps_its_network() {
  minikube_machine
  echo Stopped >"$STATE/minikube-host"
  echo 'kubectl *--raw*' >"$STATE/fail"
  deploy 1
  calls "minikube -p minikube start"
  calls_not "--cni"
}

test_podman_instead_of_docker() {
  minikube_machine
  installed minikube kubectl docker podman
  echo podman >"$STATE/engines"
  JOBS=3 deploy 0
  calls "podman build"
  calls "--build-arg JOBS=3"
  calls_not "docker build"
  is_deployed ''
}

# "minikube image build" exits with 0 even if it fails. The syntax of its arguments depends on what runs in minikube.
test_no_engine() {
  minikube_machine
  : >"$STATE/engines"
  echo "image build --file Dockerfile.payment" >"$STATE/loses-images"
  deploy 1
  prints "FAILED at: Building the images in minikube"
  prints "debootstrap"
  rollouts_are ''
  rm "$STATE/loses-images"
  HTTPLIB_DOWNLOAD=OFF deploy 0
  calls "--build-opt opt=build-arg:HTTPLIB_DOWNLOAD=OFF"
  sed -i.old 's|containerd://.*|docker://29.0.1|' "$STATE/node"
  JOBS=3 deploy 0
  calls "--build-opt build-arg=HTTPLIB_DOWNLOAD=ON --build-opt build-arg=JOBS=3"
  is_deployed ''
}

# --- Again ---

test_again_changes_nothing() {
  deployed_machine
  cp -R "$STATE/objects" "$STATE/before"
  deploy 0
  objects_are_as_in "$STATE/before"
  rollouts_are 'payment-provider invoice-app '
  prints_not created
  prints_not configured
  calls_not " build "
  calls_not "image load"
  calls_not " create "
}

# If the provider does not become ready, invoice-app stays as it is.
test_change_is_one_rollout_of_what_it_is_for() {
  local old=$tag
  own_sources
  deployed_machine
  echo '// changed' >>"$sources/common/money/money.cpp"
  tag=$(print_tag)
  [[ $tag != "$old" ]] || fail "the tag is still $old"
  echo 'kubectl *rollout status deployment/payment-provider*' >"$STATE/fail"
  deploy 1
  rollouts_are 'payment-provider invoice-app payment-provider '
  rm "$STATE/fail"
  deploy 0
  is_deployed ''
  rollouts_are 'payment-provider invoice-app payment-provider invoice-app '

  sed -i.old 's/LOG_LEVEL: info/LOG_LEVEL: debug/' "$sources/k8s/invoice-app/configmap.yaml"
  rm "$sources/k8s/invoice-app/configmap.yaml.old"
  : >"$STATE/rollouts"
  deploy 0
  rollouts_are 'invoice-app '
}

test_tag_is_of_what_is_built_and_nothing_else() {
  local old=$tag
  own_sources
  touch "$sources/common/money/money.cpp" "$sources/notes.txt"
  echo '# changed' >>"$sources/k8s/invoice-app/deployment.yaml"
  [[ $(print_tag) == "$old" ]] || fail "the tag changes though the images don't"
  echo '# changed' >>"$sources/Dockerfile.invoice"
  [[ $(print_tag) != "$old" ]] || fail "the tag stays though a Dockerfile has changed"
  old=$(print_tag)
  mv "$sources/common/money/money.h" "$sources/common/money/cash.h"
  [[ $(print_tag) != "$old" ]] || fail "the tag stays though a file has another name"
  old=$(print_tag)
  [[ $(HTTPLIB_DOWNLOAD=OFF print_tag) != "$old" ]] || fail "the tag stays though the library is another"
}

# --- The token ---

test_token_of_one_namespace_is_copied() {
  local namespace
  deployed_machine
  cp "$STATE/objects/payments.Secret.provider-token" "$STATE/token"
  for namespace in payments invoicing; do
    rm "$STATE/objects/$namespace.Secret.provider-token"
    deploy 0
    is_deployed ''
    cmp "$STATE/token" "$STATE/objects/$namespace.Secret.provider-token" || fail "another token"
  done
  printf b3RoZXI= >"$STATE/objects/payments.Secret.provider-token"
  deploy 1
  prints "different tokens"
}

# --- PostgreSQL ---

# As if somebody had created the Secrets named database.
given_secrets() {
  printf Z2l2ZW4tcGFzc3dvcmQ= | tee "$STATE"/objects/{invoicing,payments}.Secret.database >"$STATE/given"
}

objects_of() { find "$STATE/objects" -name "$1" | sed 's|.*/||' | sort | tr '\n' ' '; }

test_postgresql_for_evaluation() {
  local order
  minikube_machine
  deploy 0 --postgresql
  ! cmp -s "$STATE"/objects/{invoicing,payments}.Secret.database || fail "the passwords are equal"
  [[ $(base64 -d "$STATE/objects/payments.Secret.database" | wc -c) -eq 43 ]] || fail "a weak password"
  [[ $(objects_of '*.PersistentVolumeClaim.*') == 'invoicing.'*.data-database-0' payments.'*.data-database-0' ' ]] ||
    fail "volumes: $(objects_of '*.PersistentVolumeClaim.*')"
  [[ $(objects_of '*.NetworkPolicy.to-database') == *invoicing*payments* ]] || fail "no policies"
  [[ $(image_of Deployment.invoice-app) == "invoice-app:$tag" ]] || fail "it runs $(image_of Deployment.invoice-app)"
  prints "FOR EVALUATION ONLY"
  order=$(grep -o 'rollout status [^ ]*' <<<"$calls" | sed 's/.* //' | tr '\n' ' ')
  [[ $order == 'statefulset/database statefulset/database deployment/payment-provider deployment/invoice-app ' ]] ||
    fail "the order: $order"

  # Without an option, the database stays.
  cp -R "$STATE/objects" "$STATE/before"
  deploy 0
  objects_are_as_in "$STATE/before"
  rollouts_are 'payment-provider invoice-app '
  deploy 0 --status
  prints "invoice-app: postgresql"
  deploy 0 --delete --force
  [[ $(objects_of '[a-z]*.*') == '' ]] || fail "left: $(objects_of '[a-z]*.*')"
}

test_postgresql_of_given_secrets() {
  deployed_machine
  rm -f "$STATE"/objects/*.{Deployment,PersistentVolumeClaim}.*
  given_secrets
  rm "$STATE/objects/payments.Secret.database"
  deploy 1 --postgresql
  prints "The Secret named database is missing"
  calls_not evaluation
  given_secrets
  deploy 0 --postgresql
  calls_not evaluation
  prints "overlays/postgresql/common/networkpolicy.yaml must allow connections"
}

# A new database would hide the data of the old one.
test_no_database_for_evaluation_replaces_another() {
  local kind
  minikube_machine
  deploy 0 --postgresql
  rm "$STATE"/objects/*.Secret.database
  cp -R "$STATE/objects" "$STATE/before"
  for kind in none Deployment; do
    rm -f "$STATE"/{before,objects}/*."$kind".*
    deploy 1 --postgresql
    prints "The Secret named database is missing"
    objects_are_as_in "$STATE/before"
  done
}

# Each database is empty for those who come from the other one.
test_other_database_only_if_told_and_without_pods() {
  deployed_machine
  cp -R "$STATE/objects" "$STATE/before"
  deploy 1 --postgresql
  prints "payment-provider uses sqlite. Its data would stay there"
  deploy 1 --postgresql --switch
  prints "scale deployment/payment-provider --replicas=0"
  objects_are_as_in "$STATE/before"
  touch "$STATE/stopped"
  deploy 1 --postgresql --switch
  prints "The Secret named database is missing"
  given_secrets
  echo 'kubectl *rollout status deployment/payment-provider*' >"$STATE/fail"
  deploy 1 --postgresql --switch
  rm "$STATE/fail"
  deploy 1
  prints "payment-provider uses postgresql, but invoice-app uses sqlite. Say which"
  deploy 0 --postgresql --switch
  [[ $(objects_of '*.PersistentVolumeClaim.*-app-data') == *invoice-app-data* ]] ||
    fail "the data of SQLite are gone"
  rm "$STATE/stopped"
  deploy 1 --sqlite
  prints "payment-provider uses postgresql. Its data would stay there"
  touch "$STATE/stopped"
  deploy 0 --sqlite --switch
}

test_what_is_left_without_a_deployment() {
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

test_failures_with_postgresql() {
  minikube_machine
  each_failure_is_told_and_the_next_run_goes_on --postgresql <<'END'
kubectl *get deployment *|Choosing the database
kubectl *-n invoicing get secret/database *|Choosing the database
kubectl *-n invoicing get secret database*|Secrets of the databases
kubectl *get deployments,persistentvolumeclaims *|Secrets of the databases
kubectl *-n payments create -f -|Secrets of the databases
kubectl *apply --kustomize */evaluation/payments|PostgreSQL in payments
kubectl *-n invoicing rollout status statefulset/database*|PostgreSQL in invoicing
kubectl *kustomize overlays/postgresql/invoice-app *|Applying k8s/invoice-app
END
}

# --- Failures ---

test_failures() {
  minikube_machine
  each_failure_is_told_and_the_next_run_goes_on <<'END'
minikube * start *|Starting minikube
kubectl *get --raw=/version*|Cluster: minikube, context minikube
docker build *|Building the images with docker
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
kubectl *patch --local -f k8s/invoice-app/cronjob*|Applying the audit
kubectl *get pods *|Done
END
  is_deployed ''
}

# A failed pod of the audit is not the reason.
test_failed_rollout_shows_pods_events_and_logs() {
  local state advice
  deployed_machine
  echo 'kubectl *rollout status deployment/payment-provider*' >"$STATE/fail"
  while IFS='|' read -r state advice; do
    echo "invoicing   invoice-app-1   0/1   $state   0   9s" >"$STATE/pods"
    echo "invoicing   invoice-app-audit-1-2   0/1   Error   0   9s" >>"$STATE/pods"
    deploy 1
    prints "invoice-app-1"
    prints "$advice"
  done <<'END'
ImagePullBackOff|The node can't get an image
CrashLoopBackOff|A program ends at its start
Pending|A pod can't start
END
  prints "EVENTS of invoicing"
  prints "EVENTS of payments"
  prints "LOGS of invoicing"
  prints "LOGS of payments"
}

test_interrupt_is_told() {
  local status=0
  deployed_machine
  mkfifo "$STATE/rollout-is-watched" "$STATE/rollout-ends"
  set -m # its own process group, as at a terminal
  run_deploy &
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
  prints "kubectl --context production -n invoicing port-forward"
  prints "make undeploy ARGS='--context production' "
  DEPLOY_CONTEXT=production deploy 0 --status
  calls_not "minikube"
  deploy 1 --context nowhere
  prints "FAILED at: Cluster: context nowhere"
}

test_current_context_without_minikube() {
  other_machine production docker
  deploy 0
  prints "Cluster: context production"
  prints "Not built"
  calls_not "docker build"
  is_deployed ''
  printf 'docker.io/library/%s\n' "payment-provider:$tag" "invoice-app:$tag" >"$STATE/node-images"
  deploy 0
  prints "The images are on the node already"
  installed kubectl
  deploy 0 --registry registry.example.com
  prints "expected in registry.example.com"
  is_deployed registry.example.com/
}

test_kind_and_k3d() {
  local tool
  for tool in kind k3d; do
    new_state
    other_machine "$tool-trial" "$tool" docker
    deploy 0
    [[ $(wc -l <"$STATE/node-images") -eq 2 ]] || fail "the images aren't loaded"
  done
}

# Those of a cluster with several nodes may be on one of them only.
test_images_for_several_nodes() {
  deployed_machine
  installed minikube kind kubectl docker
  echo kind-trial >>"$STATE/contexts"
  echo 'name node-2' >>"$STATE/node"
  deploy 0
  prints "Delivering the images: minikube"
  prints "addons enable storage-provisioner-rancher"
  deploy 0 --context kind-trial
  prints "Delivering the images: kind"
  prints_not "several nodes"
}

# nerdctl where containerd is in a virtual machine.
test_nodes_that_share_the_engine() {
  other_machine docker-desktop docker
  deploy 0
  calls "docker build"
  calls_not "docker save"
  other_machine rancher-desktop docker nerdctl
  echo nerdctl >>"$STATE/engines"
  deploy 0
  calls "nerdctl build"
  calls_not "docker build"
  calls_not "save"
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
  : >"$STATE/engines"
  deploy 1
  prints "neither docker nor podman works here"
  calls_not apply
  echo docker >"$STATE/engines"
  echo payment-provider.tar >"$STATE/loses-images"
  deploy 1
  prints "The node still doesn't have the images"
  rm "$STATE/loses-images"
  deploy 0
  is_deployed ''
  deploy 0
  calls_not "docker build"
  rollouts_are 'payment-provider invoice-app '
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
  calls "--platform linux/riscv64 "
  tag=$(ARCHITECTURE=riscv64 print_tag)
  is_deployed "$registry/"
  echo 'architecture amd64' >>"$STATE/node"
  deploy 1 --registry "$registry"
  prints "The nodes have different architectures: amd64 riscv64"
  calls_not apply
  deploy 0 --registry "$registry" --tag 2.0
  calls_not "--platform"
  tag=2.0
  is_deployed "$registry/"
}

test_registry() {
  minikube_machine
  echo 'docker push*' >"$STATE/fail"
  deploy 1 --registry registry.example.com/team
  prints "docker login registry.example.com"
  calls_not apply
  rm "$STATE/fail"
  deploy 0 --registry registry.example.com/team/
  calls_not "image load"
  is_deployed registry.example.com/team/
  [[ $(wc -l <"$STATE/registry-images") -eq 2 ]] || fail "the images aren't pushed"
  REGISTRY=registry.example.com/team deploy 0
  prints "The images are in registry.example.com/team already"
  calls_not "docker build"
  rollouts_are 'payment-provider invoice-app '
}

# --- The other actions ---

test_status() {
  deployed_machine
  deploy 0 --status
  prints "invoicing   invoice-app-0"
  prints "payment-provider: sqlite"
  calls_not apply
  rm "$STATE/minikube-runs"
  echo 'kubectl *--raw*' >"$STATE/fail"
  deploy 1 --status
  calls_not start
  prints "minikube -p minikube start"
}

# answer_to_delete ANSWER STATUS: at a terminal. deploy.sh must end with STATUS.
answer_to_delete() {
  local status=0
  : >"$STATE/calls"
  script --quiet --return --command "env PATH='$STATE/bin:$work/tools' '$sources/deploy.sh' --delete" /dev/null \
    <<<"$1" >"$STATE/output" || status=$?
  read_results
  [[ $status -eq $2 ]] || fail "the answer $1: exit status $status"
}

test_delete_asks_unless_forced() {
  deployed_machine
  answer_to_delete no 1
  calls_not " delete -f"
  answer_to_delete yes 0
  calls " delete -f k8s/00-namespaces.yaml"
  deploy 1 --delete # nobody to ask
  prints "make undeploy FORCE=1"
  calls_not " delete -f"
  FORCE=1 deploy 0 --delete
  calls " delete -f"
}

test_help_and_wrong_usage() {
  deploy 0 --help
  prints "Usage: ./deploy.sh"
  deploy 2 --wrong
  prints "unknown option --wrong"
  deploy 2 now
  deploy 2 --context
  IMAGE_TAG=latest deploy 2
  deploy 2 --postgresql --sqlite
  deploy 2 --switch
  prints "--switch needs --postgresql or --sqlite"
}

# --- All of them ---

tag=$(print_tag)
test_name=first_deployment
new_state
minikube_machine
deploy 0
mv "$STATE" "$work/deployed"

tests=()
for test_name in $(compgen -A function test_); do
  # shellcheck disable=SC2053  # a pattern
  if [[ $test_name != $pattern ]]; then
    continue
  elif [[ -z $REAL_KUBECTL && $(declare -f "$test_name") == *postgresql* ]]; then
    echo "SKIPPED $test_name: it needs kubectl"
  else
    tests+=("$test_name")
  fi
done

# run_tests FIRST: each at_once-th test from there on.
run_tests() {
  local number
  set +e # for bash, "( … ) || …" would be without set -e
  for ((number = $1; number < ${#tests[@]}; number += at_once)); do
    (
      set -e
      test_name=${tests[number]}
      new_state
      "$test_name"
      echo "ok $test_name"
      touch "$work/passed.$test_name"
    )
  done
}

for ((first = 0; first < at_once; first++)); do run_tests "$first" & done
wait
passed=$(find "$work" -name 'passed.*' | wc -l)
[[ $passed -gt 0 && $passed -eq ${#tests[@]} ]] || {
  echo "deploy_test.sh: FAIL: $((passed)) of ${#tests[@]} tests passed"
  exit 1
}
echo "deploy_test.sh: PASS (${#tests[@]} tests in $SECONDS s)"
