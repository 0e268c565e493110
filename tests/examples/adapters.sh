#!/usr/bin/env bash
# Makes the environment with what the examples of LangChain and LlamaIndex need, once for each version of adapters.txt.
set -euo pipefail
cd "$(dirname "$0")"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/echorator/adapters-$(sha256sum adapters.txt | cut -c1-12)"
[ ! -e "$folder/whole" ] || exit 0
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install -q -r adapters.txt
touch "$folder/whole"
