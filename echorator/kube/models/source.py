"""Decides where the files of a Model come from in a cluster, and where its agents find them. Pure."""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.kube.installation import Install
from echorator.model_files.reference import File, Reference, parse
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.settings import EMBEDDED_NAME

CLAIM_SCHEME = "pvc://"
MODELS_FOLDER, MODEL_FOLDER = "/models", "/model"
MODELS = "models"  # the volume with the files that a store pulls
PULLING_ENV = frozenset(  # the variables that `echorator pull` reads, itself and through requests
    (
        *("ECHORATOR_MIRRORS", "ECHORATOR_OFFLINE", "DOCKER_CONFIG", "NETRC"),
        *("HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_OFFLINE"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *(name for scheme in ("http", "https", "all", "no") for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")),
    )
)
_REFERENCE = re.compile(r"\$\(([^)]+)\)")


class Way(enum.Enum):
    """The way in which a model's file reaches its agents."""

    EMBEDDED = "embedded"  # the file is part of the program
    STORE = "store"  # a StatefulSet pulls it into a claim, which agents read or copy from
    CLAIM = "claim"  # it is on a claim of the user's
    IMAGE_VOLUME = "image volume"  # the cluster mounts it


@dataclass(frozen=True)
class Source:
    """The source of a Model's files.

    `image` is the source that the mesh tells the agents to load, and `mounted` are pairs of a source and its file's path in the agents.
    `pulled` are the sources that the StatefulSet `store` pulls, `claim` is the claim that they are on, and `reference` is the name of an
    image volume for the cluster. Invariant: `claim` is a user's claim where `way` is CLAIM, a user's or the store's where it is STORE, and
    "" else.
    """

    way: Way
    image: str
    mounted: tuple[tuple[str, str], ...] = ()
    pulled: tuple[str, ...] = ()
    claim: str = ""
    reference: str = ""
    store: str = ""


def source_of(spec: KubeModelSpec, install: Install) -> Source:
    """Return the source of a Model's files. Raises InvalidRequestError (SourceError among them) for sources that a cluster cannot have."""
    sources = spec.sources()
    if any(source.startswith(CLAIM_SCHEME) for source in sources):
        return _on_claim(sources)
    model, *adapters = (_pullable(source) for source in sources)
    if any(isinstance(adapter, File) for adapter in adapters):
        raise InvalidRequestError(f"spec.engine.lora: {EMBEDDED_NAME} is a model, not an adapter")
    pulled = sources[1:] if isinstance(model, File) else sources
    if not pulled:
        return Source(Way.EMBEDDED, str(model))
    if install.image_volumes and spec.image.startswith("oci://") and len(sources) == 1:
        mounted = ((spec.image, MODEL_FOLDER),)
        return Source(Way.IMAGE_VOLUME, spec.image, mounted, reference=spec.image.removeprefix("oci://"))
    store = store_name(spec)
    return Source(Way.STORE, spec.image, pulled=pulled, claim=spec.storage.existing_claim or f"{MODELS}-{store}-0", store=store)


def _pullable(source: str) -> Reference:
    """Parse a source that can be pulled; a File is the embedded model. Raises InvalidRequestError."""
    reference = parse(source)
    if isinstance(reference, File) and not reference.embedded:
        raise InvalidRequestError(f"{source!r} is a file of one machine; put it on a claim and write pvc://CLAIM/FILE.gguf")
    return reference


def _on_claim(sources: Sequence[str]) -> Source:
    """Return the source of a model and its adapters that are on one claim. Raises InvalidRequestError."""
    mounted = []
    for source in sources:
        claim, slash, file = source.removeprefix(CLAIM_SCHEME).partition("/")
        if not source.startswith(CLAIM_SCHEME) or claim != claim_in(sources[0]):
            raise InvalidRequestError(f"{source!r}: a model on a claim and its adapters are on the same claim, or none is")
        if not claim or not slash or not file or ".." in file.split("/"):
            raise InvalidRequestError(f"{source!r}: a file of a claim is pvc://CLAIM/FILE.gguf")
        mounted.append((source, f"{MODEL_FOLDER}/{file}"))
    return Source(Way.CLAIM, sources[0], tuple(mounted), claim=claim_in(sources[0]))


def claim_in(source: str) -> str:
    """Return the claim that a source names; "" for none."""
    return source.removeprefix(CLAIM_SCHEME).partition("/")[0] if source.startswith(CLAIM_SCHEME) else ""


def claim_named(spec: Mapping[str, Any]) -> str:
    """Return the user's claim that a spec, as the API server has it, names; "" for none."""
    return claim_in(str(spec.get("image", ""))) or str((spec.get("storage") or {}).get("existingClaim") or "")


def pulling_env(spec: KubeModelSpec) -> list[Mapping[str, Any]]:
    """Return the variables of spec.extraEnv that the puller reads, with the earlier variables that their values name as $(NAME)."""
    kept: list[Mapping[str, Any]] = []
    read = set(PULLING_ENV)
    for variable in reversed(spec.extra_env):
        if variable.get("name") in read:
            kept.insert(0, variable)
            read.update(_REFERENCE.findall(str(variable.get("value", ""))))
    return kept


def store_name(spec: KubeModelSpec) -> str:
    """Return the name of the store that all Models of a namespace share if they pull the same files in the same way to the same storage.

    Everything that the store's pod is made of is hashed into the name: two Models that want different pods get two stores, instead of
    replacing one store in turn.
    """
    by_class = None if spec.storage.size or spec.storage.existing_claim else spec.resource_class  # the class decides the size of the claim
    pulled = [*spec.sources(), list(spec.image_pull_secrets), pulling_env(spec)]
    kept = [spec.storage.model_dump(mode="json"), by_class]
    placed = [spec.node_selector, list(spec.tolerations), spec.priority_class_name]
    secured = [asked] if (asked := asked_security(spec)) else []  # absent in most specs, so that existing stores keep their name
    key = json.dumps([*pulled, *kept, *placed, *secured], sort_keys=True)
    return f"model-store-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def asked_security(spec: KubeModelSpec) -> Mapping[str, Any]:
    """Return the securityContext of the user's pod template under its name; {} if the template has none.

    None in it, or instead of it, removes the operator's value: on OpenShift the ids, which a namespace assigns there.
    """
    own = (spec.pod_template or {}).get("spec")
    return {"securityContext": own["securityContext"]} if isinstance(own, Mapping) and "securityContext" in own else {}
