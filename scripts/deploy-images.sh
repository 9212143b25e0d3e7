# shellcheck shell=bash disable=SC2034,SC2154  # variables of the script that sources this
# The images of deploy.sh: their tag, their build, and how they get onto the cluster's nodes. To be
# sourced by it, and uses its variables; for bash 3.2.
#
#   content_tag       prints a hash of all that the images are built from
#   image_of NAME     prints what the Deployment has as its image
#   provide_images    sees to it that the cluster has both images

httplib_download=${HTTPLIB_DOWNLOAD:-ON}

sha256=(sha256sum)
if ! command -v sha256sum >/dev/null; then sha256=(shasum -a 256); fi # macOS

# The same sources get the same tag, on every machine: an image that is there needs no building, and
# a Deployment that has its tag is left alone.
content_tag() {
  local inputs
  inputs=$(sed -n 's/^!//p' .dockerignore)
  {
    echo "$httplib_download"
    # shellcheck disable=SC2086  # a list
    find Dockerfile.invoice Dockerfile.payment $inputs -type f | LC_ALL=C sort | tr '\n' '\0' |
      xargs -0 "${sha256[@]}"
  } | "${sha256[@]}" | cut -c 1-12
}

image_of() { echo "${registry:+$registry/}$1:$tag"; }

# What an engine has to call it: without a registry, podman would say localhost/, and the node wouldn't
# find it.
full_name_of() { echo "${registry:-docker.io/library}/$1:$tag"; }

# --- Where they go ---

engine=   # docker or podman, if one works
ctr=()    # the containerd of this machine
delivery= # registry, minikube, kind, k3d, containerd, shared (the node has what the engine has), none

find_engine() {
  for engine in docker podman; do
    if have "$engine" && "$engine" ps >/dev/null 2>&1; then return; fi
  done
  engine=
}

# A containerd with a cluster's images that may be used as we are.
find_containerd() {
  local tool
  for tool in ctr 'k3s ctr' 'microk8s ctr'; do
    read -r -a ctr <<<"$tool"
    if have "${ctr[0]}" && [[ -n $("${ctr[@]}" -n k8s.io images ls -q 2>/dev/null) ]]; then return; fi
  done
  return 1
}

this_machine_is_the_only_node() {
  local own node_addresses
  [[ $(k get nodes --output name | wc -l) -eq 1 ]] || return 1
  node_addresses=" $(k get nodes --output jsonpath='{.items[*].status.addresses[*].address}') "
  for own in $(uname -n | tr '[:upper:]' '[:lower:]') $(hostname -I 2>/dev/null || true); do
    if [[ $node_addresses == *" $own "* ]]; then return 0; fi
  done
  return 1
}

runtimes() { k get nodes --output jsonpath='{.items[*].status.nodeInfo.containerRuntimeVersion}'; }

choose_delivery() {
  if [[ -n $registry ]]; then
    delivery=registry
  elif [[ -n $on_minikube ]]; then
    delivery=minikube
  elif [[ $context == kind-* ]] && have kind; then
    delivery=kind
  elif [[ $context == k3d-* ]] && have k3d; then
    delivery=k3d
  elif [[ $context == docker-desktop || $(runtimes) == docker://* ]]; then
    delivery=shared
  elif this_machine_is_the_only_node && find_containerd; then
    delivery=containerd
  else
    delivery=none
  fi
}

# The names of the images that the nodes have; kubelet reports them late and not all, so elsewhere than on
# minikube and here a name that is missing says little.
images_on_nodes() {
  case $delivery in
    minikube) minikube -p "$profile" image ls ;;
    containerd) "${ctr[@]}" -n k8s.io images ls -q ;;
    *) k get nodes --output jsonpath='{.items[*].status.images[*].names[*]}' | tr ' ' '\n' ;;
  esac
}

nodes_have_images() {
  local name list
  list=$(images_on_nodes)
  for name in $services; do
    grep -xF -e "$(image_of "$name")" -e "$(full_name_of "$name")" <<<"$list" >/dev/null || return 1
  done
}

registry_has_images() {
  local name
  for name in $services; do
    "$engine" manifest inspect "$(full_name_of "$name")" >/dev/null 2>&1 || return 1
  done
}

# --- Building them, and bringing them there ---

build_hint() {
  cat <<END
See what the build says above.
  - debian:trixie-slim can't be pulled: one that the engine has already is used. To make one on Debian, as root:
    debootstrap --variant=minbase trixie build/trixie && tar -C build/trixie -c . | ${engine:-docker} import - debian:trixie-slim
  - the download of cpp-httplib hangs: HTTPLIB_DOWNLOAD=OFF make deploy
END
}

build_with_engine() {
  local name
  step "Building the images with $engine" "$(build_hint)"
  for name in $services; do
    # Without attestations, which not every node can import.
    BUILDX_NO_DEFAULT_ATTESTATIONS=1 "$engine" build --file "Dockerfile.${name%%-*}" \
      --build-arg HTTPLIB_DOWNLOAD="$httplib_download" --tag "$(full_name_of "$name")" .
  done
}

# Where there is no engine here. It exits with 0 even when it failed, so what counts is what is there
# afterwards.
build_in_minikube() {
  local name argument=build-arg=HTTPLIB_DOWNLOAD
  step "Building the images in minikube" "$(build_hint)"
  # Each of minikube's runtimes wants a build argument in its own way.
  if [[ $(runtimes) == containerd://* ]]; then argument=opt=build-arg:HTTPLIB_DOWNLOAD; fi
  for name in $services; do
    minikube -p "$profile" image build --file "Dockerfile.${name%%-*}" \
      --build-opt "$argument=$httplib_download" --tag "$(full_name_of "$name")" .
  done
}

# As archives: the one form that all of them take from docker and from podman.
bring_images() {
  local name archive
  step "Bringing the images there: $delivery" "See what is said above."
  for name in $services; do
    archive=$work/$name.tar
    case $delivery in
      shared) continue ;;
      registry)
        hint="Is this engine logged in? $engine login ${registry%%/*}"
        "$engine" push "$(full_name_of "$name")"
        continue
        ;;
    esac
    "$engine" save "$(full_name_of "$name")" >"$archive"
    case $delivery in
      minikube) minikube -p "$profile" image load "$archive" ;;
      kind) kind load image-archive "$archive" --name "${context#kind-}" ;;
      k3d) k3d image import "$archive" --cluster "${context#k3d-}" ;;
      containerd) "${ctr[@]}" -n k8s.io images import "$archive" ;;
    esac
  done
}

provide_images() {
  local where='on the node'
  choose_delivery
  find_engine
  step "Images: $(image_of payment-provider), $(image_of invoice-app)" "See what is said above."
  if [[ $delivery == registry ]]; then
    where="in $registry"
    if [[ -n $engine ]] && registry_has_images; then say "They are $where already"; return; fi
  elif nodes_have_images; then
    say "They are $where already"
    return
  fi

  if [[ $delivery == none ]]; then
    say "Not built: from here no way is known to the nodes, which are taken to have them or to pull" \
      "them. With --registry they are built and pushed."
  elif [[ -n $engine ]]; then
    build_with_engine
    bring_images
  elif [[ $delivery == minikube ]]; then
    build_in_minikube
  elif [[ $delivery == registry ]]; then
    say "Not built: neither docker nor podman works here. They are taken to be $where."
  else
    fail "The node doesn't have them, and neither docker nor podman works here to build them. Images that" \
      "the node has under another tag: --tag TAG."
  fi
  if [[ $delivery == minikube || $delivery == containerd ]]; then
    nodes_have_images || fail "The node still doesn't have them. $(build_hint)"
  fi
}
