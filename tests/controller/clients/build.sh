#!/usr/bin/env bash
# Makes the xDS clients of other languages, where tests look for them: the packages of examples/node for Node, a program of the modules in
# go/go.mod, and the program of examples/go. Each goes into the user's cache, keyed by what it is made of; what is there is not made again.
# Both examples are set up by the commands of their README. `build.sh node`, `build.sh go` or `build.sh go-example` makes one of the three.
# Needs node 18 or newer with npm, and Go; the example in Go also needs protoc, or grpcio-tools in .venv or for python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

root=$(cd ../../.. && pwd)
examples=$root/examples
cache=${XDG_CACHE_HOME:-$HOME/.cache}/echorator
key() { cat "$@" | sha256sum | cut -c1-12; }
node=$cache/xds-node-$(key "$examples"/node/package{,-lock}.json)
go=$cache/xds-go-$(key go/{go.mod,go.sum,main.go})
go_example=$cache/xds-go-example-$(key "$examples"/go/{go.mod,go.sum,main.go,generate.sh} "$root"/protos/echorator/v1/{common,model}.proto)
mkdir -p "$cache"
dir=$(mktemp -d "$cache/.xds-XXXXXX") # of the same file system: what it gets is moved at once
trap 'rm -rf "$dir"' EXIT

set_up() { # runs the commands of a README in a folder
  local commands
  commands=$(awk '/^## / { found = /^## Set it up$/ } found && /^```/ { open = !open; next } found && open' "$1/README.md")
  [[ -n $commands ]] || { echo "$1/README.md has no commands under \"Set it up\"" >&2; exit 1; }
  (cd "$2" && bash -euo pipefail -c "$commands" >&2)
}

make_node() {
  [[ -d $node ]] && return
  command -v npm >/dev/null || { echo "npm is absent: apt-get install nodejs npm" >&2; exit 1; }
  node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' || { echo "node is older than 18: $(node --version)" >&2; exit 1; }
  mkdir "$dir/node"
  cp "$examples"/node/package{,-lock}.json "$dir/node"
  npm_config_ignore_scripts=true npm_config_audit=false npm_config_fund=false set_up "$examples/node" "$dir/node"
  mv -T "$dir/node" "$node"
}

need_go() { command -v go >/dev/null || { echo "go is absent: apt-get install golang-go" >&2; exit 1; }; }

make_go() {
  [[ -x $go/caller ]] && return
  need_go
  mkdir "$dir/go"
  (cd go && CGO_ENABLED=0 command go build -trimpath -ldflags "-s -w" -o "$dir/go/caller" . >&2)
  rm -rf "$go"
  mv -T "$dir/go" "$go"
}

make_go-example() {
  [[ -x $go_example/ask ]] && return
  need_go
  mkdir "$dir/bin" "$dir/go-example"
  cp "$examples"/go/{go.mod,go.sum,main.go,generate.sh} "$dir/go-example"
  if ! command -v protoc >/dev/null; then
    local python=$root/.venv/bin/python
    [[ -x $python ]] || python=python3
    printf '#!/bin/sh\nexec "%s" -P -m grpc_tools.protoc "$@"\n' "$python" >"$dir/bin/protoc"
    chmod +x "$dir/bin/protoc"
  fi
  PATH=$dir/bin:$PATH CGO_ENABLED=0 ECHORATOR_PROTOS=$root/protos set_up "$examples/go" "$dir/go-example"
  rm -rf "$go_example"
  mv -T "$dir/go-example" "$go_example"
}

[[ $# -gt 0 ]] || set -- node go go-example
for client; do "make_$client"; done
