"""Generate `echorator/rpc/` from the .proto files beside this script.

The public package `echorator.v1` becomes the Python package `echorator.rpc.v1`, the private `echorator.mesh.v1` becomes
`echorator.rpc.mesh.v1`, so the imports that protoc writes are rewritten on the way. Output depends on the version of
grpcio-tools, which the `test` extra pins. protoc types the messages but not the services; `service_types` adds that, for grpc.aio.

    python protos/generate.py           write the files
    python protos/generate.py --check   print a diff and exit 1 where the files are not what protoc gives now
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
TARGET = PROTOS.parent / "echorator" / "rpc"
_LOOSE = '# mypy: disable-error-code="type-arg"\n'  # protoc writes a bare Mapping
_IMPORT = re.compile(r"^from echorator\.((?:mesh\.)?v1) import ", re.MULTILINE)


def generate(folder: Path) -> dict[str, str]:
    """Run protoc with `folder` as its output and return the rewritten texts by path below `TARGET`.

    Raises:
        SystemExit: protoc refused a file; it has printed why.
    """
    sources = sorted(str(p.relative_to(PROTOS)) for p in PROTOS.glob("echorator/**/*.proto"))
    well_known = files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{PROTOS}", f"-I{well_known}"]
    arguments += [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    described = folder / "described.binpb"
    if protoc.main([*arguments, f"--descriptor_set_out={described}", *sources]) != 0:
        raise SystemExit(1)
    root = folder / "echorator"
    made = sorted(p for p in root.rglob("*") if p.is_file())
    texts = {p.relative_to(root).as_posix(): _IMPORT.sub(r"from echorator.rpc.\1 import ", p.read_text("utf-8")) for p in made}
    texts = {name: _LOOSE + text if name.endswith(".pyi") else text for name, text in texts.items()}
    for file in FileDescriptorSet.FromString(described.read_bytes()).file:
        if file.service:
            texts[f"{Path(file.name).with_suffix('').relative_to('echorator')}_pb2_grpc.pyi"] = service_types(file)
    return texts


def _callable_of(method: MethodDescriptorProto) -> str:
    shape = ("Stream" if method.client_streaming else "Unary") + ("Stream" if method.server_streaming else "Unary")
    return f"aio.{shape}MultiCallable[{_message(method.input_type)}, {_message(method.output_type)}]"


def _message(type_name: str) -> str:
    return f"pb.{type_name.rpartition('.')[2]}"


def service_types(file: FileDescriptorProto) -> str:
    """The .pyi text of a `_pb2_grpc` module. A handler of a stream may yield, or write to its context and return None."""
    lines = [
        "from collections.abc import AsyncIterator, Awaitable",
        "",
        "from grpc import aio",
        "",
        f"from echorator.rpc.{file.package.removeprefix('echorator.')} import {Path(file.name).stem}_pb2 as pb",
    ]
    for service in file.service:
        lines += ["", f"class {service.name}Stub:", "    def __init__(self, channel: aio.Channel) -> None: ..."]
        lines += [f"    {m.name}: {_callable_of(m)}" for m in service.method]
        lines += ["", f"class {service.name}Servicer:"]
        for m in service.method:
            request, reply = _message(m.input_type), _message(m.output_type)
            taken = f"AsyncIterator[{request}]" if m.client_streaming else request
            given = f"AsyncIterator[{reply}] | Awaitable[None]" if m.server_streaming else f"Awaitable[{reply}]"
            lines.append(f"    def {m.name}(self, request: {taken}, context: aio.ServicerContext[{request}, {reply}]) -> {given}: ...")
        lines += ["", f"def add_{service.name}Servicer_to_server(servicer: {service.name}Servicer, server: aio.Server) -> None: ..."]
    return "\n".join(lines) + "\n"


def differences(texts: dict[str, str], target: Path) -> list[str]:
    """Unified diff lines from what lies in `target` to `texts`; empty where they are equal."""
    found = [p for p in target.rglob("*_pb2*.py*") if p.suffix in (".py", ".pyi")]
    there = {p.relative_to(target).as_posix(): p.read_text("utf-8") for p in found}
    lines: list[str] = []
    for name in sorted(there.keys() | texts.keys()):
        old, new = there.get(name, ""), texts.get(name, "")
        lines += difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{name} (committed)", f"{name} (generated)")
    return lines


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Generate echorator/rpc/ from protos/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff where files are stale")
    arguments = parser.parse_args()
    check: bool = arguments.check
    with tempfile.TemporaryDirectory() as folder:
        texts = generate(Path(folder))
    if check:
        lines = differences(texts, TARGET)
        sys.stdout.writelines(lines)
        return 1 if lines else 0
    for name, text in texts.items():
        (TARGET / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
