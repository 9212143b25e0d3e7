# shellcheck shell=bash
# Stands in for minikube, kubectl, docker, podman, nerdctl, kind, k3d and ctr: scripts with these names, which
# tests/deploy_test.sh writes, source this file. Their state is in files of the directory $STATE:
#
#   calls              every call, one per line
#   unexpected         those that this can't answer
#   fail               pattern of the calls that fail
#   contexts           contexts of kubectl
#   minikube-runs      exists while minikube runs
#   minikube-host      the state of minikube's machine; without it, there is none
#   engines            those of docker, podman and nerdctl that work
#   engine-images, node-images, registry-images
#   loses-images       calls with this word exit with 0, but their image never arrives
#   node               name, address and container runtime of the node
#   objects/           NAMESPACE.KIND.NAME, as applied; for a Secret, its secret part in base64
#   given              exists if deploy.sh has not created the Secrets named database
#   stopped            exists if both services have no pods
#   rollouts           each change of a Deployment
#   pods               the table of the pods
#
# $REAL_KUBECTL changes and renders manifests. Its results are kept in $RENDERED; the overlays of both services
# are there from the start.
set -euo pipefail
shopt -s extglob nullglob

tool=${0##*/}
call="$tool $*"
echo "$call" >>"$STATE/calls"

say_no() {
  echo "$tool: $*" >&2
  exit 1
}

unexpected() {
  echo "$call" >>"$STATE/unexpected"
  say_no "the stand-in doesn't know this call"
}

# shellcheck disable=SC2053  # a pattern
if [[ -e $STATE/fail && $call == $(<"$STATE/fail") ]]; then say_no "told to fail"; fi

# Whether a file of $STATE has this line.
lists() { [[ $'\n'$(<"$STATE/$1")$'\n' == *$'\n'"$2"$'\n'* ]]; }

# Adds an image to a list, unless it is to be lost.
add_image() {
  if [[ -e $STATE/loses-images && $call == *$(<"$STATE/loses-images")* ]]; then return; fi
  echo "$2" >>"$STATE/$1-images"
}

# The image of a build.
built() {
  local image=${call##* --tag }
  [[ $call == *" --file Dockerfile."@(invoice*/invoice-app:*|payment*/payment-provider:*)" ." ]] || unexpected
  echo "${image% .}"
}

minikube() {
  [[ $1 == -p && $2 == minikube ]] || unexpected
  shift 2
  case "$*" in
    "status --format={{.Host}}")
      cat "$STATE/minikube-host" 2>/dev/null || echo '* Profile "minikube" not found.'
      [[ -e $STATE/minikube-runs ]]
      ;;
    "start --wait=all"*)
      touch "$STATE/minikube-runs"
      echo minikube >>"$STATE/contexts"
      ;;
    update-context) echo minikube >>"$STATE/contexts" ;;
    "image ls") cat "$STATE/node-images" ;;
    "image build "*) add_image node "$(built)" ;;
    "image load "/*) add_image node "$(<"$3")" ;;
    *) unexpected ;;
  esac
}

engine() {
  lists engines "$tool" || say_no "cannot connect to the daemon"
  [[ $tool != nerdctl || ${CONTAINERD_NAMESPACE:-} == k8s.io ]] || unexpected
  case "$*" in
    ps) ;;
    "build "*) add_image engine "$(built)" ;;
    "save "*) lists engine-images "$2" && echo "$2" ;;
    "push "*) lists engine-images "$2" && echo "$2" >>"$STATE/registry-images" ;;
    "manifest inspect "*) lists registry-images "$3" ;;
    *) unexpected ;;
  esac
}

ctr() {
  case "$*" in
    "-n k8s.io images ls -q") cat "$STATE/node-images" ;;
    "-n k8s.io images import "*) add_image node "$(<"$5")" ;;
    *) unexpected ;;
  esac
}

# --- kubectl ---

# once NAME COMMAND...: prints what the command has printed when it was first called under this name. The
# manifests that kubectl changes or renders are the same in all tests.
once() {
  local file=$RENDERED/${1//[^A-Za-z0-9]/}
  shift
  if [[ ! -e $file ]]; then "$@" >"$file.$$" && mv "$file.$$" "$file"; fi
  echo "$(<"$file")"
}

# Changes a manifest as "kubectl patch --local" does: by kubectl itself, where there is one, else as far as
# deploy.sh needs it.
patch_locally() {
  if [[ -n $REAL_KUBECTL ]]; then "$REAL_KUBECTL" "$@"; return; fi
  "$PYTHON" -c '
import json, sys, yaml

def merge(into, patch):
    for key, value in patch.items():
        if key == "containers":
            for container in value:
                next(c for c in into[key] if c["name"] == container["name"]).update(container)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value

manifest = yaml.safe_load(open(sys.argv[1]))
merge(manifest, json.loads(sys.argv[2]))
print(yaml.safe_dump(manifest), end="")' "$4" "$8"
}

# of_nodes FORMAT KEY: prints the values of a key that is a pattern.
of_nodes() {
  local key value
  # shellcheck disable=SC2053,SC2059  # a pattern, a format
  while read -r key value; do
    if [[ $key == $2 ]]; then printf "$1" "$value"; fi
  done <"$STATE/node"
}

# Takes an object, and says what "kubectl apply" would.
apply_object() {
  local object=$1 kind name='' namespace='' file was=''
  [[ $'\n'$object =~ $'\n'"kind: "([A-Za-z]+) ]] || say_no "no objects passed to apply"
  kind=${BASH_REMATCH[1]}
  if [[ $object =~ $'\n'"  name: "([a-z0-9-]+) ]]; then name=${BASH_REMATCH[1]}; fi
  if [[ $object =~ $'\n'"  namespace: "([a-z0-9-]+) ]]; then namespace=${BASH_REMATCH[1]}; fi
  file=$STATE/objects/$namespace.$kind.$name
  [[ -z $namespace || -e $STATE/objects/.Namespace.$namespace ]] ||
    say_no "namespaces \"$namespace\" not found"
  if [[ -e $file ]]; then was=$(<"$file"); fi
  if [[ $was == "$object" ]]; then
    echo "$kind/$name unchanged"
    return
  fi
  if [[ $kind == Deployment ]]; then echo "$name" >>"$STATE/rollouts"; fi
  if [[ -n $was ]]; then echo "$kind/$name configured"; else echo "$kind/$name created"; fi
  printf '%s\n' "$object" >"$file"
}

# The objects of a text.
apply_all() {
  local separator=$'\n---\n' rest=$1
  while [[ $rest == *"$separator"* ]]; do
    apply_object "${rest%%"$separator"*}"
    rest=${rest#*"$separator"}
  done
  apply_object "$rest"
}

apply() {
  while [[ $# -gt 0 ]]; do
    [[ $1 == -f ]] || unexpected
    if [[ $2 == - ]]; then apply_all "$(cat)"; else apply_all "$(<"$2")"; fi
    shift 2
  done
}

# create_secret NAME VALUE: in the namespace, with a secret part that is in base64.
create_secret() {
  local file=$STATE/objects/$namespace.Secret.$1
  [[ -n $2 ]] || say_no "no objects passed to create"
  [[ -e $STATE/objects/.Namespace.$namespace && ! -e $file ]] || say_no "the Secret can't be made"
  printf %s "$2" >"$file"
  echo "secret/$1 created"
}

kubectl() {
  local namespace='' text
  if [[ ${1:-} == --context=* ]]; then
    lists contexts "${1#--context=}" || say_no "context ${1#--context=} does not exist"
    shift
  fi
  if [[ ${1:-} == -n ]]; then
    namespace=$2
    shift 2
  fi
  case "$*" in
    "config current-context") [[ -s $STATE/contexts ]] && tail -n 1 "$STATE/contexts" ;;
    "config get-contexts "*) lists contexts "$3" ;;
    "get --raw=/version --request-timeout="*) [[ -s $STATE/contexts ]] ;;
    "get nodes --output name") of_nodes 'node/%s\n' name ;;
    "get nodes "*".addresses[*].address}") of_nodes '%s ' "@(name|address)" ;;
    "get nodes "*".architecture}") of_nodes '%s ' architecture ;;
    "get nodes "*InternalIP*) of_nodes '%s ' address ;;
    "get nodes "*".containerRuntimeVersion}") of_nodes '%s ' runtime ;;
    "get nodes "*".images[*].names[*]}") tr '\n' ' ' <"$STATE/node-images" ;;
    "get storageclass --output jsonpath="*) echo k8s.io/minikube-hostpath ;;
    "get service invoice-app --output jsonpath={.spec.ports[0].nodePort}") echo 30081 ;;
    "get pods --all-namespaces --selector app.kubernetes.io/part-of=invoice-payments "*)
      cat "$STATE/pods"
      ;;
    "get events "*) echo "EVENTS of $namespace" ;;
    "logs --selector "*) echo "LOGS of $namespace" ;;
    "patch --local -f "*" --output yaml --patch "*) once "${4##*/deploy.??????/} $8" patch_locally "$@" ;;
    "apply -f "*)
      shift
      apply "$@"
      ;;
    "get secret provider-token --ignore-not-found --output name")
      if [[ -e $STATE/objects/$namespace.Secret.$3 ]]; then echo "secret/$3"; fi
      ;;
    "get secret provider-token --output jsonpath={.data.token}") cat "$STATE/objects/$namespace.Secret.$3" ;;
    "get secret provider-token --output go-template="*)
      text=${5#go-template=}
      echo "${text/\{\{.data.token\}\}/$(<"$STATE/objects/$namespace.Secret.$3")}"
      ;;
    "create secret generic provider-token --from-file=token=/dev/stdin")
      create_secret provider-token "$(base64 | tr -d '\n')"
      ;;
    "create -f -")
      text=$(cat)
      if [[ $text =~ \"url\":\ \"postgresql://$namespace:([^@]+)@database/$namespace\" ]]; then
        [[ $text == *managed-by\":\ \"deploy.sh* ]] || unexpected
        create_secret database "$(printf %s "${BASH_REMATCH[1]}" | base64)"
      else
        text=${text#*\"token\":\"}
        create_secret provider-token "${text%%\"*}"
      fi
      ;;
    "get secret database --ignore-not-found --output jsonpath={.metadata.name} "*)
      if [[ -e $STATE/objects/$namespace.Secret.$3 ]]; then
        if [[ -e $STATE/given ]]; then echo 'database '; else echo 'database deploy.sh'; fi
      fi
      ;;
    "get deployment "*" --ignore-not-found --output jsonpath={.spec.template.spec.volumes[*].name}")
      text=$(cat "$STATE/objects/$namespace.Deployment.$3" 2>/dev/null) || return 0
      if [[ $text == *"secretName: database"* ]]; then echo database; else echo data; fi
      ;;
    "get secret/database persistentvolumeclaim/data-database-0 persistentvolumeclaim/"*" --output name")
      if [[ -e $STATE/objects/$namespace.Secret.database ]]; then echo secret/database; fi
      for claim in "$3" "$4"; do
        if [[ -e $STATE/objects/$namespace.PersistentVolumeClaim.${claim#*/} ]]; then echo "$claim"; fi
      done
      ;;
    "get deployments,persistentvolumeclaims --all-namespaces --selector "*" --output name")
      printf '%s\n' "$STATE"/objects/*.@(Deployment|PersistentVolumeClaim).*
      ;;
    "get pods --selector app.kubernetes.io/name="*" --output name")
      if [[ ! -e $STATE/stopped ]]; then echo "pod/${4#*=}-0"; fi
      ;;
    "kustomize overlays/postgresql/"@(invoice-app|payment-provider)" --output /"*)
      cp "$RENDERED/${2##*/}"/* "$4"
      ;;
    "apply --kustomize overlays/postgresql/evaluation/"*)
      apply_all "$(once "$3" "$REAL_KUBECTL" kustomize "$3")"
      ;;
    "rollout status statefulset/database --timeout="*)
      [[ -e $STATE/objects/$namespace.StatefulSet.database ]] || say_no "not found"
      # The claim of its template.
      echo >"$STATE/objects/$namespace.PersistentVolumeClaim.data-database-0"
      ;;
    "rollout status deployment/"*" --timeout="*)
      [[ -e $STATE/objects/$namespace.Deployment.${3#*/} ]] || say_no "not found"
      if [[ -p $STATE/rollout-is-watched ]]; then
        echo >"$STATE/rollout-is-watched"
        read -r _ <"$STATE/rollout-ends"
      fi
      ;;
    "delete -f k8s/00-namespaces.yaml --ignore-not-found --timeout="*) rm -f "$STATE"/objects/* ;;
    *) unexpected ;;
  esac
}

case $tool in
  docker | podman | nerdctl) engine "$@" ;;
  kind | k3d)
    [[ "$tool $1 $2 $4 $5" == @("kind load image-archive --name"|"k3d image import --cluster")" trial" ]] || unexpected
    add_image node "$(<"$3")"
    ;;
  *) "$tool" "$@" ;;
esac
