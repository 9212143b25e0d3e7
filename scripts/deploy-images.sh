# shellcheck shell=bash disable=SC2034,SC2154  # variables of the script that sources this
# The images of deploy.sh: their tag, their build, and their delivery to the nodes of the cluster.
# deploy.sh sources this file, which uses its variables. Works in bash 3.2.
#
#   content_tag          prints a hash of everything that the images are built from, and the architecture
#   choose_architecture  sets the architecture and the tag of the images, if the user has not
#   image_of NAME        prints the name of an image for the Deployment
#   provide_images       makes sure that the cluster has both images

httplib_download=${HTTPLIB_DOWNLOAD:-ON}

sha256=(sha256sum)
if ! command -v sha256sum >/dev/null; then sha256=(shasum -a 256); fi # macOS

# The same sources get the same tag on every machine. So an existing image need not be built, and a
# Deployment with the same tag does not change. Machines with other processors can share a registry.
content_tag() {
  local inputs hash
  inputs=$(sed -n 's/^!//p' .dockerignore)
  hash=$({
    echo "$httplib_download"
    # shellcheck disable=SC2086  # a list
    find Dockerfile.invoice Dockerfile.payment $inputs -type f | LC_ALL=C sort | tr '\n' '\0' |
      xargs -0 "${sha256[@]}"
  } | "${sha256[@]}" | cut -c 1-12)
  echo "$hash-$architecture"
}

# Kubernetes' name of this machine's architecture.
own_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

choose_architecture() {
  if [[ -z $architecture ]]; then
    architecture=$(k get nodes --output jsonpath='{.items[*].status.nodeInfo.architecture}' | tr ' ' '\n' | sort -u)
    if [[ $architecture == *$'\n'* ]]; then
      [[ -n $tag ]] ||
        fail "The nodes have different architectures: $(tr '\n' ' ' <<<"$architecture"). Push images for all of them
  under one tag, and pass it with --tag; or choose one with ARCHITECTURE, and let only those nodes run pods"
      architecture= # what is built for the tag is for this machine
    fi
  fi
  architecture=${architecture:-$(own_architecture)}
  tag=${tag:-$(content_tag)}
}

image_of() { echo "${registry:+$registry/}$1:$tag"; }

# The name of an image for docker and podman. Without a registry in the name, podman would add
# localhost/, and the node would not find the image.
full_name_of() { echo "${registry:-docker.io/library}/$1:$tag"; }

# --- Ways to deliver ---

engine=   # docker or podman, if one of them works; nerdctl for some clusters
ctr=()    # command for the containerd of this machine
delivery= # registry, minikube, kind, k3d, containerd, shared (nodes use the engine's images), none

working_engine() {
  local tool
  for tool in docker podman; do
    if have "$tool" && "$tool" ps >/dev/null 2>&1; then echo "$tool"; return; fi
  done
}

# Finds a containerd that has a cluster's images and that this user may access.
find_containerd() {
  local tool
  for tool in ctr 'k3s ctr' 'microk8s ctr'; do
    read -r -a ctr <<<"$tool"
    if have "${ctr[0]}" && [[ -n $("${ctr[@]}" -n k8s.io images ls -q 2>/dev/null) ]]; then return; fi
  done
  return 1
}

only_one_node() { [[ $(k get nodes --output name | wc -l) -eq 1 ]]; }

this_machine_is_the_only_node() {
  local own node_addresses
  only_one_node || return 1
  node_addresses=" $(k get nodes --output jsonpath='{.items[*].status.addresses[*].address}') "
  for own in $(uname -n | tr '[:upper:]' '[:lower:]') $(hostname -I 2>/dev/null || true); do
    if [[ $node_addresses == *" $own "* ]]; then return 0; fi
  done
  return 1
}

runtimes() { k get nodes --output jsonpath='{.items[*].status.nodeInfo.containerRuntimeVersion}'; }

choose_delivery() {
  engine=$(working_engine)
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
  elif [[ $context == rancher-desktop || $context == colima* ]]; then
    # With containerd. nerdctl builds where Kubernetes looks for images.
    have nerdctl || fail "Images get into ${context%-*} by nerdctl, which is missing. Its settings can install it, or choose docker"
    engine=nerdctl
    export CONTAINERD_NAMESPACE=k8s.io
    delivery=shared
  elif this_machine_is_the_only_node && find_containerd; then
    delivery=containerd
  else
    delivery=none
  fi
}

# The names of the images that any node has. The list is complete on minikube and in containerd only:
# kubelet reports images late, and not all of them.
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

# --- Build and delivery ---

build_hint() {
  cat <<END
See the output of the build above.
  - If debian:trixie-slim can't be pulled, a local copy is used. To make one on Debian, as root:
    debootstrap --variant=minbase trixie build/trixie && tar -C build/trixie -c . | ${engine:-docker} import - debian:trixie-slim
  - If the download of cpp-httplib hangs: HTTPLIB_DOWNLOAD=OFF make deploy
  - If programs of another architecture can't run ("exec format error"), the engine needs an emulator
    (QEMU): build on a machine like the nodes, or install one
  - If a compiler was killed ("Killed"), the memory did not suffice: make deploy JOBS=1
  - If a "Release file is not valid yet", the clock of the builder is late, as after the sleep of a laptop:
    start Docker or minikube anew
END
}

build_with_engine() {
  local name platform=
  step "Building the images with $engine" "$(build_hint)"
  if [[ $architecture != "$(own_architecture)" ]]; then platform=linux/$architecture; fi # the engine emulates it
  for name in $services; do
    # Without attestations: not every node can import them.
    BUILDX_NO_DEFAULT_ATTESTATIONS=1 "$engine" build --file "Dockerfile.${name%%-*}" \
      --build-arg HTTPLIB_DOWNLOAD="$httplib_download" ${JOBS:+--build-arg JOBS="$JOBS"} \
      ${platform:+--platform "$platform"} --tag "$(full_name_of "$name")" .
  done
}

# For machines without docker and podman. "minikube image build" exits with 0 even if it fails, so
# provide_images checks afterwards that the images exist.
build_in_minikube() {
  local name argument=build-arg=
  step "Building the images in minikube" "$(build_hint)"
  # The syntax of a build argument depends on minikube's container runtime.
  if [[ $(runtimes) == containerd://* ]]; then argument=opt=build-arg:; fi
  for name in $services; do
    minikube -p "$profile" image build --file "Dockerfile.${name%%-*}" \
      --build-opt "${argument}HTTPLIB_DOWNLOAD=$httplib_download" ${JOBS:+--build-opt "${argument}JOBS=$JOBS"} \
      --all --tag "$(full_name_of "$name")" .
  done
}

# As archives: all of these tools accept archives from docker and from podman.
deliver_images() {
  local name archive
  step "Delivering the images: $delivery" "See the output above."
  for name in $services; do
    archive=$work/$name.tar
    case $delivery in
      shared) continue ;;
      registry)
        hint="Log in to the registry: $engine login ${registry%%/*}"
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
  step "Images: $(image_of payment-provider), $(image_of invoice-app)" "See the output above."
  if [[ $delivery == registry ]]; then
    where="in $registry"
    if [[ -n $engine ]] && registry_has_images; then say "The images are $where already"; return; fi
  elif { [[ $delivery == none || $delivery == shared ]] || only_one_node; } && nodes_have_images; then
    # Images that are loaded into several nodes are loaded each time: one of the nodes may lack them.
    say "The images are $where already"
    return
  fi

  if [[ $delivery == none ]]; then
    say "Not built: deploy.sh knows no way to load images into these nodes. It expects that the nodes" \
      "have the images or can pull them. With --registry, the images are built and pushed."
  elif [[ -n $engine ]]; then
    build_with_engine
    deliver_images
  elif [[ $delivery == minikube ]]; then
    build_in_minikube
  elif [[ $delivery == registry ]]; then
    say "Not built: neither docker nor podman works here. The images are expected $where."
  else
    fail "The node doesn't have the images, and neither docker nor podman works here to build them. If the" \
      "node has images with another tag, use --tag TAG."
  fi
  if [[ $delivery == minikube || $delivery == containerd ]]; then
    nodes_have_images || fail "The node still doesn't have the images. $(build_hint)"
  fi
}
