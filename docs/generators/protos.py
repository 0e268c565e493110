"""`protos.md`: the public services, methods, messages and fields with the comments of the .proto files, as protoc reads them.

Of a private package it has the file's own comment only, so that nobody takes its services for calls of users.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)
from grpc_tools import protoc

from docs.generators.markdown import code, document, prose, table

PROTOS = Path(__file__).resolve().parents[2] / "protos"
PUBLIC, PRIVATE = "echorator/v1", "echorator/mesh/v1"
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6  # fields of FileDescriptorProto, of which paths of source positions are made
_FIELDS, _NESTED, _INNER_ENUMS = 2, 3, 4  # of DescriptorProto
_VALUES = 2  # of EnumDescriptorProto and, for methods, of ServiceDescriptorProto
_SYNTAX = 12

INTRODUCTION = """
The package `echorator.v1` has what users call; [Private](#private) says what else there is. Brackets at the end of a comment hold the value
of a field that is not set. What a string, a list or a number may be is checked before anything else of a call is done; a value out of its
range is refused with INVALID_ARGUMENT. [Errors](errors.md) lists the statuses.
"""

Path_ = tuple[int, ...]


def described(folder: str) -> list[FileDescriptorProto]:
    """Return the .proto files of a folder below `PROTOS` with the positions of their comments, in the order of their names.

    Raises:
        SystemExit: protoc refused a file; it has printed why.
    """
    sources = sorted(str(p.relative_to(PROTOS)) for p in PROTOS.glob(f"{folder}/*.proto"))
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "described.binpb"
        well_known = files("grpc_tools") / "_proto"
        arguments = ("protoc", f"-I{PROTOS}", f"-I{well_known}", "--include_source_info", f"--descriptor_set_out={out}", *sources)
        if protoc.main(arguments) != 0:
            raise SystemExit(1)
        return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def comments_of(file: FileDescriptorProto) -> dict[Path_, str]:
    """Return the comment of each element, by its path in the file: the lines before it, and what follows it on its line."""
    found = {}
    for location in file.source_code_info.location:
        text = f"{location.leading_comments}{location.trailing_comments}".strip("\n")
        if text.strip():
            found[tuple(location.path)] = text
    return found


def page() -> str:
    """Return `protos.md`."""
    lines: list[str] = []
    for file in described(PUBLIC):
        comments = comments_of(file)
        lines += [f"## {file.name}", ""]
        lines += _header(comments.get((_SYNTAX,), ""))
        for i, service in enumerate(file.service):
            lines += [f"### {service.name}", ""]
            rows = [
                (code(method.name), _shape(method), prose(comments.get((_SERVICES, i, _VALUES, j), "")))
                for j, method in enumerate(service.method)
            ]
            lines += table(("Method", "Request and reply", "Meaning"), rows)
        for i, message in enumerate(file.message_type):
            lines += _message(message, message.name, (_MESSAGES, i), comments)
        for i, enum in enumerate(file.enum_type):
            lines += _enum(enum, enum.name, (_ENUMS, i), comments)
    lines += ["## Private", ""]
    for file in described(PRIVATE):
        lines += [f"`{file.name}`:", "", *_header(comments_of(file).get((_SYNTAX,), ""))]
    return document("Protocol buffers", INTRODUCTION, lines)


def _header(comment: str) -> list[str]:
    """Return a file's own comment: its indented lines, such as the list of statuses, as they stand."""
    lines: list[str] = []
    for line in comment.splitlines():
        indented = line.startswith("   ")
        if indented and not (lines and lines[-1].startswith("    ")):
            lines.append("")
        lines.append(f"    {line.strip()}" if indented else prose(line))
    return [*lines, ""] if lines else []


def _shape(method: MethodDescriptorProto) -> str:
    request = f"{'stream ' * method.client_streaming}{_short(method.input_type)}"
    reply = f"{'stream ' * method.server_streaming}{_short(method.output_type)}"
    return f"{code(request)} → {code(reply)}"


def _short(type_name: str) -> str:
    return type_name.removeprefix(".").removeprefix("echorator.v1.")


def _message(message: DescriptorProto, name: str, path: Path_, comments: dict[Path_, str]) -> Iterator[str]:
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    yield from (f"### {name}", "")
    if path in comments:
        yield from (prose(comments[path]), "")
    if not message.field:
        yield from ("It has no fields.", "")
    rows = [
        (
            code(field.name),
            str(field.number),
            code(_type(field, entries)),
            prose(comments.get((*path, _FIELDS, i), "") + _choice(message, field)),
        )
        for i, field in enumerate(message.field)
    ]
    yield from table(("Field", "Number", "Type", "Meaning"), rows)
    for i, nested in enumerate(message.nested_type):
        if nested.name not in entries:
            yield from _message(nested, f"{name}.{nested.name}", (*path, _NESTED, i), comments)
    for i, enum in enumerate(message.enum_type):
        yield from _enum(enum, f"{name}.{enum.name}", (*path, _INNER_ENUMS, i), comments)


def _choice(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    if field.proto3_optional or not field.HasField("oneof_index"):
        return ""
    return f" (one of `{message.oneof_decl[field.oneof_index].name}`)"


def _type(field: FieldDescriptorProto, entries: dict[str, DescriptorProto]) -> str:
    name = _short(field.type_name) or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    entry = entries.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = (_type(part, {}) for part in entry.field)
        return f"map<{key}, {value}>"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _enum(enum: EnumDescriptorProto, name: str, path: Path_, comments: dict[Path_, str]) -> Iterator[str]:
    yield from (f"### {name}", "")
    if path in comments:
        yield from (prose(comments[path]), "")
    rows = [(code(v.name), str(v.number), prose(comments.get((*path, _VALUES, i), ""))) for i, v in enumerate(enum.value)]
    yield from table(("Value", "Number", "Meaning"), rows)


def without_comment() -> list[str]:
    """Return the methods, fields and values, as TYPE.NAME, that have no comment."""
    missing: list[str] = []
    for file in (*described(PUBLIC), *described(PRIVATE)):
        comments = comments_of(file)
        parents: list[tuple[str, Path_, Sequence[MethodDescriptorProto | FieldDescriptorProto]]] = []
        parents += [(s.name, (_SERVICES, i, _VALUES), s.method) for i, s in enumerate(file.service)]
        parents += [(m.name, (_MESSAGES, i, _FIELDS), m.field) for i, m in enumerate(file.message_type)]
        missing += [f"{name}.{part.name}" for name, path, parts in parents for j, part in enumerate(parts) if (*path, j) not in comments]
        for i, enum in enumerate(file.enum_type):
            missing += [f"{enum.name}.{v.name}" for j, v in enumerate(enum.value) if (_ENUMS, i, _VALUES, j) not in comments]
    return missing
