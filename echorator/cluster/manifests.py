"""Reads resources from YAML files and reports every mistake with its file, line and field. Feeds `echorator apply`, `delete` and `up`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from echorator.cluster.core_yaml import CoreLoader
from echorator.cluster.documents import Wish, wish_of
from echorator.errors import InvalidRequestError
from echorator.model_files.reference import File, SourceError, parse
from echorator.model_resource.schema import Path as FieldPath
from echorator.model_resource.schema import SpecError
from echorator.model_resource.spec import ModelSpec

MOST_BYTES = 8 << 20
MOST_NODES = 200_000  # values in one document, counted with its aliases expanded


# The exceptions of PyYAML; those after YAMLError escape it by mistake, for values that do not fit their tags.
_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


class ManifestError(InvalidRequestError):
    """A file that cannot be applied; the message has one line for each mistake."""


class ManifestUnreadableError(ManifestError):
    """A file that is not there, or that cannot be read."""


def read_manifests(path: Path) -> list[Wish]:
    """Return all resources of a file; relative paths of models start at its folder. Raises ManifestError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ManifestError(f"{path}: larger than {MOST_BYTES >> 20} MiB; this is no manifest")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ManifestUnreadableError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not UTF-8 at byte {error.start}") from error
    return [_from_folder(wish, path.parent) for wish in parse_manifests(text, str(path))]


def parse_manifests(text: str, source: str) -> list[Wish]:
    """Return all resources of a YAML text; `source` names it in errors. Raises ManifestError."""
    faults: list[str] = []
    wishes: dict[object, Wish] = {}
    for node in _documents(text, source):
        try:
            _limit(node)
            given = _loader_of("").construct_document(node)
        except _NOT_YAML as error:
            raise ManifestError(_of_yaml(error, source)) from error
        try:
            wish = wish_of(given)
        except SpecError as error:
            faults += [f"{source}:{_line(node, fault.path)}: {fault}" for fault in error.faults]
            continue
        if wish.key in wishes:
            faults.append(f"{source}:{_line(node, ())}: {wish.key} is there twice")
        wishes[wish.key] = wish
    if faults:
        raise ManifestError("\n".join(faults))
    if not wishes:
        raise ManifestError(f"{source}: there is no resource in it")
    return list(wishes.values())


def _loader_of(text: str) -> Any:
    """Return a loader of `text`, typed as Any because PyYAML has no types."""
    return CoreLoader(text)


def _documents(text: str, source: str) -> Iterator[yaml.Node]:
    try:
        loader = _loader_of(text)
        while loader.check_node():
            node = loader.get_node()
            if not (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"):
                yield node
    except _NOT_YAML as error:
        raise ManifestError(_of_yaml(error, source)) from error


def _of_yaml(error: Exception, source: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        return f"{source}:{mark.line + 1 if mark is not None else 1}: {said}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{source}: character {error.position} is {error.character!r}: {error.reason}"
    if isinstance(error, RecursionError):
        return f"{source}: nested too deeply"
    return f"{source}: {error}" if type(error) is ValueError else f"{source}: a value that is none of its tag ({type(error).__name__})"


def _limit(root: yaml.Node) -> None:
    """Raise ValueError for a document that becomes huge or infinite once its aliases are expanded."""
    waiting, seen = [root], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > MOST_NODES:
            raise ValueError(f"more than {MOST_NODES} values once its aliases are written out")
        if isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _line(node: yaml.Node, path: FieldPath) -> int:
    """Return the line of the field that `path` names, or of its nearest ancestor in the document."""
    line = node.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)


def _from_folder(wish: Wish, folder: Path) -> Wish:
    spec = wish.spec
    if not isinstance(spec, ModelSpec):
        return wish
    image, *others = (_source_from(source, folder) for source in spec.sources())
    adapters = tuple(lora.model_copy(update={"image": other}) for lora, other in zip(spec.engine.lora or (), others, strict=True))
    engine = spec.engine.model_copy(update={"lora": adapters or None})
    return replace(wish, spec=spec.model_copy(update={"image": image, "engine": engine}))


def _source_from(source: str, folder: Path) -> str:
    try:
        reference = parse(source)
    except SourceError:
        return source  # the cluster reports this when it checks the wish
    return str((folder / reference.path).absolute()) if isinstance(reference, File) and not reference.embedded else source
