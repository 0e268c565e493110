#!/usr/bin/env bash
# Builds a Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl) into the user's cache, where the
# tests of tests/kube look for it, and prints its folder. "build.sh" builds the newest version that the guide promises, of go.mod;
# "build.sh oldest" builds the oldest one, of oldest/go.mod. With each come the port forwarder of the tests' own kubelet and the definitions
# of the Gateway API, of the version in gateway-api/go.mod. Only what is absent is built or fetched. Needs Go; takes minutes the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case ${1:-newest} in
  newest) module=. ;;
  oldest) module=oldest ;;
  *) echo "usage: build.sh [newest|oldest]" >&2; exit 2 ;;
esac

version_of() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$2"; }

kubernetes=$(version_of k8s.io/kubernetes $module/go.mod)
etcd=$(version_of go.etcd.io/etcd/server/v3 $module/go.mod)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/echorator
folder=$cache/kube-$kubernetes-etcd-$etcd
forwarder=$cache/port-forwarder-$(sha256sum port-forwarder/main.go | cut -c1-12)
definitions=$cache/gateway-api-$(version_of sigs.k8s.io/gateway-api gateway-api/go.mod)

whole() {
  local name
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl; do
    [[ -x $folder/$name ]] || return 1
  done
}

if whole && [[ -x $forwarder && -d $definitions ]]; then
  echo "$folder"
  exit
fi

command -v go >/dev/null || { echo "go is absent: https://go.dev/dl has it" >&2; exit 1; }
export CGO_ENABLED=0
mkdir -p "$cache"
dir=$(mktemp -d "$cache/.kube-XXXXXX") # of the same file system: what it gets is moved at once
trap 'rm -rf "$dir"' EXIT

if ! whole; then
  mkdir "$dir/programs"
  numbers=${kubernetes#v}
  major=${numbers%%.*}
  minor=${numbers#*.}
  minor=${minor%%.*}
  base=k8s.io/component-base/version
  flags="-s -w -X $base.gitVersion=$kubernetes -X $base.gitMajor=$major -X $base.gitMinor=$minor"
  (cd "$module" && GOBIN=$dir/programs go install -trimpath -ldflags "$flags" tool >&2)
  mv "$dir/programs/server" "$dir/programs/etcd"
  rm -rf "$folder"
  mv -T "$dir/programs" "$folder"
fi

if [[ ! -x $forwarder ]]; then
  go build -trimpath -ldflags "-s -w" -o "$dir/forwarder" ./port-forwarder >&2
  mv "$dir/forwarder" "$forwarder"
fi

if [[ ! -d $definitions ]]; then
  module=$(cd gateway-api && go mod download sigs.k8s.io/gateway-api >&2 && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
  mkdir "$dir/definitions"
  install -m 644 "$module"/config/crd/standard/*.yaml "$dir/definitions"
  mv -T "$dir/definitions" "$definitions"
fi
echo "$folder"
