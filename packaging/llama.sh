#!/usr/bin/env bash
# Builds the llama.cpp that a wheel carries, and prints its folder: lib/, include/ and VERSION. With --where it prints the folder alone.
#
# The source is the one in the sdist of the pinned llama-cpp-python. The kernels for each kind of CPU become a library of their own, of which
# the fastest is chosen where it runs (GGML_CPU_ALL_VARIANTS), so that one wheel serves every x86-64 or Arm machine. More options for CMake,
# such as -DGGML_CUDA=ON for another variant of the wheel, may follow as arguments. It takes a quarter of an hour on two cores, and is kept in
# ~/.cache/echorator by version, machine and options.
set -euo pipefail
cd "$(dirname "$0")/.."
where=
[ "${1:-}" != --where ] || { where=yes; shift; }

version=$(sed -n 's/^ *"llama-cpp-python==\([0-9.]*\)",$/\1/p' pyproject.toml)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/echorator
options=$(printf '%s ' "$@" | sha256sum | cut -c1-8)
made=$cache/llama-carried-$version-$(uname -m)-$options
if [ ! -e "$made/VERSION" ] && [ -z "$where" ]; then
  for program in cmake ninja c++; do
    command -v "$program" >/dev/null || { echo "$program is absent: apt-get install cmake ninja-build g++" >&2; exit 1; }
  done
  sdist=$cache/llama-cpp-python-$version
  if ! compgen -G "$sdist/*.tar.gz" >/dev/null; then
    python3 -m pip download -q --no-deps --no-binary llama-cpp-python -d "$sdist" "llama-cpp-python==$version" >&2
  fi
  work=$made.build
  mkdir -p "$work/source"
  tar -xzf "$sdist"/*.tar.gz -C "$work/source" --strip-components=1
  cmake -G Ninja -S "$work/source/vendor/llama.cpp" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
    -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF \
    -DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON "-DCMAKE_INSTALL_RPATH=\$ORIGIN" "$@" >&2
  cmake --build "$work/build" >&2
  mkdir -p "$made/lib" "$made/include"
  cp "$work"/build/bin/lib{llama,ggml,ggml-base}.so "$work"/build/bin/libggml-*-*.so "$made/lib"
  cp "$work"/build/bin/libggml-cuda.so "$made/lib" 2>/dev/null || true
  strip --strip-unneeded "$made"/lib/*.so
  cp "$work"/source/vendor/llama.cpp/include/*.h "$work"/source/vendor/llama.cpp/ggml/include/*.h "$made/include"
  echo "$version" >"$made/VERSION" # last: what is there is whole
  rm -rf "$work"
fi
echo "$made"
