"""`crd.md`: the Model resource, from the CustomResourceDefinition in `manifests/crd.yaml`, which the code generates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from docs.generators.markdown import code, document, prose, table

CRD = Path(__file__).resolve().parents[2] / "manifests" / "crd.yaml"
INTRODUCTION = """
A `Model` says which model is to be served, and how. `echorator apply` takes the same YAML on one machine, where fields about pods have no
effect. `kubectl explain echomodel.spec` prints these texts in a cluster.
"""

Schema = Mapping[str, Any]


def definition() -> Schema:
    """Return the CustomResourceDefinition."""
    found: Schema = yaml.safe_load(CRD.read_text("utf-8"))
    return found


def fields_of(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Yield path, schema and whether it is required of each field below `schema`, each before its own fields."""
    if schema.get("type") == "array":
        yield from fields_of(schema.get("items", {}), f"{path}[]")
        return
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field, name in required
        yield from fields_of(field, f"{path}.{name}")


def page() -> str:
    """Return `crd.md`."""
    whole = definition()["spec"]
    names = whole["names"]
    lines = []
    for version in whole["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        called = ", ".join(code(name) for name in (names["plural"], *names.get("shortNames", ())))
        lines += [f"`apiVersion: {whole['group']}/{version['name']}`, `kind: {names['kind']}`; kubectl knows it as {called}.", ""]
        for part in ("spec", "status"):
            lines += [f"## {part}", ""]
            rows = [
                (code(path), prose(_type(field)), prose(_limits(field, required)), prose(field.get("description", "")))
                for path, field, required in fields_of(schema["properties"][part], part)
            ]
            lines += table(("Field", "Type", "Values", "Meaning"), rows)
        lines += ["## Rules", "", "The API server refuses a Model that breaks one of these rules, with the text beside it.", ""]
        lines += table(("Rule (CEL)", "Message"), [(code(rule["rule"]), prose(rule["message"])) for rule in _rules(schema)])
        lines += ["## Columns of kubectl get", "", "Those of priority 1 are shown with `-o wide`.", ""]
        columns = version["additionalPrinterColumns"]
        lines += table(("Column", "From", "Priority"), [(c["name"], code(c["jsonPath"]), str(c["priority"])) for c in columns])
    return document("The Model resource", INTRODUCTION, lines)


def _rules(schema: Schema) -> Iterator[Schema]:
    yield from schema.get("x-kubernetes-validations", ())
    for part in (*schema.get("properties", {}).values(), *filter(None, (schema.get("items"),))):
        yield from _rules(part)


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map of {_type(field['additionalProperties'])}"
    return str(field.get("type", "any"))


def _limits(field: Schema, required: bool) -> str:
    said = ["required"] if required else []
    if "enum" in field:
        said.append(", ".join(f"`{value}`" for value in field["enum"]))
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None or high is not None:
        said.append(f"{'' if low is None else low}..{'' if high is None else high}")
    low, high = field.get("minLength"), field.get("maxLength")
    if high is not None:
        said.append(f"{low or 0}..{high} characters")
    if "maxItems" in field:
        said.append(f"at most {field['maxItems']}")
    if "pattern" in field:
        said.append(f"matches `{field['pattern']}`")
    if field.get("default") not in (None, {}):
        said.append(f"[{field['default']}]")
    return "; ".join(said)
