"""The CustomResourceDefinition of Model: a structural schema made from `KubeModelSpec`, and CEL rules for what a schema cannot say. Pure.

Feeds `manifests`. `kubectl apply` prints the rules' messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echorator.errors import ErrorClass
from echorator.kube.api.resources import GROUP, MODEL, VERSION, Object
from echorator.model_resource.conditions import CHAIN
from echorator.model_resource.kube_spec import QUANTITY, KubeModelSpec
from echorator.model_resource.names import NAME, NAME_LENGTH
from echorator.model_resource.phase import Phase

MOST_TEXT, MOST_PAIRS = 4096, 64
_KEPT = ("type", "description", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "enum", "pattern", "default")
_RULED = "x-kubernetes-validations"  # rules of one field, from `model_resource.kube_names`
_LOCAL = ("isolation",)  # fields that only `echorator up` reads

_SOURCE_RULES = (  # for every source that is pulled; IT stands for its CEL expression, FIELD for its name
    (
        r"!IT.matches('\\s')",
        "FIELD must not contain spaces",
    ),
    (
        "!IT.contains('://') || IT.startsWith('hf://') || IT.startsWith('oci://') || "
        "IT.startsWith('pvc://') || IT.startsWith('https://') || IT.startsWith('http://')",
        "FIELD is a name such as phi:latest, or begins with hf://, oci://, pvc:// or https://",
    ),
    (
        "!IT.startsWith('http') || !IT.contains('://') || IT.matches('#sha256=[0-9a-fA-F]{64}$')",
        "FIELD: a URL ends with #sha256= and the 64 digits that `sha256sum` prints, so that the file can be verified",
    ),
    (
        "!IT.startsWith('/') && !IT.startsWith('.') && !IT.startsWith('file:')",
        "FIELD: pods do not see your machine's files; put it on a claim and write pvc://CLAIM/FILE.gguf, or push it to a registry",
    ),
    (
        "!IT.startsWith('pvc://') || IT.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/.+[.]gguf$')",
        "FIELD: a file of a claim is pvc://CLAIM/FILE.gguf",
    ),
)


def _source_rules() -> tuple[tuple[str, str], ...]:
    """Return the rules of the model's image, then those of its adapters' images."""
    own = ((rule.replace("IT", "self.image"), said.replace("FIELD", "spec.image")) for rule, said in _SOURCE_RULES)
    each = ((rule.replace("IT", "l.image"), said.replace("FIELD", "spec.engine.lora.image")) for rule, said in _SOURCE_RULES)
    return (*own, *((f"!has(self.engine.lora) || self.engine.lora.all(l, {rule})", said) for rule, said in each))


_RULES = (
    *_source_rules(),
    (
        "!has(self.engine.lora) || self.engine.lora.all(l, l.image.startsWith('pvc://') == self.image.startsWith('pvc://') && "
        "(!l.image.startsWith('pvc://') || l.image.split('/')[2] == self.image.split('/')[2]))",
        "spec.engine.lora: a model on a claim and its adapters are on the same claim, or none is",
    ),
    (
        "!has(self.engine.lora) || self.engine.lora.all(l, !has(l.name) || "
        "self.engine.lora.exists_one(o, has(o.name) && o.name == l.name))",
        "spec.engine.lora: two adapters have the same name; give each its own",
    ),
    (
        "!self.image.startsWith('pvc://') || !(has(self.storage.size) || has(self.storage.className) || has(self.storage.existingClaim))",
        "spec.storage is of no use with a pvc:// image, whose claim is there already; remove it",
    ),
    (
        "!has(self.storage.existingClaim) || !(has(self.storage.size) || has(self.storage.className))",
        "spec.storage: an existingClaim has its size and class already; remove size and className",
    ),
    (
        "!(has(self.resourceClass) && has(self.resources))",
        "say either spec.resourceClass or spec.resources",
    ),
    (
        "!has(self.autoscaling) || self.autoscaling.minReplicas <= self.autoscaling.maxReplicas",
        "spec.autoscaling.minReplicas must not be above maxReplicas",
    ),
    (
        "!has(self.expose.nodePort) || self.expose.type == 'NodePort'",
        "spec.expose.nodePort needs spec.expose.type NodePort",
    ),
    (
        "!has(self.expose.host) || self.expose.type in ['Ingress', 'GRPCRoute']",
        "spec.expose.host needs spec.expose.type Ingress or GRPCRoute",
    ),
    (
        "self.expose.type != 'Ingress' || has(self.expose.host)",
        "spec.expose.type Ingress needs spec.expose.host",
    ),
    (
        "!has(self.expose.tlsSecretName) || (self.expose.type == 'Ingress' && has(self.expose.host))",
        "spec.expose.tlsSecretName is of an Ingress: it needs spec.expose.type Ingress and a spec.expose.host that its certificate is for",
    ),
    (
        "(self.expose.type == 'GRPCRoute') == has(self.expose.gateway)",
        "spec.expose.gateway and spec.expose.type GRPCRoute need each other",
    ),
    (
        "!has(self.cognition.resources) || has(self.cognition.store)",
        "spec.cognition.resources are of a memory of its own, which spec.cognition.store makes",
    ),
    (
        "!has(self.cognition.store) || self.cognition.store.matches('^(rediss?|postgres(ql)?)://')",
        "spec.cognition.store must begin with redis://, rediss:// or postgresql://",
    ),
)
_TRANSITIONS = (
    (
        "has(self.servedName) == has(oldSelf.servedName) && (!has(self.servedName) || self.servedName == oldSelf.servedName)",
        "spec.servedName cannot be changed, clients ask for it; make another Model",
    ),
)
_NAME_RULE = (
    f"self.metadata.name.size() <= {NAME_LENGTH} && self.metadata.name.matches('^{NAME}$')",
    f"metadata.name must be at most {NAME_LENGTH} characters of a-z, 0-9 and -, and begin with a letter: Services are named after it",
)


def definition() -> Object:
    """Return the CustomResourceDefinition as an object."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{MODEL.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": MODEL.name,
                "listKind": "ModelList",
                "plural": MODEL.plural,
                "singular": "model",
                "shortNames": ["echomodel", "echomodels", "mdl"],  # other operators use mdl too
                "categories": ["echorator"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": _columns(),
                }
            ],
        },
    }


def _columns() -> list[Object]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    columns = (
        ("Phase", "string", ".status.phase", 0),
        ("Ready", "string", f"{ready}.status", 0),
        ("Reason", "string", f"{ready}.reason", 0),
        ("Replicas", "integer", ".status.replicas", 0),
        ("Model", "string", ".spec.image", 0),
        ("Endpoint", "string", ".status.endpoint", 1),
        ("Age", "date", ".metadata.creationTimestamp", 0),
    )
    return [{"name": name, "type": kind, "jsonPath": path, "priority": priority} for name, kind, path, priority in columns]


def _schema() -> Object:
    given = KubeModelSpec.model_json_schema(by_alias=True)
    spec = _structural(given, given.get("$defs", {}))
    for name in _LOCAL:
        spec["properties"].pop(name, None)
    spec["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in (*_RULES, *_TRANSITIONS)]
    return {
        "type": "object",
        "description": "A model of llama.cpp, served with a memory.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _status(),
        },
        "x-kubernetes-validations": [{"rule": _NAME_RULE[0], "message": _NAME_RULE[1]}],
    }


def _structural(given: Mapping[str, Any], definitions: Mapping[str, Any]) -> Object:
    """Return a JSON schema as Kubernetes accepts it: no references, no alternatives, and bounds everywhere, so that rules are cheap."""
    if "$ref" in given:
        inner = definitions[given["$ref"].rpartition("/")[2]]
        return _structural({**inner, **{key: value for key, value in given.items() if key != "$ref"}}, definitions)
    alternatives = [choice for choice in given.get("anyOf", ()) if choice != {"type": "null"}]
    if len(alternatives) == 1:
        return _structural({**alternatives[0], **{key: value for key, value in given.items() if key != "anyOf"}}, definitions)
    if alternatives:  # text or a number, which is a quantity
        return {"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32}
    schema: Object = {key: given[key] for key in (*_KEPT, _RULED) if given.get(key) is not None}
    if schema.get("default") == []:
        del schema["default"]
    match given.get("type"):
        case "string" if "enum" not in schema:
            schema.setdefault("maxLength", MOST_TEXT)
        case "array":
            schema["items"] = _structural(given["items"], definitions)
            schema.setdefault("maxItems", MOST_PAIRS)
        case "object" if "properties" in given:
            schema["properties"] = {name: _structural(value, definitions) for name, value in given["properties"].items()}
            if given.get("required"):
                schema["required"] = list(given["required"])
        case "object" if isinstance(given.get("additionalProperties"), Mapping):
            schema["additionalProperties"] = _structural(given["additionalProperties"], definitions)
            schema["maxProperties"] = MOST_PAIRS
        case "object":
            schema["x-kubernetes-preserve-unknown-fields"] = True
    if isinstance(schema.get("default"), dict):  # fields have defaults of their own; the API server fills them into an empty object
        del schema["default"]
        if "properties" in schema:
            schema["default"] = {}
    return schema


_TEXT: Object = {"type": "string"}
_COUNT: Object = {"type": "integer"}
_SIZE: Object = {"type": "integer", "format": "int64"}


def _status() -> Object:
    error = {"class": {**_TEXT, "enum": [kind.name.capitalize() for kind in ErrorClass]}, "message": _TEXT}
    download = {"doneBytes": _SIZE, "totalBytes": _SIZE, "percent": _COUNT}
    return _described(
        "The state of the Model as the operator observed it last.",
        {
            "observedGeneration": {**_SIZE, "description": "The generation of the spec that the status describes."},
            "phase": {
                **_TEXT,
                "enum": [phase.value for phase in Phase],
                "description": "The step of its life that the model is in; the conditions tell the details.",
            },
            "conditions": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": _condition(),
                "description": f"{', '.join(CHAIN)}; Ready, Progressing, Stalled.",
            },
            "replicas": {**_COUNT, "description": "The number of agents' pods."},
            "readyReplicas": {**_COUNT, "description": "The number of pods that serve the model."},
            "selector": {**_TEXT, "description": "The label selector of the agents' pods, for autoscalers."},
            "servedName": {**_TEXT, "description": "The name by which clients ask for the model."},
            "endpoint": {**_TEXT, "description": "The address of the agents inside of the cluster: HOST:PORT, gRPC."},
            "model": _described("The model file that the agents serve.", {"digest": _TEXT, "sizeBytes": _SIZE}),
            "download": _described("The progress of the download of the model's files.", download),
            "lastError": _described("The error that keeps the Model from what its spec asks for.", error),
        },
    )


def _described(text: str, properties: Object) -> Object:
    return {"type": "object", "description": text, "properties": properties}


def _condition() -> Object:
    """Return the schema of a condition, with the bounds of Kubernetes' own."""
    return {
        "type": "object",
        "required": ["type", "status", "reason", "lastTransitionTime"],
        "properties": {
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
            "observedGeneration": _SIZE,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
    }
