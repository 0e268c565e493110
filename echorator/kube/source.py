"""Where the file of a Model comes from in a cluster, and where its agents find it. Pure."""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.images.reference import File, Reference, parse
from echorator.kube.install import Install
from echorator.model.kube_spec import KubeModelSpec
from echorator.settings import EMBEDDED_NAME

CLAIM_SCHEME = "pvc://"
MODELS_FOLDER, MODEL_FOLDER = "/models", "/model"
PULLING_ENV = frozenset(  # what `echorator pull` reads, itself and through requests
    (
        *("ECHORATOR_MIRRORS", "ECHORATOR_OFFLINE", "DOCKER_CONFIG", "NETRC"),
        *("HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_OFFLINE"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *(name for scheme in ("http", "https", "all", "no") for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")),
    )
)
_REFERENCE = re.compile(r"\$\(([^)]+)\)")


class Way(enum.Enum):
    """How the file gets there."""

    EMBEDDED = "embedded"  # part of the program
    STORE = "store"  # pulled into a claim, which agents read or copy from
    CLAIM = "claim"  # on a claim of the user's
    IMAGE_VOLUME = "image volume"  # mounted by the cluster


@dataclass(frozen=True)
class Source:
    """`image` is what the mesh tells the agents to load, `mounted` where they have what files already, by source.

    `pulled` are the sources that the StatefulSet `store` pulls, `claim` is of the user, `reference` the cluster's name of an image volume.
    """

    way: Way
    image: str
    mounted: tuple[tuple[str, str], ...] = ()
    pulled: tuple[str, ...] = ()
    claim: str = ""
    reference: str = ""
    store: str = ""


def source_of(spec: KubeModelSpec, install: Install) -> Source:
    """Raises InvalidRequestError: SourceError and what a cluster cannot have."""
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
    return Source(Way.STORE, spec.image, pulled=pulled, store=store_name(spec))


def _pullable(source: str) -> Reference:
    """What it refers to; a File is the embedded model. Raises InvalidRequestError."""
    reference = parse(source)
    if isinstance(reference, File) and not reference.embedded:
        raise InvalidRequestError(f"{source!r} is a file of one machine; put it on a claim and write pvc://CLAIM/FILE.gguf")
    return reference


def _on_claim(sources: Sequence[str]) -> Source:
    """A model and its adapters on one claim. Raises InvalidRequestError."""
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
    """The claim that a source names; "" for none."""
    return source.removeprefix(CLAIM_SCHEME).partition("/")[0] if source.startswith(CLAIM_SCHEME) else ""


def claim_named(spec: Mapping[str, Any]) -> str:
    """The claim of the user's that a spec, as the API server has it, names; "" for none."""
    return claim_in(str(spec.get("image", ""))) or str((spec.get("storage") or {}).get("existingClaim") or "")


def pulling_env(spec: KubeModelSpec) -> list[Mapping[str, Any]]:
    """Of spec.extraEnv what the puller reads, with the earlier variables that its values name as $(NAME)."""
    kept: list[Mapping[str, Any]] = []
    read = set(PULLING_ENV)
    for variable in reversed(spec.extra_env):
        if variable.get("name") in read:
            kept.insert(0, variable)
            read.update(_REFERENCE.findall(str(variable.get("value", ""))))
    return kept


def store_name(spec: KubeModelSpec) -> str:
    """One for all models of a namespace that pull the same files in the same way, into the same kind of storage, in the same place.

    What its pod is made of is in the name: two models that want it otherwise have two stores, instead of making one anew in turn.
    """
    by_class = None if spec.storage.size or spec.storage.existing_claim else spec.resource_class  # it says how large the claim is
    pulled = [*spec.sources(), list(spec.image_pull_secrets), pulling_env(spec)]
    kept = [spec.storage.model_dump(mode="json"), by_class]
    placed = [spec.node_selector, list(spec.tolerations), spec.priority_class_name]
    key = json.dumps([*pulled, *kept, *placed], sort_keys=True)
    return f"model-store-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def shared_claim(spec: KubeModelSpec) -> bool:
    """Pods of any node can read the store's claim."""
    return spec.storage.access_mode == "ReadWriteMany"
