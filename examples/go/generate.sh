#!/bin/sh
# Makes Go's types and stubs of Echorator's services, in echoratorv1/, with the plugins that go.mod names.
#
#   [PROTOC=...] [ECHORATOR_PROTOS=...] sh generate.sh
set -eu
cd "$(dirname "$0")"

package=echorator.dev/examples/go/echoratorv1
protos=${ECHORATOR_PROTOS:-../../protos}
plugins=$(mktemp -d)
trap 'rm -rf "$plugins"' EXIT

GOBIN=$plugins go install tool
set --
for file in common model; do
  set -- "$@" "--go_opt=Mechorator/v1/$file.proto=$package" "--go-grpc_opt=Mechorator/v1/$file.proto=$package"
done
# PROTOC may be several words, such as "python -m grpc_tools.protoc".
PATH=$plugins:$PATH ${PROTOC:-protoc} -I "$protos" "$@" \
  --go_out=. --go_opt=module=echorator.dev/examples/go --go-grpc_out=. --go-grpc_opt=module=echorator.dev/examples/go \
  echorator/v1/common.proto echorator/v1/model.proto
