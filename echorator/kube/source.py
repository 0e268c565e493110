"""Where the file of a Model comes from in a cluster, and where its agents find it. Pure."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.images.reference import File, parse
from echorator.kube.install import Install
from echorator.kube.resources import Object
from echorator.model.kube_spec import KubeModelSpec

CLAIM_SCHEME = "pvc://"
MODELS_FOLDER, MODEL_FOLDER = "/models", "/model"


class Way(enum.Enum):
    """How the file gets there."""

    EMBEDDED = "embedded"  # part of the program
    STORE = "store"  # pulled into a claim, which agents read or copy from
    CLAIM = "claim"  # on a claim of the user's
    IMAGE_VOLUME = "image volume"  # mounted by the cluster


@dataclass(frozen=True)
class Source:
    """`image` is what the mesh tells the agents to load, `mounted` where they have it already, "" for nowhere.

    `claim` is of the user, `reference` the cluster's name of an image volume, `store` the name of the StatefulSet that pulls.
    """

    way: Way
    image: str
    mounted: str = ""
    claim: str = ""
    reference: str = ""
    store: str = ""


def source_of(spec: KubeModelSpec, install: Install) -> Source:
    """Raises InvalidRequestError: SourceError and what a cluster cannot have."""
    if spec.image.startswith(CLAIM_SCHEME):
        claim, slash, file = spec.image.removeprefix(CLAIM_SCHEME).partition("/")
        if not claim or not slash or not file or ".." in file.split("/"):
            raise InvalidRequestError(f"{spec.image!r}: a file of a claim is pvc://CLAIM/FILE.gguf")
        return Source(Way.CLAIM, spec.image, f"{MODEL_FOLDER}/{file}", claim=claim)
    reference = parse(spec.image)
    if isinstance(reference, File):
        if reference.embedded:
            return Source(Way.EMBEDDED, str(reference))
        raise InvalidRequestError(f"{spec.image!r} is a file of one machine; put it on a claim and write pvc://CLAIM/FILE.gguf")
    if install.image_volumes and spec.image.startswith("oci://"):
        return Source(Way.IMAGE_VOLUME, spec.image, MODEL_FOLDER, reference=spec.image.removeprefix("oci://"))
    return Source(Way.STORE, spec.image, store=store_name(spec))


def claim_named(spec: Mapping[str, Any]) -> str:
    """The claim of the user's that a spec, as the API server has it, names; "" for none."""
    image = str(spec.get("image", ""))
    if image.startswith(CLAIM_SCHEME):
        return image.removeprefix(CLAIM_SCHEME).partition("/")[0]
    return str((spec.get("storage") or {}).get("existingClaim") or "")


def store_name(spec: KubeModelSpec) -> str:
    """One for all models of a namespace that have the same image on the same kind of storage."""
    secrets: list[Object] = list(spec.image_pull_secrets)
    key = json.dumps([spec.image, spec.storage.model_dump(mode="json"), secrets], sort_keys=True)
    return f"model-store-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def shared_claim(spec: KubeModelSpec) -> bool:
    """Pods of any node can read the store's claim."""
    return spec.storage.access_mode == "ReadWriteMany"
