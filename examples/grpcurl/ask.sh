#!/bin/sh
# Asks a model with grpcurl, which needs no .proto file: the server describes itself (gRPC reflection).
#
#   sh ask.sh [HOST:PORT]
set -eu

server=${1:-${ECHORATOR_SERVER:-127.0.0.1:50052}}

command -v grpcurl >/dev/null || { echo "grpcurl is not on the PATH; see README.md" >&2; exit 1; }
if ! services=$(grpcurl -plaintext -connect-timeout 5 "$server" list 2>/dev/null); then
  echo "no server answers at $server; is \`echorator up\` running?" >&2
  exit 1
fi

echo "$services"
grpcurl -plaintext -d @ "$server" echorator.v1.ModelService/Chat <<'JSON'
{
  "messages": [{"role": "user", "content": "Hello!"}],
  "sampling": {"temperature": 0}
}
JSON
