"""Builds the Cython extensions; everything else is in pyproject.toml.

The engine compiles against the headers and links to the libraries that the llama-cpp-python package installs, or to those in
echorator/_native/carried, where packaging/ has put what a wheel carries.
"""

import importlib.util
import os
import sys
from importlib.metadata import version
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
FLAGS = ["-std=c++17", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-function", "-Wno-sign-compare", "-fopenmp"]


CARRIED = ROOT / "echorator" / "_native" / "carried"


def llama() -> tuple[Path, Path, str, str]:
    """Return the folders of llama.cpp's headers and libraries, where the latter are from the extension, and the version of their source."""
    if CARRIED.is_dir():
        return CARRIED / "include", CARRIED / "lib", "$ORIGIN/carried/lib", (CARRIED / "VERSION").read_text().strip()
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        sys.exit("llama-cpp-python is needed to build: pip install llama-cpp-python, or build with pip's isolation on")
    package = Path(spec.origin).parent
    return package.parent / "include", package / "lib", "$ORIGIN/../../llama_cpp/lib", version("llama-cpp-python")


def extension(name: str, links_llama: bool) -> Extension:
    # Only headers: Cython itself compiles a module again when a .pxd that it cimports has changed, but does not look into headers.
    headers = [str(p.relative_to(ROOT)) for p in (ROOT / "_native").glob("*.hpp")]
    source = Extension(
        f"echorator._native.{name}",
        [f"_native/{name}.pyx"],
        language="c++",
        depends=headers,
        include_dirs=["_native"],
        extra_compile_args=list(FLAGS),
        extra_link_args=["-fopenmp"],
    )
    if links_llama:
        include, libraries, found_at, built_for = llama()
        source.include_dirs.append(str(include))
        source.library_dirs.append(str(libraries))
        source.libraries += ["llama", "ggml", "ggml-base"]
        source.runtime_library_dirs.append(found_at)
        source.define_macros.append(("ECHORATOR_BUILT_FOR", f'"{built_for}"'))
    return source


setup(
    ext_modules=cythonize(
        [
            extension("engine", links_llama=True),
            extension("grammar_harness", links_llama=False),
            extension("planner_harness", links_llama=False),
            extension("recall_index", links_llama=False),
        ],
        include_path=["_native"],
        build_dir="build/cython",
        compiler_directives={"language_level": 3, "embedsignature": True},
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},  # by default one compiler runs at a time
)
