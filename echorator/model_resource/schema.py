"""The base of all resource specs: camelCase names outside, immutable values inside, no unknown fields, errors that name the field.

Feeds `spec` and the specs of the local cluster. `check` turns pydantic's errors into one fault per field, with the nearest known name for
a field that does not exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from echorator.errors import InvalidRequestError

Path = tuple[str | int, ...]
S = TypeVar("S", bound="Spec")

_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


class Spec(BaseModel):
    """The base class of a resource's spec and of its parts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


@dataclass(frozen=True)
class Fault:
    """One mistake in a resource: where it is, and what to do about it."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class SpecError(InvalidRequestError):
    """The error for an invalid resource; `faults` are all of its mistakes."""

    def __init__(self, faults: Sequence[Fault], where: str = "") -> None:
        super().__init__("; ".join(f"{where}{fault}" for fault in faults))
        self.faults = tuple(faults)


def dotted(path: Path) -> str:
    """Format a path as users write it: ("spec", "containers", 0, "name") becomes spec.containers[0].name."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown name: the nearest known one, or all known ones."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    lower = {k.lower(): k for k in known}
    if not close and name.lower() in lower:
        close = [lower[name.lower()]]
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def check(kind: type[S], value: object, path: Path = ("spec",)) -> S:
    """Return a value as a spec of `kind`. Raises SpecError with every mistake in it."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise SpecError([_fault(kind, path, found) for found in error.errors(include_url=False)]) from error


def document(spec: BaseModel) -> dict[str, Any]:
    """Return a spec as it is written in YAML, without unset fields."""
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def _fault(kind: type[Spec], path: Path, found: Any) -> Fault:
    steps: Path = found["loc"]
    where = (*path, *steps)
    given = found.get("input")
    match found["type"]:
        case "extra_forbidden":
            fields = _fields_at(kind, steps[:-1])
            return Fault(where, f"there is no such field; {nearest(str(steps[-1]), fields)}")
        case "missing":
            return Fault(where, "is missing")
        case "value_error":
            return Fault(where, str(found["ctx"]["error"]))
        case "literal_error":
            return Fault(where, f"must be {found['ctx']['expected']}, not {given!r}")
        case "greater_than_equal":
            return Fault(where, f"must be at least {_number(found['ctx']['ge'])}, not {given}")
        case "less_than_equal":
            return Fault(where, f"must be at most {_number(found['ctx']['le'])}, not {given}")
        case "string_too_short":
            return Fault(where, "must not be empty")
        case kind_of if kind_of in _KINDS:
            return Fault(where, f"must be {_KINDS[kind_of]}, not {_said(given)}")
        case _:
            message = str(found["msg"])
            return Fault(where, f"{message[:1].lower()}{message[1:]}, not {_said(given)}")


def _number(bound: float) -> str:
    return str(bound).removesuffix(".0")


def _said(given: object) -> str:
    if given is None:
        return "nothing"
    text = "a mapping" if isinstance(given, Mapping) else "a list" if isinstance(given, list) else repr(given)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _fields_at(kind: type[BaseModel], steps: Path) -> list[str]:
    """Return the field names of the part to which `steps` lead."""
    for step in steps:
        found = next((f for name, f in kind.model_fields.items() if step in (f.alias, name)), None)
        inner = _model_of(found.annotation) if found is not None else None
        if inner is not None:
            kind = inner
    return [field.alias or name for name, field in kind.model_fields.items()]


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None
