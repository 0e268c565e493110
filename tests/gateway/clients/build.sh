#!/usr/bin/env bash
# Installs the clients of other projects that tests/gateway/clients runs against a gateway, each language in a folder of the user's cache
# that is keyed by what it is made of. `build.sh python`, `build.sh llama_index` or `build.sh node` makes one of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/echorator
key() { cat "$@" | sha256sum | cut -c1-12; }

make_environment() { # of a folder with requirements.txt
  local folder=$cache/clients-$1-$(key "$1/requirements.txt")
  [[ ! -e $folder/whole ]] || return 0
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install -q -r "$1/requirements.txt"
  touch "$folder/whole"
}
make_python() { make_environment python; }
make_llama_index() { make_environment llama_index; } # it needs an older openai than the others

make_node() {
  local folder=$cache/clients-node-$(key node/package.json node/package-lock.json)
  [[ ! -e $folder/whole ]] || return 0
  command -v npm >/dev/null || { echo "npm is absent: apt-get install nodejs npm" >&2; exit 1; }
  rm -rf "$folder"
  mkdir -p "$folder"
  cp node/package.json node/package-lock.json "$folder"
  (cd "$folder" && npm ci --silent --ignore-scripts --no-audit --no-fund)
  touch "$folder/whole"
}

(($#)) || set -- python llama_index node
for what; do "make_$what"; done
