#!/usr/bin/env bash
# Builds a Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl) of the versions in go.mod
# into the user's cache, where the tests of tests/kube look for it, and prints that folder. Needs Go; takes minutes the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

version_of() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' go.mod; }

kubernetes=$(version_of k8s.io/kubernetes)
etcd=$(version_of go.etcd.io/etcd/server/v3)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/echorator
folder=$cache/kube-$kubernetes-etcd-$etcd

whole() {
  local name
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl; do
    [[ -x $folder/$name ]] || return 1
  done
}

if ! whole; then
  command -v go >/dev/null || { echo "go is absent: https://go.dev/dl has it" >&2; exit 1; }
  mkdir -p "$cache"
  dir=$(mktemp -d "$cache/.kube-XXXXXX")
  trap 'rm -rf "$dir"' EXIT
  numbers=${kubernetes#v}
  major=${numbers%%.*}
  minor=${numbers#*.}
  minor=${minor%%.*}
  base=k8s.io/component-base/version
  flags="-s -w -X $base.gitVersion=$kubernetes -X $base.gitMajor=$major -X $base.gitMinor=$minor"
  CGO_ENABLED=0 GOBIN=$dir go install -trimpath -ldflags "$flags" tool >&2
  mv "$dir/server" "$dir/etcd"
  chmod 755 "$dir"
  rm -rf "$folder"
  mv -T "$dir" "$folder"
fi
echo "$folder"
